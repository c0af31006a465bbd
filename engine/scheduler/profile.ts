import type { FilterPlugin, ScorePlugin } from "./plugin.ts";
import { dynamicResources, dynamicResourcesScore } from "./plugins/dynamic-resources.ts";
import { imageLocality } from "./plugins/image-locality.ts";
import { interPodAffinity } from "./plugins/inter-pod-affinity.ts";
import { nodeAffinity, nodeAffinityScore } from "./plugins/node-affinity.ts";
import { nodeName } from "./plugins/node-name.ts";
import { nodePorts } from "./plugins/node-ports.ts";
import { balancedAllocation, nodeResourcesFit, nodeResourcesScore } from "./plugins/node-resources-fit.ts";
import { nodeUnschedulable } from "./plugins/node-unschedulable.ts";
import { nodeVolumeLimits } from "./plugins/node-volume-limits.ts";
import { podTopologySpread } from "./plugins/pod-topology-spread.ts";
import { volumeBinding } from "./plugins/volume-binding.ts";
import { volumeRestrictions } from "./plugins/volume-restrictions.ts";
import { volumeZone } from "./plugins/volume-zone.ts";
import { taintToleration, taintTolerationScore } from "./plugins/taint-toleration.ts";
import { DEFAULT_PROFILE, type PreemptionArgs, type ProfileSettings } from "./scheduler-settings.ts";

export interface Profile {
  readonly filters: readonly FilterPlugin[];
  readonly scores: readonly ScorePlugin[];
  /** Share of the nodes that are scored, once so many fit; what suits the cluster's size where it is 0 or not said. */
  readonly percentageOfNodes?: number;
  /** Among how many nodes those are looked for that have to go for others; upstream's usual where not said. */
  readonly preemption?: PreemptionArgs;
}

/**
 * What a scheduler asks of a node, and what it prefers: the default one, or as settings say. Each profile remembers what it has counted, so
 * that one that is asked again about the same cluster, or nearly the same, has little to do.
 */
export function createProfile({ filters, scores, percentageOfNodes, args }: ProfileSettings = DEFAULT_PROFILE): Profile {
  const spread = podTopologySpread(args.spread);
  const affinity = interPodAffinity(args.affinity);
  // Cheap and decisive filters first, those that look at other nodes last. The state of each is made and read by the plugin alone.
  const allFilters: readonly FilterPlugin[] = [
    nodeUnschedulable,
    nodeName,
    taintToleration,
    nodeAffinity(args.addedAffinity),
    nodePorts,
    nodeResourcesFit(args.fit),
    volumeRestrictions as FilterPlugin,
    nodeVolumeLimits as FilterPlugin,
    volumeBinding as FilterPlugin,
    volumeZone as FilterPlugin,
    spread.filter as FilterPlugin,
    affinity.filter as FilterPlugin,
    dynamicResources as FilterPlugin,
  ];
  // Each score is 0–100 and counts by its weight.
  const allScores: readonly ScorePlugin[] = [
    taintTolerationScore,
    nodeAffinityScore(args.addedAffinity),
    nodeResourcesScore(args.fit.strategy),
    balancedAllocation(args.balanced),
    imageLocality(),
    spread.score,
    affinity.score,
    dynamicResourcesScore,
  ];
  return {
    filters: allFilters.filter(({ name }) => filters.has(name)),
    scores: allScores.flatMap((plugin) => {
      const weight = scores.get(plugin.name);
      return weight === undefined ? [] : [{ ...plugin, weight }];
    }),
    percentageOfNodes,
    preemption: args.preemption,
  };
}
