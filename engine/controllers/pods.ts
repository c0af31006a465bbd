import { isConditionTrue, findCondition } from "../apimachinery/conditions.ts";
import type { Pod } from "../resources/types.ts";

/** Whether a pod counts: neither finished nor on its way out. */
export function isPodActive(pod: Pod): boolean {
  return pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed" && pod.metadata.deletionTimestamp === undefined;
}

export function isPodReady(pod: Pod): boolean {
  return isConditionTrue(pod.status?.conditions, "Ready");
}

/** Ready for at least `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  return millisecondsToAvailable(pod, minReadySeconds, nowMs) === 0;
}

/** 0 when the pod is available, undefined when it is not ready, else the time until it will be. */
export function millisecondsToAvailable(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  if (!isPodReady(pod)) return undefined;
  if (minReadySeconds === 0) return 0;
  const since = findCondition(pod.status?.conditions, "Ready")?.lastTransitionTime;
  return since === undefined ? undefined : Math.max(0, Date.parse(since) + minReadySeconds * 1000 - nowMs);
}
