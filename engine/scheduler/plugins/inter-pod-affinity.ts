import { labelValue } from "../../apimachinery/selectors.ts";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import type { NodeInfo, PodInfo } from "../node-info.ts";
import { isOfNodes, type FilterPlugin, type ScorePlugin } from "../plugin.ts";
import type { AffinityArgs } from "../scheduler-settings.ts";
import { ChosenPods, PlacedTerms, type Domains } from "./affinity-tallies.ts";
import { preferredTerms, requiredTerms, type OwnedTerm } from "./affinity-terms.ts";

const NAME = "InterPodAffinity";
/** Selectors whose pods are counted; one that nobody has asked for since so many others is counted anew. */
const SELECTORS_MAX = 128;

/** Domains of one topology. */
interface Region {
  readonly topologyKey: string;
  readonly domains: readonly Domains[];
}

interface State {
  /** Where there are pods that all affinity terms select, for each term. */
  readonly company: readonly Region[];
  /** The pod wants the company of its own kind, and there is none anywhere. */
  readonly startsGroup: boolean;
  /** Where there are pods that an anti-affinity term selects. */
  readonly shunned: readonly Region[];
  /** Where pods that are there already keep the incoming pod out. */
  readonly repelled: readonly Region[];
}

/** What pods want of other pods, as a filter and as a score; both keep up counts of the pods that are placed. */
export function interPodAffinity({ hardWeight, ignoresWishesOfOthers }: AffinityArgs): { readonly filter: FilterPlugin<State>; readonly score: ScorePlugin } {
  const chosen = new BoundedCache<ChosenPods>(SELECTORS_MAX);
  const repelling = new PlacedTerms((pod) => requiredTerms(pod, "podAntiAffinity"));
  const wishing = new PlacedTerms((pod) => [...preferredTerms(pod), ...(hardWeight === 0 ? [] : requiredTerms(pod, "podAffinity", hardWeight))]);

  /** The domains of a topology with pods that all of the terms select. */
  const regionOf = (terms: readonly OwnedTerm[], topologyKey: string, { namespaceLabels }: PodInfo, nodes: readonly NodeInfo[]): Region => {
    const key = JSON.stringify([topologyKey, ...terms.map(({ selector }) => selector)]);
    let pods = chosen.get(key);
    if (pods === undefined) chosen.set(key, (pods = new ChosenPods((labels) => terms.every(({ selects }) => selects(labels)), topologyKey)));
    return { topologyKey, domains: pods.domains(nodes, (namespace) => terms.every(({ isAbout }) => isAbout(namespace, namespaceLabels))) };
  };

  return { filter: affinityFilter(regionOf, repelling), score: affinityScore(regionOf, wishing, ignoresWishesOfOthers) };
}

type RegionOf = (terms: readonly OwnedTerm[], topologyKey: string, pod: PodInfo, nodes: readonly NodeInfo[]) => Region;

/** Required affinity and anti-affinity between pods, in both directions. Pods on their way out count until they are gone. */
function affinityFilter(regionOf: RegionOf, repelling: PlacedTerms): FilterPlugin<State> {
  return {
    name: NAME,
    prepare: (info, nodes) => {
      const affinity = requiredTerms(info.pod, "podAffinity");
      const company = affinity.map(({ topologyKey }) => regionOf(affinity, topologyKey, info, nodes));
      return {
        company,
        startsGroup: company.every(({ domains }) => domains.length === 0) && affinity.every((term) => doesSelect(term, info)),
        shunned: requiredTerms(info.pod, "podAntiAffinity").map((term) => regionOf([term], term.topologyKey, info, nodes)),
        repelled: repelling.about(info, nodes).map(({ term: { topologyKey }, domains }) => ({ topologyKey, domains: [domains] })),
      };
    },
    test: (_pod, { node }, { company, startsGroup, shunned, repelled }) => {
      const labels = node.metadata.labels ?? {};
      const isIn = ({ topologyKey, domains }: Region) => {
        const domain = labelValue(labels, topologyKey);
        return domain !== undefined && domains.some((counts) => counts.has(domain));
      };
      // The first pod of a group that wants to be with its own kind may start anywhere the topology keys exist.
      const mayStart = () => startsGroup && company.every(({ topologyKey }) => labelValue(labels, topologyKey) !== undefined);
      if (!company.every(isIn) && !mayStart()) return ["node(s) didn't match pod affinity rules"];
      if (shunned.some(isIn)) return ["node(s) didn't match pod anti-affinity rules"];
      return repelled.some(isIn) ? ["node(s) didn't satisfy existing pods anti-affinity rules"] : undefined;
    },
    wokenBy: isOfNodes,
  };
}

/** Preferred terms of the incoming pod, and of the pods already there towards it; company that those require makes their place a little more attractive. */
function affinityScore(regionOf: RegionOf, wishing: PlacedTerms, ignoresWishesOfOthers: boolean): ScorePlugin {
  return {
    name: NAME,
    weight: 2,
    score: (info, candidates, nodes) => {
      const own = preferredTerms(info.pod);
      if (ignoresWishesOfOthers && own.length === 0) return undefined;
      const wishes = [
        ...own.map((term) => ({ weight: term.weight, ...regionOf([term], term.topologyKey, info, nodes) })),
        ...wishing.about(info, nodes).map(({ term: { weight, topologyKey }, domains }) => ({ weight, topologyKey, domains: [domains] })),
      ].filter(({ domains }) => domains.length > 0);
      if (wishes.length === 0) return undefined;
      const raw = candidates.map(({ node }) => wishes.reduce((sum, wish) => sum + worthOf(wish, labelValue(node.metadata.labels, wish.topologyKey)), 0));
      const min = Math.min(...raw);
      const max = Math.max(...raw);
      return raw.map((value) => (max === min ? 0 : Math.floor((100 * (value - min)) / (max - min))));
    },
  };
}

function worthOf({ weight, domains }: Region & { readonly weight: number }, domain: string | undefined): number {
  if (domain === undefined) return 0;
  let count = 0;
  for (const counts of domains) count += counts.get(domain) ?? 0;
  return weight * count;
}

function doesSelect(term: OwnedTerm, { pod: { metadata }, namespaceLabels }: PodInfo): boolean {
  return term.isAbout(metadata.namespace ?? "", namespaceLabels) && term.selects(metadata.labels);
}
