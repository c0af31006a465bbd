import { findCondition, withCondition } from "../apimachinery/conditions.ts";
import { formatMicroTime, formatTime } from "../lib/clock.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { leaseResource } from "../resources/coordination/lease.ts";
import { nodeResource } from "../resources/core/node.ts";
import { podResource } from "../resources/core/pod.ts";
import type { Lease, Node, NodeCondition, Pod, Taint } from "../resources/types.ts";
import { runController, unlessGone, type ControllerContext } from "./controller.ts";

const UNREACHABLE = "node.kubernetes.io/unreachable";
const NOT_READY = "node.kubernetes.io/not-ready";
const UNSCHEDULABLE = "node.kubernetes.io/unschedulable";
/** Conditions that keep new pods away while they hold. */
const CONDITION_TAINTS: Readonly<Record<string, string>> = {
  MemoryPressure: "node.kubernetes.io/memory-pressure",
  DiskPressure: "node.kubernetes.io/disk-pressure",
  PIDPressure: "node.kubernetes.io/pid-pressure",
  NetworkUnavailable: "node.kubernetes.io/network-unavailable",
};
const MANAGED = new Set([UNREACHABLE, NOT_READY, UNSCHEDULABLE, ...Object.values(CONDITION_TAINTS)]);
/** Conditions that an agent which has gone silent no longer vouches for. */
const REPORTED = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"] as const;

/** A node's conditions: those of a silent agent become Unknown. The same list when nothing changes. */
export function computeNodeConditions(node: Node, silentMs: number, graceMs: number, nowMs: number): readonly NodeCondition[] {
  let conditions: readonly NodeCondition[] = node.status?.conditions ?? [];
  if (silentMs <= graceMs) return conditions;
  for (const type of REPORTED) {
    if (findCondition(conditions, type)?.status === "Unknown") continue;
    const reason = findCondition(conditions, type) === undefined ? "NodeStatusNeverUpdated" : "NodeStatusUnknown";
    const message = reason === "NodeStatusUnknown" ? "Kubelet stopped posting node status." : "Kubelet never posted node status.";
    conditions = withCondition<NodeCondition>(conditions, { type, status: "Unknown", reason, message }, formatTime(nowMs));
  }
  return conditions;
}

/** The taints that stand for a node's conditions, beside those that others set. NoExecute ones remember when they began. */
export function computeNodeTaints(node: Node, conditions: readonly NodeCondition[], nowMs: number): readonly Taint[] {
  const own = (node.spec?.taints ?? []).filter((taint) => !MANAGED.has(taint.key));
  const ready = findCondition(conditions, "Ready")?.status;
  const wanted: Taint[] = [];
  const add = (key: string, effect: string) => {
    const known = node.spec?.taints?.find((taint) => taint.key === key && taint.effect === effect);
    wanted.push(known ?? { key, effect, ...(effect === "NoExecute" ? { timeAdded: formatTime(nowMs) } : {}) });
  };
  const silence = ready === undefined || ready === "Unknown" ? UNREACHABLE : ready === "False" ? NOT_READY : undefined;
  // A node that was just made and never reported is not ready, rather than lost.
  const key = ready === undefined ? NOT_READY : silence;
  if (key !== undefined) {
    add(key, "NoSchedule");
    if (ready !== undefined) add(key, "NoExecute");
  }
  for (const [type, taint] of Object.entries(CONDITION_TAINTS)) if (findCondition(conditions, type)?.status === "True") add(taint, "NoSchedule");
  if (node.spec?.unschedulable === true) add(UNSCHEDULABLE, "NoSchedule");
  return [...own, ...wanted];
}

/** When a pod must leave a node with these NoExecute taints: milliseconds from now, 0 at once, undefined never. */
export function evictionDelayMs(pod: Pod, taints: readonly Taint[], nowMs: number): number | undefined {
  const executing = taints.filter((taint) => taint.effect === "NoExecute");
  if (executing.length === 0) return undefined;
  let earliest: number | undefined;
  for (const taint of executing) {
    const matching = (pod.spec.tolerations ?? []).filter((toleration) => (!toleration.effect || toleration.effect === "NoExecute") && (!toleration.key || toleration.key === taint.key) && (toleration.operator === "Exists" || (toleration.value ?? "") === (taint.value ?? "")));
    if (matching.length === 0) return 0;
    const limits = matching.map((toleration) => toleration.tolerationSeconds).filter((seconds) => seconds !== undefined);
    if (limits.length === 0) continue;
    const sinceMs = taint.timeAdded === undefined ? nowMs : Date.parse(taint.timeAdded);
    const due = Math.max(0, sinceMs + Math.min(...limits) * 1000 - nowMs);
    earliest = earliest === undefined ? due : Math.min(earliest, due);
  }
  return earliest;
}

/** Watches over nodes by their leases: marks the silent ones, taints by condition, and evicts pods that do not tolerate it. */
export function nodeLifecycleController(context: ControllerContext) {
  const { client, clock, events, informers, logger, timings } = context;
  const nodes = informers.informer(nodeResource);
  const pods = informers.informer(podResource);
  const leases = informers.informer(leaseResource, { namespace: "kube-node-lease" });
  pods.addIndex("node", (pod) => [pod.spec.nodeName ?? ""]);
  /** When each lease was last seen to change, by our own clock: clocks of machines differ. */
  const lastHeard = new Map<string, { readonly renewTime: string; readonly atMs: number }>();

  return runController(
    {
      name: "node-lifecycle-controller",
      sources: [nodes, pods, leases],
      connect: (queue) => {
        const add = (node: Node) => queue.add(node.metadata.name ?? "");
        const heard = (lease: Lease) => {
          const name = lease.metadata.name ?? "";
          const renewTime = lease.spec?.renewTime ?? "";
          if (lastHeard.get(name)?.renewTime === renewTime) return;
          lastHeard.set(name, { renewTime, atMs: clock.monotonic() });
          if (findCondition(nodes.get("", name)?.status?.conditions, "Ready")?.status !== "True") queue.add(name);
        };
        return [
          nodes.addHandler({ add, update: (old, node) => !(jsonEqual(old.spec, node.spec) && jsonEqual(old.status?.conditions, node.status?.conditions)) && add(node), delete: (node) => lastHeard.delete(node.metadata.name ?? "") }),
          leases.addHandler({ add: heard, update: (_old, lease) => heard(lease) }),
        ];
      },
      sync: async (name) => {
        const node = nodes.get("", name);
        if (node === undefined) return;
        const nowMs = clock.now();
        const conditions = computeNodeConditions(node, silenceOf(name), timings.nodeMonitorGraceMs, nowMs);
        if (!jsonEqual(conditions, node.status?.conditions ?? [])) {
          events.record(node, { type: "Normal", reason: "NodeNotReady", message: `Node ${name} status is now: NodeNotReady` });
          logger.warn("node is silent", { node: name });
          await unlessGone(client.for(nodeResource).updateStatus({ ...node, status: { ...node.status, conditions } }));
          return 0; // taints follow with the node's new state
        }
        const taints = computeNodeTaints(node, conditions, nowMs);
        if (!jsonEqual(taints, node.spec?.taints ?? [])) {
          await unlessGone(client.for(nodeResource).patch("", name, "merge", { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { taints: taints.length === 0 ? null : taints } }));
          return 0;
        }
        const evictionMs = await evict(node, taints, nowMs);
        return Math.max(1, Math.min(timings.nodeMonitorPeriodMs, evictionMs ?? Infinity));
      },
    },
    context,
  );

  function silenceOf(name: string): number {
    const heard = lastHeard.get(name);
    if (heard === undefined) lastHeard.set(name, { renewTime: "", atMs: clock.monotonic() });
    return heard === undefined ? 0 : clock.monotonic() - heard.atMs;
  }

  /** Deletes what may no longer stay; gives the time until the next pod is due. */
  async function evict(node: Node, taints: readonly Taint[], nowMs: number): Promise<number | undefined> {
    let next: number | undefined;
    for (const pod of pods.byIndex("node", node.metadata.name ?? "")) {
      if (pod.metadata.deletionTimestamp !== undefined) continue;
      const delay = evictionDelayMs(pod, taints, nowMs);
      if (delay === undefined) continue;
      if (delay > 0) {
        next = next === undefined ? delay : Math.min(next, delay);
        continue;
      }
      events.record(pod, { type: "Normal", reason: "TaintManagerEviction", message: `Marking for deletion Pod ${pod.metadata.namespace}/${pod.metadata.name}` });
      await unlessGone(client.for(podResource).delete(pod.metadata.namespace ?? "", pod.metadata.name ?? "", { preconditions: { uid: pod.metadata.uid ?? "" } }));
      logger.info("evicted pod", { pod: `${pod.metadata.namespace}/${pod.metadata.name}`, node: node.metadata.name, at: formatMicroTime(nowMs) });
    }
    return next;
  }
}
