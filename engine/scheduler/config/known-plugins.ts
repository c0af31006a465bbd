/** Upstream's extension points, with the names that its messages have for what extends them. */
export const EXTENSION_POINTS = {
  preEnqueue: "PreEnqueuePlugin",
  queueSort: "QueueSortPlugin",
  preFilter: "PreFilterPlugin",
  filter: "FilterPlugin",
  postFilter: "PostFilterPlugin",
  preScore: "PreScorePlugin",
  score: "ScorePlugin",
  reserve: "ReservePlugin",
  permit: "PermitPlugin",
  preBind: "PreBindPlugin",
  bind: "BindPlugin",
  postBind: "PostBindPlugin",
  placementGenerate: "PlacementGeneratePlugin",
  placementScore: "PlacementScorePlugin",
} as const;

export type ExtensionPoint = keyof typeof EXTENSION_POINTS;

export interface KnownPlugin {
  readonly name: string;
  readonly points: readonly ExtensionPoint[];
  /** Of its score; 1 where not said. */
  readonly weight?: number;
}

const LOOKS: readonly ExtensionPoint[] = ["preFilter", "filter"];
const PREFERS: readonly ExtensionPoint[] = ["preScore", "score"];

/** In upstream's order of 1.36, all of which run by default. */
export const KNOWN_PLUGINS: readonly KnownPlugin[] = [
  { name: "SchedulingGates", points: ["preEnqueue"] },
  { name: "PrioritySort", points: ["queueSort"] },
  { name: "NodeUnschedulable", points: ["filter"] },
  { name: "NodeName", points: ["filter"] },
  { name: "TaintToleration", points: ["filter", ...PREFERS], weight: 3 },
  { name: "NodeAffinity", points: [...LOOKS, ...PREFERS], weight: 2 },
  { name: "NodePorts", points: LOOKS },
  { name: "NodeResourcesFit", points: [...LOOKS, ...PREFERS], weight: 1 },
  { name: "VolumeRestrictions", points: LOOKS },
  { name: "NodeVolumeLimits", points: LOOKS },
  // By the room that storage has it scores only with a gate that is off by default.
  { name: "VolumeBinding", points: [...LOOKS, ...PREFERS, "reserve", "preBind"] },
  { name: "VolumeZone", points: LOOKS },
  { name: "PodTopologySpread", points: [...LOOKS, ...PREFERS], weight: 2 },
  { name: "InterPodAffinity", points: [...LOOKS, ...PREFERS], weight: 2 },
  { name: "DynamicResources", points: ["preEnqueue", ...LOOKS, "postFilter", "score", "reserve", "preBind"], weight: 2 },
  { name: "DefaultPreemption", points: ["preEnqueue", "postFilter"] },
  { name: "NodeResourcesBalancedAllocation", points: PREFERS, weight: 1 },
  { name: "ImageLocality", points: ["score"], weight: 1 },
  { name: "DefaultBinder", points: ["bind"] },
];

/** What upstream took away. */
export const REMOVED_PLUGINS: readonly string[] = ["AzureDiskLimits", "CinderLimits", "EBSLimits", "GCEPDLimits"];
