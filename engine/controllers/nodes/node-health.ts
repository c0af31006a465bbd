import { findCondition, withCondition } from "../../apimachinery/conditions.ts";
import { formatTime } from "../../lib/clock.ts";
import { leaseResource } from "../../resources/coordination/lease.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { Lease, Node, NodeCondition, Pod } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { read, tell, update, watch, type Action, type ControllerDefinition } from "../define-controller.ts";
import { isPodReady, NODE_INDEX, nodeIndex } from "../pods.ts";
import type { ControllerTimings } from "../timings.ts";

const LEASE_NAMESPACE = "kube-node-lease";
/** Conditions that an agent which has gone silent no longer vouches for. */
const REPORTED = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"] as const;

export interface NodeHealthInputs {
  readonly node: Node;
  /** For how long neither the node's lease nor its status has been renewed. */
  readonly silentMs: number;
  /** Whether this is the first that is heard of the node. */
  readonly isNew?: boolean;
  /** The node's pods that say they are ready. */
  readonly readyPods: readonly Pod[];
}

/**
 * A node that has been silent for too long is Unknown, and its pods are not ready: their Services must not send anything there,
 * and the agent, which would say so otherwise, cannot. When it comes back, it reports for itself. Pure.
 */
export function planNodeHealth({ node, silentMs, isNew, readyPods }: NodeHealthInputs, timings: ControllerTimings, nowMs: number): readonly Action[] {
  const wait: Action = { do: "wait", forMs: timings.nodeMonitorPeriodMs };
  const graceMs = findCondition(node.status?.conditions, "Ready") === undefined ? timings.nodeStartupGraceMs : timings.nodeMonitorGraceMs;
  const { name } = node.metadata;
  if (isNew === true) return [wait, tell(node, "Normal", "RegisteredNode", `Node ${name} event: Registered Node ${name} in Controller`)];
  if (silentMs <= graceMs) return [wait];
  const conditions = computeSilentConditions(node, nowMs);
  const wasReady = findCondition(node.status?.conditions, "Ready")?.status === "True";
  const status: Action[] = conditions === node.status?.conditions ? [] : [update(nodeResource, { ...node, status: { ...node.status, conditions } }, "status")];
  const story = wasReady ? [tell(node, "Normal", "NodeNotReady", `Node ${name} status is now: NodeNotReady`)] : [];
  const pods = readyPods.map((pod): Action => ({
    do: "inOrder",
    actions: [markNotReady(pod, nowMs), tell(pod, "Warning", "NodeNotReady", "Node is not ready")],
  }));
  return [wait, ...status, ...story, { do: "together", actions: pods }];
}

/** The conditions an agent would report become Unknown; the very same list when they are already. */
function computeSilentConditions(node: Node, nowMs: number): readonly NodeCondition[] {
  let conditions: readonly NodeCondition[] = node.status?.conditions ?? [];
  for (const type of REPORTED) {
    const known = findCondition(conditions, type);
    if (known?.status === "Unknown") continue;
    const [reason, message] =
      known === undefined ? ["NodeStatusNeverUpdated", "Kubelet never posted node status."] : ["NodeStatusUnknown", "Kubelet stopped posting node status."];
    conditions = withCondition<NodeCondition>(conditions, { type, status: "Unknown", reason, message }, formatTime(nowMs));
  }
  return conditions;
}

function markNotReady(pod: Pod, nowMs: number): Action {
  const condition = { type: "Ready", status: "False", reason: "NodeNotReady", lastTransitionTime: formatTime(nowMs) };
  return { do: "patch", resource: podResource, object: pod, patch: { status: { conditions: [condition] } }, subresource: "status" };
}

/** Watches over nodes by their leases and heartbeats. */
export function nodeHealthController({ clock, informers, timings }: ControllerContext): ControllerDefinition<NodeHealthInputs> {
  const nodes = informers.informer(nodeResource);
  const pods = informers.informer(podResource);
  const leases = informers.informer(leaseResource, { namespace: LEASE_NAMESPACE });
  pods.addIndex(NODE_INDEX, nodeIndex);
  /** When a sign of life was last seen to change, by our own clock: clocks of machines differ. After a restart, everyone gets a full grace period. */
  const lastHeard = new Map<string, { readonly sign: string; readonly atMs: number }>();

  const silenceOf = (node: Node): number => {
    const name = node.metadata.name ?? "";
    const lease = leases.get(LEASE_NAMESPACE, name);
    // Our own writes change conditions too; only heartbeats and renewals are the agent's.
    const sign = `${lease?.spec?.renewTime ?? ""} ${findCondition(node.status?.conditions, "Ready")?.lastHeartbeatTime ?? ""}`;
    const heard = lastHeard.get(name);
    if (heard?.sign === sign) return clock.monotonic() - heard.atMs;
    lastHeard.set(name, { sign, atMs: clock.monotonic() });
    return 0;
  };

  return {
    name: "node-health-controller",
    component: "node-controller",
    watches: [
      watch(
        nodes,
        ({ metadata: { name = "" } }) => [name],
        (old, node) => old === undefined || node === undefined,
      ),
      watch(leases, (lease: Lease) => [lease.metadata.name ?? ""]),
    ],
    reads: [read(pods)],
    observe(name) {
      const node = nodes.get("", name);
      if (node === undefined) {
        lastHeard.delete(name);
        return undefined;
      }
      const isNew = !lastHeard.has(name);
      const silentMs = silenceOf(node);
      return { node, silentMs, isNew, readyPods: silentMs <= timings.nodeMonitorGraceMs ? [] : pods.byIndex(NODE_INDEX, name).filter(isPodReady) };
    },
    plan: (inputs, nowMs) => planNodeHealth(inputs, timings, nowMs),
  };
}
