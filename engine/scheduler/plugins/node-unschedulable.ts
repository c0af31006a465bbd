import { tolerates } from "../../resources/node-selection.ts";
import type { FilterPlugin } from "../plugin.ts";

const UNSCHEDULABLE_TAINT = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

/** Keeps pods off cordoned nodes, unless they tolerate the taint that stands for it. */
export const nodeUnschedulable: FilterPlugin = {
  name: "NodeUnschedulable",
  test: (pod, { node }) =>
    node.spec?.unschedulable === true && !tolerates(pod.pod.spec.tolerations, UNSCHEDULABLE_TAINT) ? ["node(s) were unschedulable"] : undefined,
  wokenBy: (event) => event.is === "node-added" || event.is === "node-changed",
};
