import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from "../../resources/types.ts";
import type { NodeInfo, PodInfo } from "../node-info.ts";
import { isOfNodes, type FilterPlugin, type ScorePlugin } from "../plugin.ts";

interface State {
  readonly affinity: readonly PodAffinityTerm[];
  /** Domains, written `key=value`, with a pod that all affinity terms select. */
  readonly company: ReadonlySet<string>;
  /** The pod wants the company of its own kind, and there is none anywhere. */
  readonly startsGroup: boolean;
  readonly antiAffinity: readonly PodAffinityTerm[];
  /** Domains with a pod that one of the anti-affinity terms selects. */
  readonly shunned: ReadonlySet<string>;
  /** Domains that pods already running keep the incoming pod out of. */
  readonly repelled: ReadonlySet<string>;
}

/** Required affinity and anti-affinity between pods, in both directions. Pods on their way out count until they are gone. */
export const interPodAffinity: FilterPlugin<State> = {
  name: "InterPodAffinity",
  prepare: (info, nodes) => {
    const affinity = requiredTerms(info.pod, "podAffinity");
    const antiAffinity = requiredTerms(info.pod, "podAntiAffinity");
    const selects = (term: PodAffinityTerm) => termPredicate(term, info.pod, info);
    const companions = affinity.map(selects);
    const isCompanion = (pod: Pod) => companions.every((test) => test(pod));
    const company = domainsOf(nodes, affinity.length === 0 ? [] : [{ test: isCompanion, keys: affinity.map(({ topologyKey }) => topologyKey) }]);
    return {
      affinity,
      company,
      startsGroup: company.size === 0 && isCompanion(info.pod),
      antiAffinity,
      shunned: domainsOf(nodes, antiAffinity.map((term) => ({ test: selects(term), keys: [term.topologyKey] }))),
      repelled: repelledDomains(nodes, info),
    };
  },
  test: (_pod, { node }, state) => {
    const labels = node.metadata.labels ?? {};
    const isIn = (domains: ReadonlySet<string>) => ({ topologyKey }: PodAffinityTerm) => labels[topologyKey] !== undefined && domains.has(domain(topologyKey, labels[topologyKey]));
    // The first pod of a group that wants to be with its own kind may start anywhere the topology keys exist.
    const mayStart = () => state.startsGroup && state.affinity.every(({ topologyKey }) => labels[topologyKey] !== undefined);
    if (!state.affinity.every(isIn(state.company)) && !mayStart()) return ["node(s) didn't match pod affinity rules"];
    if (state.antiAffinity.some(isIn(state.shunned))) return ["node(s) didn't match pod anti-affinity rules"];
    if (state.repelled.size > 0 && Object.entries(labels).some(([key, value]) => state.repelled.has(domain(key, value)))) {
      return ["node(s) didn't satisfy existing pods anti-affinity rules"];
    }
    return undefined;
  },
  wokenBy: isOfNodes,
};

/** Preferred terms of the incoming pod, and of the pods already there towards it. */
export const interPodAffinityScore: ScorePlugin = {
  name: "InterPodAffinity",
  weight: 2,
  score: (info, candidates, nodes) => {
    const sums = new Map<string, number>();
    for (const there of nodes) for (const other of there.pods) addPreferences(sums, there, other.pod, info);
    if (sums.size === 0) return undefined;
    const raw = candidates.map(({ node }) => Object.entries(node.metadata.labels ?? {}).reduce((sum, [key, value]) => sum + (sums.get(domain(key, value)) ?? 0), 0));
    const min = Math.min(...raw);
    const max = Math.max(...raw);
    return raw.map((value) => (max === min ? 0 : Math.floor((100 * (value - min)) / (max - min))));
  },
};

function addPreferences(sums: Map<string, number>, { node }: NodeInfo, other: Pod, incoming: PodInfo): void {
  const { pod } = incoming;
  const selects = (term: PodAffinityTerm, owner: Pod, candidate: Pod) => termPredicate(term, owner, incoming)(candidate);
  const add = (term: PodAffinityTerm, weight: number) => {
    const value = node.metadata.labels?.[term.topologyKey];
    if (value !== undefined) sums.set(domain(term.topologyKey, value), (sums.get(domain(term.topologyKey, value)) ?? 0) + weight);
  };
  for (const { podAffinityTerm, weight } of preferredTerms(pod, "podAffinity")) if (selects(podAffinityTerm, pod, other)) add(podAffinityTerm, weight);
  for (const { podAffinityTerm, weight } of preferredTerms(pod, "podAntiAffinity")) if (selects(podAffinityTerm, pod, other)) add(podAffinityTerm, -weight);
  for (const { podAffinityTerm, weight } of preferredTerms(other, "podAffinity")) if (selects(podAffinityTerm, other, pod)) add(podAffinityTerm, weight);
  for (const { podAffinityTerm, weight } of preferredTerms(other, "podAntiAffinity")) if (selects(podAffinityTerm, other, pod)) add(podAffinityTerm, -weight);
  // Upstream's hardPodAffinityWeight of 1: a pod that requires our company makes its place a little more attractive.
  for (const term of requiredTerms(other, "podAffinity")) if (selects(term, other, pod)) add(term, 1);
}

interface Rule {
  readonly test: (pod: Pod) => boolean;
  /** Of the topologies in which a pod that passes counts. */
  readonly keys: readonly string[];
}

function domainsOf(nodes: readonly NodeInfo[], rules: readonly Rule[]): ReadonlySet<string> {
  const domains = new Set<string>();
  if (rules.length === 0) return domains;
  for (const { node, pods } of nodes) {
    for (const { test, keys } of rules) {
      const held = keys.flatMap((key) => (node.metadata.labels?.[key] === undefined ? [] : [domain(key, node.metadata.labels[key])]));
      if (held.length > 0 && pods.some(({ pod }) => test(pod))) for (const each of held) domains.add(each);
    }
  }
  return domains;
}

function repelledDomains(nodes: readonly NodeInfo[], incoming: PodInfo): ReadonlySet<string> {
  const repelled = new Set<string>();
  for (const { node, pods } of nodes) {
    for (const { pod: other } of pods) {
      for (const term of requiredTerms(other, "podAntiAffinity")) {
        const value = node.metadata.labels?.[term.topologyKey];
        if (value !== undefined && termPredicate(term, other, incoming)(incoming.pod)) repelled.add(domain(term.topologyKey, value));
      }
    }
  }
  return repelled;
}

/** Which pods a term of `owner` selects: those of the namespaces it names or whose labels it asks for, and of the owner's where it says neither. */
function termPredicate({ namespaces = [], namespaceSelector, labelSelector }: PodAffinityTerm, owner: Pod, { namespaceLabels }: PodInfo): (candidate: Pod) => boolean {
  const named = namespaces.length === 0 && namespaceSelector === undefined ? [owner.metadata.namespace ?? ""] : namespaces;
  const selectsNamespace = labelSelectorPredicate(namespaceSelector);
  const selectsPod = labelSelectorPredicate(labelSelector);
  return ({ metadata: { namespace = "", labels } }) => (named.includes(namespace) || selectsNamespace(namespaceLabels?.(namespace))) && selectsPod(labels);
}

function requiredTerms(pod: Pod, side: "podAffinity" | "podAntiAffinity"): readonly PodAffinityTerm[] {
  return pod.spec.affinity?.[side]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

function preferredTerms(pod: Pod, side: "podAffinity" | "podAntiAffinity"): readonly WeightedPodAffinityTerm[] {
  return pod.spec.affinity?.[side]?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
}

const domain = (key: string, value: string) => `${key}=${value}`;
