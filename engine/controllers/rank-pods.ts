import { findCondition } from "../apimachinery/conditions.ts";
import type { Pod } from "../resources/types.ts";
import { DELETION_COST } from "../resources/validation/pod-annotations.ts";
import { isPodReady } from "./pods.ts";

const PHASE_RANK: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

type Comparison = (a: Pod, b: Pod) => number;

/**
 * Pods in the order in which they are given up, in upstream's order of criteria: not placed, pending, not ready, lower deletion cost,
 * more siblings on the same node, ready for a shorter time, more restarts, younger. `perNode` counts pods of the same workload.
 */
export function rankForDeletion(pods: readonly Pod[], perNode: ReadonlyMap<string, number>, nowMs: number): Pod[] {
  const byValue =
    (value: (pod: Pod) => number): Comparison =>
    (a, b) =>
      value(a) - value(b);
  const comparisons: readonly Comparison[] = [
    byValue((pod) => (pod.spec.nodeName ? 1 : 0)),
    byValue((pod) => PHASE_RANK[pod.status?.phase ?? "Pending"] ?? 0),
    byValue((pod) => (isPodReady(pod) ? 1 : 0)),
    byValue((pod) => Number(pod.metadata.annotations?.[DELETION_COST] ?? 0) || 0),
    byValue((pod) => -(perNode.get(pod.spec.nodeName ?? "") ?? 0)),
    (a, b) => (isPodReady(a) && isPodReady(b) ? compareAges(a, b, readySince(a), readySince(b), nowMs) : 0),
    byValue((pod) => -restartsOf(pod)),
    (a, b) => compareAges(a, b, Date.parse(a.metadata.creationTimestamp ?? ""), Date.parse(b.metadata.creationTimestamp ?? ""), nowMs),
  ];
  return [...pods].sort((a, b) => {
    for (const compare of comparisons) {
      const order = compare(a, b);
      if (order !== 0 && !Number.isNaN(order)) return order;
    }
    return compareUid(a, b);
  });
}

/**
 * The younger first, but ages count by order of magnitude: among pods of about the same age the (random) uid decides, so that
 * scaling down does not always hit the newest and with it always the same place.
 */
function compareAges(a: Pod, b: Pod, aSinceMs: number, bSinceMs: number, nowMs: number): number {
  if (aSinceMs === bSinceMs || Number.isNaN(aSinceMs) || Number.isNaN(bSinceMs)) return 0;
  const magnitude = (sinceMs: number) => (nowMs > sinceMs ? Math.floor(Math.log2((nowMs - sinceMs) * 1e6)) : -1); // upstream counts nanoseconds
  return magnitude(aSinceMs) - magnitude(bSinceMs) || compareUid(a, b);
}

function readySince(pod: Pod): number {
  return Date.parse(findCondition(pod.status?.conditions, "Ready")?.lastTransitionTime ?? "");
}

function restartsOf(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount ?? 0));
}

function compareUid(a: Pod, b: Pod): number {
  const [left = "", right = ""] = [a.metadata.uid, b.metadata.uid];
  return left < right ? -1 : left > right ? 1 : 0;
}
