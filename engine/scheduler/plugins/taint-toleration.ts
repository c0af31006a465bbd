import { tolerates } from "../../resources/node-selection.ts";
import { normalise, type FilterPlugin, type ScorePlugin } from "../plugin.ts";

/** Keeps pods off nodes whose NoSchedule and NoExecute taints they do not tolerate. */
export const taintToleration: FilterPlugin = {
  name: "TaintToleration",
  test: ({ pod }, { node }) => {
    const taint = (node.spec?.taints ?? []).find((t) => t.effect !== "PreferNoSchedule" && !tolerates(pod.spec.tolerations, t));
    return taint === undefined ? undefined : [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ""}}`];
  },
  wokenBy: (event) => event.is === "node-added" || event.is === "node-changed",
};

/** Prefers nodes with fewer PreferNoSchedule taints that the pod does not tolerate. */
export const taintTolerationScore: ScorePlugin = {
  name: "TaintToleration",
  weight: 3,
  score: ({ pod }, candidates) => {
    const counts = candidates.map(
      ({ node }) => (node.spec?.taints ?? []).filter((t) => t.effect === "PreferNoSchedule" && !tolerates(pod.spec.tolerations, t)).length,
    );
    return counts.every((count) => count === 0) ? undefined : normalise(counts, true);
  },
};
