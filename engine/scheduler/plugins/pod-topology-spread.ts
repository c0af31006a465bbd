import { ZONE_LABEL } from "../../apimachinery/known-labels.ts";
import { matchesTerm } from "../../resources/node-selector.ts";
import { labelSelectorPredicate, labelValue, type LabelPredicate } from "../../apimachinery/selectors.ts";
import { tolerates } from "../../resources/node-selection.ts";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import type { Pod, TopologySpreadConstraint } from "../../resources/types.ts";
import type { NodeInfo, PodInfo } from "../node-info.ts";
import { addCount, NodeTally } from "../node-tally.ts";
import { isOfNodes, type FilterPlugin, type ScorePlugin } from "../plugin.ts";

const NAME = "PodTopologySpread";
/** Constraints whose pods are counted; one that nobody has asked for since so many others is counted anew. */
const CONSTRAINTS_MAX = 128;

interface Spread {
  readonly constraint: TopologySpreadConstraint;
  readonly matches: LabelPredicate;
  /** Matching pods per value of the topology key, over the nodes that count. */
  readonly counts: DomainCounts;
}

type MeasureSpread = (pod: PodInfo, constraint: TopologySpreadConstraint, nodes: readonly NodeInfo[]) => Spread;

/** Upstream's: over hosts first, and over zones. */
const USUAL_CONSTRAINTS: readonly TopologySpreadConstraint[] = [
  { whenUnsatisfiable: "ScheduleAnyway", topologyKey: "kubernetes.io/hostname", maxSkew: 3 },
  { whenUnsatisfiable: "ScheduleAnyway", topologyKey: ZONE_LABEL, maxSkew: 5 },
];

/** The constraints of a pod of one sort. */
type ConstraintsOf = (pod: PodInfo, sort: "DoNotSchedule" | "ScheduleAnyway") => readonly TopologySpreadConstraint[];

/**
 * Spreading over the domains of a topology, as a filter and as a score; both keep up counts of the pods that are placed. A pod without
 * constraints has `defaults`, among the pods of its own kind.
 */
export function podTopologySpread(defaults: readonly TopologySpreadConstraint[] = USUAL_CONSTRAINTS): {
  readonly filter: FilterPlugin<readonly HardSpread[]>;
  readonly score: ScorePlugin;
} {
  const known = new BoundedCache<DomainTally>(CONSTRAINTS_MAX);
  const measure: MeasureSpread = (pod, constraint, nodes) => {
    const matches = constraintPredicate(pod.pod, constraint);
    const key = tallyKey(pod.pod, constraint);
    let tally = known.get(key);
    if (tally === undefined) known.set(key, (tally = new DomainTally(pod.pod, constraint, matches)));
    return { constraint, matches, counts: tally.counts(nodes) };
  };
  const constraintsOf: ConstraintsOf = ({ pod }, sort) => {
    const own = pod.spec.topologySpreadConstraints ?? [];
    return (own.length > 0 ? own : withOwnKind(pod, defaults)).filter(({ whenUnsatisfiable }) => whenUnsatisfiable === sort);
  };
  return { filter: spreadFilter(measure, constraintsOf), score: spreadScore(measure, constraintsOf) };
}

interface HardSpread extends Spread {
  readonly selfMatches: boolean;
  readonly minimum: number;
}

/** Hard spread constraints: the skew that placing the pod would cause must not exceed maxSkew. */
function spreadFilter(measure: MeasureSpread, constraintsOf: ConstraintsOf): FilterPlugin<readonly HardSpread[]> {
  return {
    name: NAME,
    prepare: (pod, nodes) =>
      constraintsOf(pod, "DoNotSchedule").map((constraint) => {
        const spread = measure(pod, constraint, nodes);
        const { counts, matches } = spread;
        const tooFewDomains = counts.size < (constraint.minDomains ?? 1);
        const minimum = counts.size === 0 || tooFewDomains ? 0 : Math.min(...counts.values());
        return { ...spread, minimum, selfMatches: matches(pod.pod.metadata.labels) };
      }),
    test: (_pod, { node }, spreads) => {
      for (const { constraint, counts, minimum, selfMatches } of spreads) {
        const domain = labelValue(node.metadata.labels, constraint.topologyKey);
        if (domain === undefined) return ["node(s) didn't match pod topology spread constraints (missing required label)"];
        const skew = (counts.get(domain) ?? 0) + (selfMatches ? 1 : 0) - minimum;
        if (skew > constraint.maxSkew) return ["node(s) didn't match pod topology spread constraints"];
      }
      return undefined;
    },
    wokenBy: (event, pod) => event.is === "node-added" || (isOfNodes(event) && constraintsOf(pod, "DoNotSchedule").length > 0),
  };
}

/** Soft spread constraints. */
function spreadScore(measure: MeasureSpread, constraintsOf: ConstraintsOf): ScorePlugin {
  return {
    name: NAME,
    weight: 2,
    score: (pod, candidates, nodes) => {
      const constraints = constraintsOf(pod, "ScheduleAnyway");
      if (constraints.length === 0) return undefined;
      const spreads = constraints.map((constraint) => measure(pod, constraint, nodes));
      const costs = candidates.map(({ node }) =>
        spreads.reduce((cost, { constraint, counts }) => {
          const domain = labelValue(node.metadata.labels, constraint.topologyKey);
          if (domain === undefined) return cost;
          return cost + (counts.get(domain) ?? 0) * Math.log(counts.size + 2) + (constraint.maxSkew - 1);
        }, 0),
      );
      const min = Math.min(...costs);
      const max = Math.max(...costs);
      return costs.map((cost) => (max === 0 ? 100 : Math.floor((100 * (max + min - cost)) / max)));
    },
  };
}

/** Upstream spreads by the selectors of the pod's owners; the labels that its template gives all its pods say the same. */
function withOwnKind(pod: Pod, constraints: readonly TopologySpreadConstraint[]): readonly TopologySpreadConstraint[] {
  const matchLabels = Object.fromEntries(Object.entries(pod.metadata.labels ?? {}).filter(([key]) => key !== "pod-template-hash"));
  if (Object.keys(matchLabels).length === 0 || !pod.metadata.ownerReferences?.length) return [];
  return constraints.map((constraint) => ({ ...constraint, labelSelector: { matchLabels } }));
}

type DomainCounts = ReadonlyMap<string, number>;

/** The pods that a constraint is about, by domain; a domain is there as long as a node that counts is. */
class DomainTally {
  readonly #counts = new Map<string, number>();
  readonly #nodes = new Map<string, number>();
  readonly #tally: NodeTally<{ readonly domain: string; readonly pods: number }>;

  /** Of `owner` nothing is kept but what `tallyKey` names. */
  constructor(owner: Pod, constraint: TopologySpreadConstraint, matches: LabelPredicate) {
    const { namespace } = owner.metadata;
    this.#tally = new NodeTally(
      (info) => {
        const domain = labelValue(info.node.metadata.labels, constraint.topologyKey);
        if (domain === undefined || !countsFor(owner, constraint, info)) return undefined;
        return {
          domain,
          pods: info.pods.filter(
            ({ pod: { metadata } }) => metadata.namespace === namespace && metadata.deletionTimestamp === undefined && matches(metadata.labels),
          ).length,
        };
      },
      ({ domain, pods }, sign) => {
        addCount(this.#nodes, domain, sign);
        if (this.#nodes.has(domain)) this.#counts.set(domain, (this.#counts.get(domain) ?? 0) + sign * pods);
        else this.#counts.delete(domain);
      },
    );
  }

  /** Good until the next look. */
  counts(nodes: readonly NodeInfo[]): DomainCounts {
    this.#tally.update(nodes);
    return this.#counts;
  }
}

/** Everything that decides which pods and nodes a constraint counts. */
function tallyKey(
  { metadata: { namespace, labels }, spec }: Pod,
  { topologyKey, labelSelector, matchLabelKeys = [], nodeAffinityPolicy, nodeTaintsPolicy }: TopologySpreadConstraint,
): string {
  const shared = matchLabelKeys.map((key) => [key, labelValue(labels, key)]);
  return JSON.stringify([
    namespace,
    topologyKey,
    labelSelector,
    shared,
    nodeAffinityPolicy,
    spec.nodeSelector,
    spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution,
    nodeTaintsPolicy,
    spec.tolerations,
  ]);
}

function constraintPredicate(pod: Pod, constraint: TopologySpreadConstraint): LabelPredicate {
  const selected = labelSelectorPredicate(constraint.labelSelector);
  const shared = (constraint.matchLabelKeys ?? []).filter((key) => labelValue(pod.metadata.labels, key) !== undefined);
  return (labels) => selected(labels) && shared.every((key) => labelValue(labels, key) === labelValue(pod.metadata.labels, key));
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
