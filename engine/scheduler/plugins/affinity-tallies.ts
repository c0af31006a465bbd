import { labelValue, type LabelPredicate } from "../../apimachinery/selectors.ts";
import type { Pod } from "../../resources/types.ts";
import type { NodeInfo, PodInfo } from "../node-info.ts";
import { addCount, NodeTally } from "../node-tally.ts";
import type { OwnedTerm } from "./affinity-terms.ts";

/** Domains of a topology by the values of its key, and how many pods count there; none where it is 0. */
export type Domains = ReadonlyMap<string, number>;

/** The pods that labels choose: how many are in each domain of a topology, by their namespace. */
export class ChosenPods {
  readonly #byNamespace = new Map<string, Map<string, number>>();
  readonly #tally;

  constructor(chooses: LabelPredicate, topologyKey: string) {
    this.#tally = new NodeTally(
      ({ node, pods: all }) => {
        const domain = labelValue(node.metadata.labels, topologyKey);
        if (domain === undefined) return undefined;
        const pods = new Map<string, number>();
        for (const { pod } of all) if (chooses(pod.metadata.labels)) addCount(pods, pod.metadata.namespace ?? "", 1);
        return pods.size === 0 ? undefined : { domain, pods };
      },
      ({ domain, pods }, sign) => {
        for (const [namespace, count] of pods) {
          let domains = this.#byNamespace.get(namespace);
          if (domains === undefined) this.#byNamespace.set(namespace, (domains = new Map()));
          addCount(domains, domain, sign * count);
          if (domains.size === 0) this.#byNamespace.delete(namespace);
        }
      },
    );
  }

  /** Of each namespace that is meant; good until the next look. */
  domains(nodes: readonly NodeInfo[], isMeant: (namespace: string) => boolean): readonly Domains[] {
    this.#tally.update(nodes);
    const found: Domains[] = [];
    for (const [namespace, domains] of this.#byNamespace) if (isMeant(namespace)) found.push(domains);
    return found;
  }
}

interface PlacedTerm {
  readonly term: OwnedTerm;
  /** Where pods are that have it. */
  readonly domains: Map<string, number>;
}

/** Terms of the pods that are placed, each once however many have it. */
export class PlacedTerms {
  readonly #terms = new Map<string, PlacedTerm>();
  readonly #tally;

  constructor(termsOf: (pod: Pod) => readonly OwnedTerm[]) {
    /** Pods are frozen, so that their terms are good for as long as they are. */
    const known = new WeakMap<Pod, readonly OwnedTerm[]>();
    const remembered = (pod: Pod) => {
      let terms = known.get(pod);
      if (terms === undefined) known.set(pod, (terms = termsOf(pod)));
      return terms;
    };
    this.#tally = new NodeTally(
      ({ node: { metadata }, pods }) => {
        const there = pods.flatMap(({ pod }) => (hasAffinity(pod) ? remembered(pod) : []));
        if (there.length === 0) return undefined;
        return there.flatMap((term) => {
          const domain = labelValue(metadata.labels, term.topologyKey);
          return domain === undefined ? [] : [{ term, domain }];
        });
      },
      (share, sign) => {
        for (const { term, domain } of share) {
          let placed = this.#terms.get(term.text);
          if (placed === undefined) this.#terms.set(term.text, (placed = { term, domains: new Map() }));
          addCount(placed.domains, domain, sign);
          if (placed.domains.size === 0) this.#terms.delete(term.text);
        }
      },
    );
  }

  /** Those that are about the pod; good until the next look. */
  about({ pod: { metadata }, namespaceLabels }: PodInfo, nodes: readonly NodeInfo[]): readonly PlacedTerm[] {
    this.#tally.update(nodes);
    const found: PlacedTerm[] = [];
    for (const placed of this.#terms.values()) {
      if (placed.term.selects(metadata.labels) && placed.term.isAbout(metadata.namespace ?? "", namespaceLabels)) found.push(placed);
    }
    return found;
  }
}

function hasAffinity({ spec: { affinity } }: Pod): boolean {
  return affinity?.podAffinity !== undefined || affinity?.podAntiAffinity !== undefined;
}
