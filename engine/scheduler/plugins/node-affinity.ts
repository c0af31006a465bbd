import { isNodeWanted } from "../../resources/node-selection.ts";
import { matchesTerm } from "../../resources/node-selector.ts";
import type { NodeAffinity } from "../../resources/types.ts";
import { normalise, type FilterPlugin, type ScorePlugin } from "../plugin.ts";

/** The node must match what the profile demands of nodes, carry the pod's nodeSelector, and match one of its required affinity terms. */
export function nodeAffinity(added: NodeAffinity | undefined): FilterPlugin {
  const demanded = added?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return {
    name: "NodeAffinity",
    test: ({ pod }, { node }) => {
      if (demanded !== undefined && !demanded.some((term) => matchesTerm(term, node))) return ["node(s) didn't match scheduler-enforced node affinity"];
      return isNodeWanted(pod.spec, node) ? undefined : ["node(s) didn't match Pod's node affinity/selector"];
    },
    wokenBy: (event) => event.is === "node-added" || event.is === "node-changed",
  };
}

/** Prefers the nodes that match more of the terms that the pod and the profile prefer, by their weights. */
export function nodeAffinityScore(added: NodeAffinity | undefined): ScorePlugin {
  const always = added?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return {
    name: "NodeAffinity",
    weight: 2,
    score: ({ pod }, candidates) => {
      const preferred = [...always, ...(pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])];
      if (preferred.length === 0) return undefined;
      return normalise(candidates.map(({ node }) => preferred.reduce((sum, term) => sum + (matchesTerm(term.preference, node) ? term.weight : 0), 0)));
    },
  };
}
