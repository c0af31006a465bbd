import { findCondition } from "../../apimachinery/conditions.ts";
import { backoffMs } from "../../lib/backoff.ts";
import type { Job, Pod } from "../../resources/types.ts";
import { failuresWith, isFailed } from "./job-pods.ts";

/** How long a Job waits before it makes a pod after so many failures in a row: upstream's 10 s, doubled up to 10 min. */
const BACKOFF = { initialMs: 10_000, maxMs: 10 * 60_000 };

/** What is left of the wait before the next pod may be made; failures count from the last pod that succeeded. Pure. */
export function computeBackoffMs(job: Job, pods: readonly Pod[], nowMs: number): number {
  const lastSuccess = Math.max(-Infinity, ...pods.filter((pod) => pod.status?.phase === "Succeeded").map(finishedAtMs));
  const failures = pods
    .filter((pod) => isFailed(job, pod))
    .map(finishedAtMs)
    .filter((time) => time > lastSuccess);
  if (failures.length === 0) return 0;
  return Math.max(0, Math.max(...failures) + backoffMs(BACKOFF, failures.length) - nowMs);
}

/** The same for one index, whose last failed pod knows the failures before it. */
export function computeIndexBackoffMs(job: Job, lastFailed: Pod, nowMs: number): number {
  const { counted, ignored } = failuresWith(job, lastFailed);
  return Math.max(0, finishedAtMs(lastFailed) + backoffMs(BACKOFF, counted + ignored) - nowMs);
}

/** When the last container ended, or else the best guess there is. */
function finishedAtMs({ metadata, status }: Pod): number {
  const ends = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
    .map((container) => Date.parse(container.state?.terminated?.finishedAt ?? ""))
    .filter((time) => !Number.isNaN(time));
  if (ends.length > 0) return Math.max(...ends);
  if (metadata.deletionTimestamp !== undefined) return Date.parse(metadata.deletionTimestamp) - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  const unready = findCondition(status?.conditions, "Ready")?.lastTransitionTime;
  return Date.parse(unready ?? metadata.creationTimestamp ?? "") || 0;
}
