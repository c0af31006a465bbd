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
  wokenBy: (event) => event.is === "node-added" || event.is === "node-changed" || event.is === "pod-removed" || event.is === "pod-shrunk" || event.is === "device-classes-changed",
};

/** Prefers nodes that keep the largest share of cpu and memory free once the pod is there. */
export const leastAllocated: ScorePlugin = {
  name: "NodeResourcesFit",
  weight: 1,
  score: (pod, candidates) =>
    candidates.map((node) => {
      const [cpu, memory] = [freeAfter(pod, node, "cpu"), freeAfter(pod, node, "memory")];
      return cpu === undefined || memory === undefined ? (cpu ?? memory ?? 0) : Math.floor((cpu + memory) / 2);
    }),
};

/** Prefers nodes where cpu and memory fill up evenly, judged by how much the pod improves or worsens the balance. */
export const balancedAllocation: ScorePlugin = {
  name: "NodeResourcesBalancedAllocation",
  weight: 1,
  score: (pod, candidates) =>
    candidates.map((node) => {
      const before = balance(share(node, "cpu", 0), share(node, "memory", 0));
      const after = balance(shareAfter(pod, node, "cpu"), shareAfter(pod, node, "memory"));
      return Math.floor(50 + (50 + after - before) / 2);
    }),
};

type Scored = "cpu" | "memory";

/** What is left, in hundredths; undefined of what the node has nothing of. */
function freeAfter(pod: PodInfo, node: NodeInfo, name: Scored): number | undefined {
  const used = shareAfter(pod, node, name);
  return used === undefined ? undefined : Math.max(0, Math.floor((1 - used) * 100));
}

function shareAfter(pod: PodInfo, node: NodeInfo, name: Scored): number | undefined {
  return share(node, name, pod.scoredRequests[name] ?? 0);
}

/** The part that is in use when so much more is; undefined of what the node has nothing of. */
function share({ allocatable, scoredRequested }: NodeInfo, name: Scored, more: number): number | undefined {
  const all = allocatable[name] ?? 0;
  return all > 0 ? Math.min(1, ((scoredRequested[name] ?? 0) + more) / all) : undefined;
}

/** 100 for equal shares, less by their standard deviation. */
function balance(cpu: number | undefined, memory: number | undefined): number {
  if (cpu === undefined || memory === undefined) return 100;
  const mean = (cpu + memory) / 2;
  const variance = ((cpu - mean) ** 2 + (memory - mean) ** 2) / 2;
  return (1 - Math.sqrt(variance)) * 100;
}
