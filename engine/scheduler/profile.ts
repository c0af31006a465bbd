import type { FilterPlugin, ScorePlugin } from "./plugin.ts";
import { dynamicResources, dynamicResourcesScore } from "./plugins/dynamic-resources.ts";
import { imageLocality } from "./plugins/image-locality.ts";
import { interPodAffinity } from "./plugins/inter-pod-affinity.ts";
import { nodeAffinity, nodeAffinityScore } from "./plugins/node-affinity.ts";
import { nodeName } from "./plugins/node-name.ts";
import { nodePorts } from "./plugins/node-ports.ts";
import { balancedAllocation, leastAllocated, nodeResourcesFit } from "./plugins/node-resources-fit.ts";
import { nodeUnschedulable } from "./plugins/node-unschedulable.ts";
import { nodeVolumeLimits } from "./plugins/node-volume-limits.ts";
import { podTopologySpread } from "./plugins/pod-topology-spread.ts";
import { volumeBinding } from "./plugins/volume-binding.ts";
import { volumeRestrictions } from "./plugins/volume-restrictions.ts";
import { volumeZone } from "./plugins/volume-zone.ts";
import { taintToleration, taintTolerationScore } from "./plugins/taint-toleration.ts";

export interface Profile {
  readonly filters: readonly FilterPlugin[];
  readonly scores: readonly ScorePlugin[];
}

/**
 * What the default scheduler asks of a node, and what it prefers. Each profile remembers what it has counted, so that one that is asked
 * again about the same cluster, or nearly the same, has little to do.
 */
export function createProfile(): Profile {
  const spread = podTopologySpread();
  const affinity = interPodAffinity();
  return {
    // Cheap and decisive filters first, those that look at other nodes last. The state of each is made and read by the plugin alone.
    filters: [
      nodeUnschedulable,
      nodeName,
      taintToleration,
      nodeAffinity,
      nodePorts,
      nodeResourcesFit,
      volumeRestrictions as FilterPlugin,
      nodeVolumeLimits as FilterPlugin,
      volumeBinding as FilterPlugin,
      volumeZone as FilterPlugin,
      spread.filter as FilterPlugin,
      affinity.filter as FilterPlugin,
      dynamicResources as FilterPlugin,
    ],
    // Each score is 0–100 and counts by its weight.
    scores: [
      taintTolerationScore,
      nodeAffinityScore,
      leastAllocated,
      balancedAllocation,
      imageLocality(),
      spread.score,
      affinity.score,
      dynamicResourcesScore,
    ],
  };
}
