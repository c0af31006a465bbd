import { isNodeWanted, tolerates } from "../../../engine/resources/node-selection.ts";
import type { Node, Pod } from "../../../engine/resources/types.ts";
import { isStatic } from "../../static-pods/static-pod.ts";
import type { Refusal } from "./admit-pod.ts";

/** Why a pod does not belong on this node, whatever room there is: who binds a pod by hand asks nobody before. Pure. */
export function refusePlace(pod: Pod, node: Node): Refusal | undefined {
  if (!isNodeWanted(pod.spec, node))
    return { reason: "NodeAffinity", message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector" };
  const isKeptOut = (node.spec?.taints ?? []).some((taint) => taint.effect === "NoExecute" && !tolerates(pod.spec.tolerations, taint));
  return isKeptOut && !isStatic(pod)
    ? { reason: "TaintToleration", message: "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate" }
    : undefined;
}
