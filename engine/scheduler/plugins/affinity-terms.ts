import { labelSelectorPredicate, type LabelPredicate } from "../../apimachinery/selectors.ts";
import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from "../../resources/types.ts";
import type { NamespaceLabels } from "../node-info.ts";

type Side = "podAffinity" | "podAntiAffinity";

/** A term of a pod, which is about pods that it selects, in the domains of its topology key. */
export interface OwnedTerm {
  readonly topologyKey: string;
  /** What a pod in the domain counts; below 0 where company is not wanted. */
  readonly weight: number;
  /** Whether it is about pods of a namespace. */
  readonly isAbout: (namespace: string, labels: NamespaceLabels | undefined) => boolean;
  readonly selects: LabelPredicate;
  /** What it asks of labels, as text. */
  readonly selector: string;
  /** Terms with the same text are alike in everything but whose they are. */
  readonly text: string;
}

export function requiredTerms(pod: Pod, side: Side, weight = 1): readonly OwnedTerm[] {
  return (pod.spec.affinity?.[side]?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => ownedTerm(term, pod, weight));
}

/** Both sides, anti-affinity with weights below 0. */
export function preferredTerms(pod: Pod): readonly OwnedTerm[] {
  const of = (side: Side): readonly WeightedPodAffinityTerm[] => pod.spec.affinity?.[side]?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return [
    ...of("podAffinity").map(({ podAffinityTerm, weight }) => ownedTerm(podAffinityTerm, pod, weight)),
    ...of("podAntiAffinity").map(({ podAffinityTerm, weight }) => ownedTerm(podAffinityTerm, pod, -weight)),
  ];
}

/** Which pods: those of the namespaces that the term names or whose labels it asks for, and of the owner's where it says neither. */
function ownedTerm({ namespaces = [], namespaceSelector, labelSelector, topologyKey }: PodAffinityTerm, owner: Pod, weight: number): OwnedTerm {
  const named = namespaces.length === 0 && namespaceSelector === undefined ? [owner.metadata.namespace ?? ""] : namespaces;
  const selectsNamespace = labelSelectorPredicate(namespaceSelector);
  const selector = JSON.stringify(labelSelector ?? null);
  return {
    topologyKey,
    weight,
    isAbout: (namespace, labels) => named.includes(namespace) || selectsNamespace(labels?.(namespace)),
    selects: labelSelectorPredicate(labelSelector),
    selector,
    text: JSON.stringify([named, namespaceSelector ?? null, selector, topologyKey, weight]),
  };
}
