import { matchesTerm } from "./node-selector.ts";
import type { Node, PodSpec, Taint, Toleration } from "./types.ts";

/** Whether a node is one of those a pod asks for: it carries the nodeSelector, and matches one of the required affinity terms. */
export function isNodeWanted(spec: Pick<PodSpec, "nodeSelector" | "affinity">, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const isSelected = Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return isSelected && (required === undefined || required.some((term) => matchesTerm(term, node)));
}

/** Whether one of the tolerations covers the taint: an empty effect or key matches all; operator Equal is the default. */
export function tolerates(tolerations: readonly Toleration[] | undefined, taint: Pick<Taint, "key" | "effect"> & { readonly value?: string }): boolean {
  return (tolerations ?? []).some((toleration) => {
    if (toleration.effect && toleration.effect !== taint.effect) return false;
    if (toleration.key && toleration.key !== taint.key) return false;
    if ((toleration.operator ?? "Equal") === "Exists") return true;
    return toleration.key !== undefined && toleration.key !== "" && (toleration.value ?? "") === (taint.value ?? "");
  });
}
