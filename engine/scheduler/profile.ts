import type { FilterPlugin, ScorePlugin } from "./plugin.ts";
import { dynamicResources, dynamicResourcesScore } from "./plugins/dynamic-resources.ts";
import { imageLocality } from "./plugins/image-locality.ts";
import { interPodAffinity, interPodAffinityScore } from "./plugins/inter-pod-affinity.ts";
import { nodeAffinity, nodeAffinityScore } from "./plugins/node-affinity.ts";
import { nodeName } from "./plugins/node-name.ts";
import { nodePorts } from "./plugins/node-ports.ts";
import { balancedAllocation, leastAllocated, nodeResourcesFit } from "./plugins/node-resources-fit.ts";
import { nodeUnschedulable } from "./plugins/node-unschedulable.ts";
import { nodeVolumeLimits } from "./plugins/node-volume-limits.ts";
import { podTopologySpread, podTopologySpreadScore } from "./plugins/pod-topology-spread.ts";
import { volumeBinding } from "./plugins/volume-binding.ts";
import { volumeRestrictions } from "./plugins/volume-restrictions.ts";
import { volumeZone } from "./plugins/volume-zone.ts";
import { taintToleration, taintTolerationScore } from "./plugins/taint-toleration.ts";

/**
 * What the default scheduler asks of a node, in this order: cheap and decisive filters first,
 * those that look at other nodes last.
 */
export const filterPlugins: readonly FilterPlugin[] = [
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
  podTopologySpread as FilterPlugin, // its state is made and read by the plugin alone
  interPodAffinity as FilterPlugin,
  dynamicResources as FilterPlugin,
];

/** What it prefers; each score is 0–100 and counts by its weight. */
export const scorePlugins: readonly ScorePlugin[] = [
  taintTolerationScore,
  nodeAffinityScore,
  leastAllocated,
  balancedAllocation,
  imageLocality,
  podTopologySpreadScore,
  interPodAffinityScore,
  dynamicResourcesScore,
];
