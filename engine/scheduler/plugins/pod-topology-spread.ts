import { ZONE_LABEL } from "../../apimachinery/known-labels.ts";
import { matchesTerm } from "../../resources/node-selector.ts";
import { labelSelectorPredicate, type LabelPredicate } from "../../apimachinery/selectors.ts";
import { tolerates } from "../../resources/node-selection.ts";
import type { Pod, TopologySpreadConstraint } from "../../resources/types.ts";
import type { NodeInfo, PodInfo } from "../node-info.ts";
import { isOfNodes, type FilterPlugin, type ScorePlugin } from "../plugin.ts";

interface Spread {
  readonly constraint: TopologySpreadConstraint;
  readonly matches: LabelPredicate;
  readonly selfMatches: boolean;
  /** Matching pods per value of the topology key, over the nodes that count. */
  readonly counts: ReadonlyMap<string, number>;
  readonly minimum: number;
}

/** Hard spread constraints: the skew that placing the pod would cause must not exceed maxSkew. */
export const podTopologySpread: FilterPlugin<readonly Spread[]> = {
  name: "PodTopologySpread",
  prepare: (pod, nodes) => hardConstraints(pod).map((constraint) => measureSpread(pod, constraint, nodes)),
  test: (_pod, { node }, spreads) => {
    for (const { constraint, counts, minimum, selfMatches } of spreads) {
      const domain = node.metadata.labels?.[constraint.topologyKey];
      if (domain === undefined) return ["node(s) didn't match pod topology spread constraints (missing required label)"];
      const skew = (counts.get(domain) ?? 0) + (selfMatches ? 1 : 0) - minimum;
      if (skew > constraint.maxSkew) return ["node(s) didn't match pod topology spread constraints"];
    }
    return undefined;
  },
  wokenBy: (event, pod) => event.is === "node-added" || (isOfNodes(event) && hardConstraints(pod).length > 0),
};

/** Soft spread constraints; a pod without any is spread over hosts and zones among the pods of its own kind. */
export const podTopologySpreadScore: ScorePlugin = {
  name: "PodTopologySpread",
  weight: 2,
  score: (pod, candidates, nodes) => {
    const own = (pod.pod.spec.topologySpreadConstraints ?? []).filter((constraint) => constraint.whenUnsatisfiable === "ScheduleAnyway");
    const constraints = own.length > 0 ? own : hardConstraints(pod).length > 0 ? [] : defaultConstraints(pod.pod);
    if (constraints.length === 0) return undefined;
    const spreads = constraints.map((constraint) => measureSpread(pod, constraint, nodes));
    const costs = candidates.map(({ node }) =>
      spreads.reduce((cost, { constraint, counts }) => {
        const domain = node.metadata.labels?.[constraint.topologyKey];
        if (domain === undefined) return cost;
        return cost + (counts.get(domain) ?? 0) * Math.log(counts.size + 2) + (constraint.maxSkew - 1);
      }, 0),
    );
    const min = Math.min(...costs);
    const max = Math.max(...costs);
    return costs.map((cost) => (max === 0 ? 100 : Math.floor((100 * (max + min - cost)) / max)));
  },
};

function hardConstraints({ pod }: PodInfo): readonly TopologySpreadConstraint[] {
  return (pod.spec.topologySpreadConstraints ?? []).filter((constraint) => constraint.whenUnsatisfiable === "DoNotSchedule");
}

/** Upstream spreads by the selectors of the pod's owners; the labels that its template gives all its pods say the same. */
function defaultConstraints(pod: Pod): TopologySpreadConstraint[] {
  const matchLabels = Object.fromEntries(Object.entries(pod.metadata.labels ?? {}).filter(([key]) => key !== "pod-template-hash"));
  if (Object.keys(matchLabels).length === 0 || !pod.metadata.ownerReferences?.length) return [];
  const soft = { whenUnsatisfiable: "ScheduleAnyway", labelSelector: { matchLabels } } as const;
  return [
    { ...soft, topologyKey: "kubernetes.io/hostname", maxSkew: 3 },
    { ...soft, topologyKey: ZONE_LABEL, maxSkew: 5 },
  ];
}

function measureSpread(pod: PodInfo, constraint: TopologySpreadConstraint, nodes: readonly NodeInfo[]): Spread {
  const matches = constraintPredicate(pod.pod, constraint);
  const counts = new Map<string, number>();
  for (const info of nodes) {
    const domain = info.node.metadata.labels?.[constraint.topologyKey];
    if (domain === undefined || !countsFor(pod.pod, constraint, info)) continue;
    let count = counts.get(domain) ?? 0;
    for (const { pod: other } of info.pods) {
      if (other.metadata.namespace === pod.pod.metadata.namespace && other.metadata.deletionTimestamp === undefined && matches(other.metadata.labels)) count++;
    }
    counts.set(domain, count);
  }
  const tooFewDomains = counts.size < (constraint.minDomains ?? 1);
  const minimum = counts.size === 0 || tooFewDomains ? 0 : Math.min(...counts.values());
  return { constraint, matches, selfMatches: matches(pod.pod.metadata.labels), counts, minimum };
}

function constraintPredicate(pod: Pod, constraint: TopologySpreadConstraint): LabelPredicate {
  const selected = labelSelectorPredicate(constraint.labelSelector);
  const shared = (constraint.matchLabelKeys ?? []).filter((key) => pod.metadata.labels?.[key] !== undefined);
  return (labels) => selected(labels) && shared.every((key) => labels?.[key] === pod.metadata.labels?.[key]);
}

/** nodeAffinityPolicy is Honor and nodeTaintsPolicy is Ignore unless said otherwise. */
function countsFor(pod: Pod, constraint: TopologySpreadConstraint, { node }: NodeInfo): boolean {
  if ((constraint.nodeAffinityPolicy ?? "Honor") === "Honor") {
    const labels = node.metadata.labels ?? {};
    if (!Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
    const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    if (terms !== undefined && !terms.some((term) => matchesTerm(term, node))) return false;
  }
  if (constraint.nodeTaintsPolicy !== "Honor") return true;
  return (node.spec?.taints ?? []).every((taint) => taint.effect === "PreferNoSchedule" || tolerates(pod.spec.tolerations, taint));
}
