import type { NodeAffinity, TopologySpreadConstraint } from "../resources/types.ts";
import { KNOWN_PLUGINS } from "./config/known-plugins.ts";
import { SCHEDULER_NAME } from "./scheduler-name.ts";

/** What a KubeSchedulerConfiguration says, or upstream's usual where there is none. */
export interface SchedulerSettings {
  /** One at least; each for the pods that name it. */
  readonly profiles: readonly ProfileSettings[];
  /** Milliseconds that a pod waits after its first failure, and at most. */
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
}

export interface ProfileSettings {
  readonly schedulerName: string;
  /** Share of the nodes that are scored, once so many fit; 0 for what suits the cluster's size. */
  readonly percentageOfNodes: number;
  /** Names of plugins that say where a pod may go, and of those that say where it should, with their weights. */
  readonly filters: ReadonlySet<string>;
  readonly scores: ReadonlyMap<string, number>;
  /** Whether others may have to go for a pod that fits nowhere. */
  readonly preempts: boolean;
  readonly args: PluginArgs;
}

export interface PluginArgs {
  readonly fit: FitArgs;
  /** Resources that are to fill up evenly. */
  readonly balanced: readonly string[];
  /** Constraints of pods that have none; undefined for upstream's usual ones. */
  readonly spread: readonly TopologySpreadConstraint[] | undefined;
  readonly affinity: AffinityArgs;
  /** What nodes are asked for beside what the pods ask for. */
  readonly addedAffinity: NodeAffinity | undefined;
  readonly preemption: PreemptionArgs;
  /** Milliseconds in which volumes have to be there. */
  readonly volumesMs: number;
}

export interface FitArgs {
  /** Extended resources that somebody else counts, and groups of them. */
  readonly ignored: readonly string[];
  readonly ignoredGroups: readonly string[];
  readonly strategy: ScoringStrategy;
}

export type ScoringStrategy = { readonly resources: readonly WeightedResource[] } & (
  { readonly type: "LeastAllocated" | "MostAllocated" } | { readonly type: "RequestedToCapacityRatio"; readonly shape: readonly ShapePoint[] }
);

export interface WeightedResource {
  readonly name: string;
  readonly weight: number;
}

/** Of a line that goes through such points: percent in use, and a score of 0 to 10. */
export interface ShapePoint {
  readonly utilization: number;
  readonly score: number;
}

export interface AffinityArgs {
  /** What the company counts that a pod which is placed requires. */
  readonly hardWeight: number;
  /** Whether the wishes of placed pods count only for pods that have wishes themselves. */
  readonly ignoresWishesOfOthers: boolean;
}

export interface PreemptionArgs {
  /** Nodes that are looked at: this percentage of them, and no fewer than this many. */
  readonly nodesPercent: number;
  readonly nodesMin: number;
}

const EVENLY: readonly WeightedResource[] = ["cpu", "memory"].map((name) => ({ name, weight: 1 }));

export const DEFAULT_ARGS: PluginArgs = {
  fit: { ignored: [], ignoredGroups: [], strategy: { type: "LeastAllocated", resources: EVENLY } },
  balanced: ["cpu", "memory"],
  spread: undefined,
  affinity: { hardWeight: 1, ignoresWishesOfOthers: false },
  addedAffinity: undefined,
  preemption: { nodesPercent: 10, nodesMin: 100 },
  volumesMs: 600_000,
};

const FILTERS = KNOWN_PLUGINS.filter(({ points }) => points.includes("filter")).map(({ name }) => name);
const SCORES = KNOWN_PLUGINS.flatMap(({ name, weight }) => (weight === undefined ? [] : [[name, weight] as const]));

export const DEFAULT_PROFILE: ProfileSettings = {
  schedulerName: SCHEDULER_NAME,
  percentageOfNodes: 0,
  filters: new Set(FILTERS),
  scores: new Map(SCORES),
  preempts: true,
  args: DEFAULT_ARGS,
};

export const DEFAULT_SETTINGS: SchedulerSettings = { profiles: [DEFAULT_PROFILE], initialBackoffMs: 1_000, maxBackoffMs: 10_000 };
