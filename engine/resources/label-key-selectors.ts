import type { Affinity, LabelSelector, Pod, PodAffinityTerm, TopologySpreadConstraint } from "./types.ts";

/**
 * A new pod whose affinities and spreads say themselves what `matchLabelKeys` and `mismatchLabelKeys` mean: the pod's own values
 * of those labels become expressions of the selectors, as upstream's API server has it. Schedulers then look at selectors alone.
 */
export function withLabelKeySelectors(pod: Pod): Pod {
  const { affinity, topologySpreadConstraints } = pod.spec;
  const labels = pod.metadata.labels ?? {};
  const usesKeys = ({ matchLabelKeys = [], mismatchLabelKeys = [] }: LabelKeys) => matchLabelKeys.length + mismatchLabelKeys.length > 0;
  if (!podTerms(affinity).some(usesKeys) && !(topologySpreadConstraints ?? []).some(usesKeys)) return pod;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      ...(affinity === undefined ? {} : { affinity: mergeAffinity(affinity, labels) }),
      ...(topologySpreadConstraints === undefined
        ? {}
        : { topologySpreadConstraints: topologySpreadConstraints.map((constraint) => mergeKeys(constraint, labels)) }),
    },
  };
}

/** What affinity terms and spreads have in common. */
export interface LabelKeys {
  readonly labelSelector?: LabelSelector;
  readonly matchLabelKeys?: readonly string[];
  readonly mismatchLabelKeys?: readonly string[];
}

type Labels = Readonly<Record<string, string>>;

function podTerms({ podAffinity, podAntiAffinity }: Affinity = {}): PodAffinityTerm[] {
  return [podAffinity, podAntiAffinity].flatMap((terms) => [
    ...(terms?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(terms?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
}

function mergeAffinity(affinity: Affinity, labels: Labels): Affinity {
  const merge = (terms: Affinity["podAffinity"]): Affinity["podAffinity"] => {
    const { requiredDuringSchedulingIgnoredDuringExecution: required, preferredDuringSchedulingIgnoredDuringExecution: preferred } = terms ?? {};
    return {
      ...(required === undefined ? {} : { requiredDuringSchedulingIgnoredDuringExecution: required.map((term) => mergeKeys(term, labels)) }),
      ...(preferred === undefined
        ? {}
        : {
            preferredDuringSchedulingIgnoredDuringExecution: preferred.map((wish) => ({ ...wish, podAffinityTerm: mergeKeys(wish.podAffinityTerm, labels) })),
          }),
    };
  };
  return {
    ...affinity,
    ...(affinity.podAffinity === undefined ? {} : { podAffinity: merge(affinity.podAffinity) }),
    ...(affinity.podAntiAffinity === undefined ? {} : { podAntiAffinity: merge(affinity.podAntiAffinity) }),
  };
}

/** Without a selector nothing is selected, whatever the keys; labels that the pod has not got say nothing. */
function mergeKeys<T extends LabelKeys & (PodAffinityTerm | TopologySpreadConstraint)>(term: T, labels: Labels): T {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  const expressions = (keys: readonly string[], operator: string) =>
    keys.flatMap((key) => (labels[key] === undefined ? [] : [{ key, operator, values: [labels[key]] }]));
  const added = [...expressions(matchLabelKeys, "In"), ...expressions(mismatchLabelKeys, "NotIn")];
  if (labelSelector === undefined || added.length === 0) return term;
  return { ...term, labelSelector: { ...labelSelector, matchExpressions: [...(labelSelector.matchExpressions ?? []), ...added] } };
}
