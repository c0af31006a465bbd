import type { KubeObject } from "../../apimachinery/object-meta.ts";

/** `disabled` keeps an object in the cluster when its manifest goes. */
const PRUNE_ANNOTATION = "mainstay.dev/prune";
/** `allowed` lets an object be deleted and made anew when a field cannot change in place; `never` forbids it whatever a commit says. */
export const REPLACE_ANNOTATION = "mainstay.dev/replace";

/** `once`: an object is made where it is not there, and left as it is where it is. */
const APPLY_ANNOTATION = "mainstay.dev/apply";

/** The same in the words of Flux, which also leaves objects out altogether; here what shall be left alone is at least made. */
const APPLIED_ONCE: readonly (readonly [key: string, value: string])[] = [
  [APPLY_ANNOTATION, "once"],
  ["kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent"],
  ["kustomize.toolkit.fluxcd.io/ssa", "Ignore"],
  ["kustomize.toolkit.fluxcd.io/reconcile", "disabled"],
];

const ARGO_OPTIONS = "argocd.argoproj.io/sync-options";

/** Which annotation keeps an object from being pruned, ours or one of the tools that a repository may come from; undefined: none. */
export function pruneProtection({ metadata }: Pick<KubeObject, "metadata">): string | undefined {
  const found = (
    [
      [PRUNE_ANNOTATION, "disabled"],
      ["kustomize.toolkit.fluxcd.io/prune", "disabled"],
      ["kustomize.toolkit.fluxcd.io/reconcile", "disabled"],
      ["helm.sh/resource-policy", "keep"],
    ] as const
  ).find(([key, value]) => isMarked(metadata, key, value));
  if (found !== undefined) return `${found[0]} is ${found[1]}`;
  const option = optionsOf(metadata.annotations ?? {}).find((text) => text === "Prune=false" || text === "Prune=confirm" || text === "Delete=false");
  return option === undefined ? undefined : `${ARGO_OPTIONS} has ${option}`;
}

/** Whether an object, by its manifest or as it is in the cluster, says that it is only made, and never changed. */
export function isAppliedOnce(...objects: readonly Pick<KubeObject, "metadata">[]): boolean {
  return objects.some(({ metadata }) => APPLIED_ONCE.some(([key, value]) => isMarked(metadata, key, value)));
}

export function replacePolicy({ metadata }: Pick<KubeObject, "metadata">): "allowed" | "never" | undefined {
  const annotations = metadata.annotations ?? {};
  const own = annotations[REPLACE_ANNOTATION];
  if (own === "allowed" || own === "never") return own;
  return isMarked(metadata, "kustomize.toolkit.fluxcd.io/force", "enabled") || optionsOf(annotations).includes("Force=true") ? "allowed" : undefined;
}

/** By an annotation, or for Flux by a label as well; it minds no case. */
function isMarked({ annotations, labels }: KubeObject["metadata"], key: string, value: string): boolean {
  return [annotations?.[key], key.includes("fluxcd") ? labels?.[key] : undefined].some((text) => text?.toLowerCase() === value.toLowerCase());
}

function optionsOf(annotations: Readonly<Record<string, string>>): readonly string[] {
  return (annotations[ARGO_OPTIONS] ?? "").split(",").map((option) => option.trim());
}
