import { isNodeWanted } from "../../resources/node-selection.ts";
import { matchesTerm } from "../../resources/node-selector.ts";
import { normalise, type FilterPlugin, type ScorePlugin } from "../plugin.ts";

/** The node must carry the pod's nodeSelector, and match one of its required affinity terms. */
export const nodeAffinity: FilterPlugin = {
  name: "NodeAffinity",
  test: ({ pod }, { node }) => (isNodeWanted(pod.spec, node) ? undefined : ["node(s) didn't match Pod's node affinity/selector"]),
  wokenBy: (event) => event.is === "node-added" || event.is === "node-changed",
};

/** Prefers the nodes that match more of the pod's preferred terms, by their weights. */
export const nodeAffinityScore: ScorePlugin = {
  name: "NodeAffinity",
  weight: 2,
  score: ({ pod }, candidates) => {
    const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    if (preferred.length === 0) return undefined;
    return normalise(candidates.map(({ node }) => preferred.reduce((sum, term) => sum + (matchesTerm(term.preference, node) ? term.weight : 0), 0)));
  },
};
