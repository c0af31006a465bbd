import type { Node } from "../../resources/types.ts";
import { isCreateOf, type AdmissionPlugin } from "../admission.ts";

const NOT_READY = "node.kubernetes.io/not-ready";

/** A new node takes no pods before the node controller has seen that it is ready. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: "TaintNodesByCondition",
  mutate(attributes) {
    if (!isCreateOf(attributes, "", "nodes")) return attributes.object;
    const node = attributes.object as Node; // isCreateOf
    const taints = node.spec?.taints ?? [];
    if (taints.some((taint) => taint.key === NOT_READY && taint.effect === "NoSchedule")) return node;
    return { ...node, spec: { ...node.spec, taints: [...taints, { key: NOT_READY, effect: "NoSchedule" }] } };
  },
};
