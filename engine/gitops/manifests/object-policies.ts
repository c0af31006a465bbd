import type { KubeObject } from "../../apimachinery/object-meta.ts";

/** `disabled` keeps an object in the cluster when its manifest goes. */
const PRUNE_ANNOTATION = "mainstay.dev/prune";
/** `allowed` lets an object be deleted and made anew when a field cannot change in place; `never` forbids it whatever a commit says. */
export const REPLACE_ANNOTATION = "mainstay.dev/replace";

const ARGO_OPTIONS = "argocd.argoproj.io/sync-options";

/** Which annotation keeps an object from being pruned, ours or one of the tools that a repository may come from; undefined: none. */
export function pruneProtection({ metadata }: Pick<KubeObject, "metadata">): string | undefined {
  const annotations = metadata.annotations ?? {};
  const found = ([[PRUNE_ANNOTATION, "disabled"], ["kustomize.toolkit.fluxcd.io/prune", "disabled"], ["helm.sh/resource-policy", "keep"]] as const).find(([key, value]) => annotations[key] === value);
  if (found !== undefined) return `${found[0]} is ${found[1]}`;
  const option = optionsOf(annotations).find((text) => text === "Prune=false" || text === "Prune=confirm" || text === "Delete=false");
  return option === undefined ? undefined : `${ARGO_OPTIONS} has ${option}`;
}

export function replacePolicy({ metadata }: Pick<KubeObject, "metadata">): "allowed" | "never" | undefined {
  const annotations = metadata.annotations ?? {};
  const own = annotations[REPLACE_ANNOTATION];
  if (own === "allowed" || own === "never") return own;
  return annotations["kustomize.toolkit.fluxcd.io/force"] === "enabled" || optionsOf(annotations).includes("Force=true") ? "allowed" : undefined;
}

function optionsOf(annotations: Readonly<Record<string, string>>): readonly string[] {
  return (annotations[ARGO_OPTIONS] ?? "").split(",").map((option) => option.trim());
}
