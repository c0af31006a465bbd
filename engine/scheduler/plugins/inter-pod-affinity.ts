import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from "../../resources/types.ts";
import type { NodeInfo, PodInfo } from "../node-info.ts";
import type { FilterPlugin, ScorePlugin } from "../plugin.ts";

/** Counts of matching pods per topology domain, written `key=value`. */
type DomainCounts = Map<string, number>;

interface State {
  /** Per required affinity term of the incoming pod: the domains that hold a matching pod. */
  readonly affinity: readonly { readonly term: PodAffinityTerm; readonly domains: DomainCounts; readonly selfMatches: boolean }[];
  readonly antiAffinity: readonly { readonly term: PodAffinityTerm; readonly domains: DomainCounts }[];
  /** Domains that pods already running keep the incoming pod out of. */
  readonly repelled: DomainCounts;
}

/** Required affinity and anti-affinity between pods, in both directions. */
export const interPodAffinity: FilterPlugin<State> = {
  name: "InterPodAffinity",
  prepare: ({ pod }, nodes) => ({
    affinity: requiredTerms(pod, "podAffinity").map((term) => ({ term, domains: countDomains(nodes, term, pod), selfMatches: matchesPod(term, pod, pod) })),
    antiAffinity: requiredTerms(pod, "podAntiAffinity").map((term) => ({ term, domains: countDomains(nodes, term, pod) })),
    repelled: repelledDomains(nodes, pod),
  }),
  test: (_pod, { node }, state) => {
    const labels = node.metadata.labels ?? {};
    const holds = ({ term, domains }: { term: PodAffinityTerm; domains: DomainCounts }) => {
      const value = labels[term.topologyKey];
      return value !== undefined && (domains.get(domain(term.topologyKey, value)) ?? 0) > 0;
    };
    for (const entry of state.affinity) {
      // The first pod of a group that wants to be with its own kind may start anywhere the topology key exists.
      const startsGroup = entry.selfMatches && entry.domains.size === 0 && labels[entry.term.topologyKey] !== undefined;
      if (!holds(entry) && !startsGroup) return ["node(s) didn't match pod affinity rules"];
    }
    if (state.antiAffinity.some(holds)) return ["node(s) didn't match pod anti-affinity rules"];
    if (state.repelled.size > 0 && Object.entries(labels).some(([key, value]) => state.repelled.has(domain(key, value)))) {
      return ["node(s) didn't satisfy existing pods anti-affinity rules"];
    }
    return undefined;
  },
  wokenBy: (event) => event.is !== "node-changed",
};

/** Preferred terms of the incoming pod, and of the pods already there towards it. */
export const interPodAffinityScore: ScorePlugin = {
  name: "InterPodAffinity",
  weight: 2,
  score: ({ pod }, candidates, nodes) => {
    const sums = new Map<string, number>();
    for (const info of nodes) for (const other of info.pods) addPreferences(sums, info, other, pod);
    if (sums.size === 0) return undefined;
    const raw = candidates.map(({ node }) => Object.entries(node.metadata.labels ?? {}).reduce((sum, [key, value]) => sum + (sums.get(domain(key, value)) ?? 0), 0));
    const min = Math.min(...raw);
    const max = Math.max(...raw);
    return raw.map((value) => (max === min ? 0 : Math.floor((100 * (value - min)) / (max - min))));
  },
};

function addPreferences(sums: Map<string, number>, { node }: NodeInfo, { pod: other }: PodInfo, pod: Pod): void {
  const add = (term: PodAffinityTerm, weight: number) => {
    const value = node.metadata.labels?.[term.topologyKey];
    if (value !== undefined) sums.set(domain(term.topologyKey, value), (sums.get(domain(term.topologyKey, value)) ?? 0) + weight);
  };
  for (const { podAffinityTerm, weight } of preferredTerms(pod, "podAffinity")) if (matchesPod(podAffinityTerm, pod, other)) add(podAffinityTerm, weight);
  for (const { podAffinityTerm, weight } of preferredTerms(pod, "podAntiAffinity")) if (matchesPod(podAffinityTerm, pod, other)) add(podAffinityTerm, -weight);
  for (const { podAffinityTerm, weight } of preferredTerms(other, "podAffinity")) if (matchesPod(podAffinityTerm, other, pod)) add(podAffinityTerm, weight);
  for (const { podAffinityTerm, weight } of preferredTerms(other, "podAntiAffinity")) if (matchesPod(podAffinityTerm, other, pod)) add(podAffinityTerm, -weight);
  // Upstream's hardPodAffinityWeight of 1: a pod that requires our company makes its place a little more attractive.
  for (const term of requiredTerms(other, "podAffinity")) if (matchesPod(term, other, pod)) add(term, 1);
}

function countDomains(nodes: readonly NodeInfo[], term: PodAffinityTerm, owner: Pod): DomainCounts {
  const counts: DomainCounts = new Map();
  for (const { node, pods } of nodes) {
    const value = node.metadata.labels?.[term.topologyKey];
    if (value === undefined) continue;
    const matching = pods.filter(({ pod }) => pod.metadata.deletionTimestamp === undefined && matchesPod(term, owner, pod)).length;
    if (matching > 0) counts.set(domain(term.topologyKey, value), (counts.get(domain(term.topologyKey, value)) ?? 0) + matching);
  }
  return counts;
}

function repelledDomains(nodes: readonly NodeInfo[], pod: Pod): DomainCounts {
  const repelled: DomainCounts = new Map();
  for (const { node, pods } of nodes) {
    for (const { pod: other } of pods) {
      for (const term of requiredTerms(other, "podAntiAffinity")) {
        const value = node.metadata.labels?.[term.topologyKey];
        if (value !== undefined && matchesPod(term, other, pod)) repelled.set(domain(term.topologyKey, value), 1);
      }
    }
  }
  return repelled;
}

/** Whether a term owned by `owner` selects `candidate`. Namespaces default to the owner's; an empty namespaceSelector means all. */
function matchesPod(term: PodAffinityTerm, owner: Pod, candidate: Pod): boolean {
  const everywhere = term.namespaceSelector !== undefined && Object.keys(term.namespaceSelector).length === 0;
  const namespaces = term.namespaces?.length ? term.namespaces : [owner.metadata.namespace ?? ""];
  if (!everywhere && !namespaces.includes(candidate.metadata.namespace ?? "")) return false;
  return labelSelectorPredicate(term.labelSelector)(candidate.metadata.labels);
}

function requiredTerms(pod: Pod, side: "podAffinity" | "podAntiAffinity"): readonly PodAffinityTerm[] {
  return pod.spec.affinity?.[side]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

function preferredTerms(pod: Pod, side: "podAffinity" | "podAntiAffinity"): readonly WeightedPodAffinityTerm[] {
  return pod.spec.affinity?.[side]?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
}

const domain = (key: string, value: string) => `${key}=${value}`;
