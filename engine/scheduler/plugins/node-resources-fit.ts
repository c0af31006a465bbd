import type { NodeInfo, PodInfo } from "../node-info.ts";
import type { FilterPlugin, ScorePlugin } from "../plugin.ts";
import type { FitArgs, ScoringStrategy, ShapePoint } from "../scheduler-settings.ts";

const DEFAULT_PODS_PER_NODE = 110;

/** The node must have room for the pod's requests, and for one more pod. */
export function nodeResourcesFit({ ignored, ignoredGroups }: Pick<FitArgs, "ignored" | "ignoredGroups">): FilterPlugin {
  const isIgnored = (name: string) => isExtended(name) && (ignored.includes(name) || ignoredGroups.includes(name.split("/")[0] ?? ""));
  return {
    name: "NodeResourcesFit",
    test: (pod, node) => {
      const short: string[] = [];
      if (node.pods.length + 1 > (node.allocatable["pods"] ?? DEFAULT_PODS_PER_NODE)) short.push("Too many pods");
      for (const [name, amount] of Object.entries(pod.requests)) {
        // Where the node offers none, devices of a class may stand behind it.
        if (pod.devices?.extended.has(name) === true && (node.allocatable[name] ?? 0) === 0) continue;
        if (amount > 0 && amount > (node.allocatable[name] ?? 0) - (node.requested[name] ?? 0) && !isIgnored(name)) short.push(`Insufficient ${name}`);
      }
      return short.length === 0 ? undefined : short;
    },
    wokenBy: (event) =>
      event.is === "node-added" ||
      event.is === "node-changed" ||
      event.is === "pod-removed" ||
      event.is === "pod-shrunk" ||
      event.is === "device-classes-changed",
  };
}

/** Prefers nodes by how full the pod makes them: the emptier the better, the fuller the better, or as a line says. */
export function nodeResourcesScore(strategy: ScoringStrategy): ScorePlugin {
  return { name: "NodeResourcesFit", weight: 1, score: (pod, candidates) => candidates.map((node) => scoreOf(strategy, pod, node)) };
}

/** Each resource that the node has counts by its weight; with a line only those do that score at all. */
function scoreOf(strategy: ScoringStrategy, pod: PodInfo, node: NodeInfo): number {
  let sum = 0;
  let weights = 0;
  for (const { name, weight } of strategy.resources) {
    const use = useOf(pod, node, name);
    if (use === undefined) continue;
    const score =
      strategy.type === "RequestedToCapacityRatio"
        ? onLine(strategy.shape, use.used > use.all ? 100 : Math.floor((use.used * 100) / use.all))
        : strategy.type === "MostAllocated"
          ? Math.floor((Math.min(use.used, use.all) * 100) / use.all)
          : Math.max(0, Math.floor(((use.all - use.used) * 100) / use.all));
    if (strategy.type === "RequestedToCapacityRatio" && score <= 0) continue;
    sum += score * weight;
    weights += weight;
  }
  if (weights === 0) return 0;
  return strategy.type === "RequestedToCapacityRatio" ? Math.round(sum / weights) : Math.floor(sum / weights);
}

/** In whole numbers, as upstream's line; the scores of its points count ten times. */
function onLine(shape: readonly ShapePoint[], percent: number): number {
  const after = shape.findIndex(({ utilization }) => percent <= utilization);
  const [before, next] = [shape[after - 1], shape[after]];
  if (next === undefined) return 10 * (shape.at(-1)?.score ?? 0);
  if (before === undefined) return 10 * next.score;
  return 10 * before.score + Math.trunc((10 * (next.score - before.score) * (percent - before.utilization)) / (next.utilization - before.utilization));
}

/**
 * Prefers nodes where the resources fill up evenly, judged by how much the pod improves or worsens the balance. Only what is asked for
 * counts, and of a pod that asks for nothing there is nothing to judge: it would go where many of its like are.
 */
export function balancedAllocation(resources: readonly string[]): ScorePlugin {
  return {
    name: "NodeResourcesBalancedAllocation",
    weight: 1,
    score: (pod, candidates) => {
      if (resources.every((name) => (pod.requests[name] ?? 0) === 0)) return candidates.map(() => 0);
      return candidates.map((node) => {
        const uses = resources.flatMap((name) => plainUseOf(pod, node, name) ?? []);
        const balanceOf = (used: (use: Use) => number) => balance(uses.map((use) => Math.min(1, used(use) / use.all)));
        return 50 + Math.trunc((50 + balanceOf(({ used }) => used) - balanceOf(({ before }) => before)) / 2);
      });
    },
  };
}

/** How much of a resource the node has, and how much of it is in use without the pod and with it. */
interface Use {
  readonly all: number;
  readonly before: number;
  readonly used: number;
}

/**
 * With what containers are taken to need that ask for nothing. Undefined of what the node has nothing of, and of an extended resource that
 * the pod does not ask for.
 */
function useOf(pod: PodInfo, node: NodeInfo, name: string): Use | undefined {
  return useBy(node.allocatable[name], pod.scoredRequests[name] ?? pod.requests[name], node.scoredRequested[name] ?? node.requested[name], name);
}

/** The same by what is asked for. */
function plainUseOf(pod: PodInfo, node: NodeInfo, name: string): Use | undefined {
  return useBy(node.allocatable[name], pod.requests[name], node.requested[name], name);
}

function useBy(all = 0, wanted = 0, before = 0, name: string): Use | undefined {
  return all <= 0 || (wanted === 0 && name.includes("/")) ? undefined : { all, before, used: before + wanted };
}

/** 100 for equal shares, less by their standard deviation; whole, as upstream's. */
function balance(shares: readonly number[]): number {
  if (shares.length < 2) return 100;
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length;
  return Math.trunc((1 - Math.sqrt(variance)) * 100);
}

function isExtended(name: string): boolean {
  return name.includes("/") && !name.includes("kubernetes.io/");
}
