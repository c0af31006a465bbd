import type { NodeInfo, PodInfo } from "../node-info.ts";
import type { FilterPlugin, ScorePlugin } from "../plugin.ts";

const DEFAULT_PODS_PER_NODE = 110;

/** The node must have room for the pod's requests, and for one more pod. */
export const nodeResourcesFit: FilterPlugin = {
  name: "NodeResourcesFit",
  test: (pod, node) => {
    const short: string[] = [];
    if (node.pods.length + 1 > (node.allocatable["pods"] ?? DEFAULT_PODS_PER_NODE)) short.push("Too many pods");
    for (const [name, amount] of Object.entries(pod.requests)) {
      // Where the node offers none, devices of a class may stand behind it.
      if (pod.devices?.extended.has(name) === true && (node.allocatable[name] ?? 0) === 0) continue;
      if (amount > 0 && amount > (node.allocatable[name] ?? 0) - (node.requested[name] ?? 0)) short.push(`Insufficient ${name}`);
    }
    return short.length === 0 ? undefined : short;
  },
  wokenBy: (event) => event.is === "node-added" || event.is === "node-changed" || event.is === "pod-removed" || event.is === "device-classes-changed",
};

/** Prefers nodes that keep the largest share of cpu and memory free once the pod is there. */
export const leastAllocated: ScorePlugin = {
  name: "NodeResourcesFit",
  weight: 1,
  score: (pod, candidates) =>
    candidates.map((node) => {
      const free = sharesAfter(pod, node).map((share) => Math.max(0, Math.floor((1 - share) * 100)));
      return free.length === 0 ? 0 : Math.floor(free.reduce((sum, share) => sum + share, 0) / free.length);
    }),
};

/** Prefers nodes where cpu and memory fill up evenly, judged by how much the pod improves or worsens the balance. */
export const balancedAllocation: ScorePlugin = {
  name: "NodeResourcesBalancedAllocation",
  weight: 1,
  score: (pod, candidates) =>
    candidates.map((node) => {
      const before = balance(shares(node, node.scoredRequested));
      const after = balance(sharesAfter(pod, node));
      return Math.floor(50 + (50 + after - before) / 2);
    }),
};

function sharesAfter(pod: PodInfo, node: NodeInfo): number[] {
  return shares(node, {
    cpu: (node.scoredRequested["cpu"] ?? 0) + (pod.scoredRequests["cpu"] ?? 0),
    memory: (node.scoredRequested["memory"] ?? 0) + (pod.scoredRequests["memory"] ?? 0),
  });
}

function shares(node: NodeInfo, used: Readonly<Record<string, number>>): number[] {
  return ["cpu", "memory"].filter((name) => (node.allocatable[name] ?? 0) > 0).map((name) => Math.min(1, (used[name] ?? 0) / (node.allocatable[name] ?? 1)));
}

/** 100 for equal shares, less by their standard deviation. */
function balance(fractions: readonly number[]): number {
  if (fractions.length < 2) return 100;
  const mean = fractions.reduce((sum, value) => sum + value, 0) / fractions.length;
  const variance = fractions.reduce((sum, value) => sum + (value - mean) ** 2, 0) / fractions.length;
  return (1 - Math.sqrt(variance)) * 100;
}
