import { findCondition } from "../../apimachinery/conditions.ts";
import { backoffMs } from "../../lib/backoff.ts";
import type { Job, Pod } from "../../resources/types.ts";
import { isBeingDeleted } from "../define-controller.ts";
import { failuresWith, hasFinalizer, isFailed } from "./job-pods.ts";

/** How long a Job waits before it makes a pod after so many failures in a row: upstream's 10 s, doubled up to 10 min. */
const BACKOFF = { initialMs: 10_000, maxMs: 10 * 60_000 };

/** Failures since the last pod that succeeded, those of pods that are gone among them. */
export interface FailureRun {
  readonly jobUid: string;
  readonly count: number;
  /** When the last of them ended; -Infinity when there is none. */
  readonly lastMs: number;
  /** Pods, by uid, whose ends are in the count, and that are still there. */
  readonly failed: ReadonlySet<string>;
  readonly succeeded: ReadonlySet<string>;
}

/**
 * What is known of a Job's failures once its pods have been looked at again: each end counts once. One whom nobody has told anything knows
 * what the pods tell that are there. What the Job takes away itself is no failure: it has no finalizer any more. Pure.
 */
export function noteFailures(known: FailureRun | undefined, job: Job, members: readonly Pod[]): FailureRun {
  const before = known?.jobUid === job.metadata.uid ? known : undefined;
  const failed = members.filter((pod) => isFailed(job, pod) && (hasFinalizer(pod) || !isBeingDeleted(pod)));
  const succeeded = members.filter((pod) => pod.status?.phase === "Succeeded");
  const lastSuccessMs = latest(succeeded.filter((pod) => before?.succeeded.has(uidOf(pod)) !== true));
  const kept = lastSuccessMs === -Infinity ? before : undefined;
  const counted = failed.filter((pod) => kept?.failed.has(uidOf(pod)) !== true && finishedAtMs(pod) > lastSuccessMs);
  // A Job may have ten thousand pods, and most looks find nothing new.
  if (kept !== undefined && counted.length === 0 && kept.failed.size === failed.length && kept.succeeded.size === succeeded.length) return kept;
  return {
    jobUid: job.metadata.uid ?? "",
    count: (kept?.count ?? 0) + counted.length,
    lastMs: Math.max(kept?.lastMs ?? -Infinity, latest(counted)),
    failed: new Set(failed.map(uidOf)),
    succeeded: new Set(succeeded.map(uidOf)),
  };
}

function uidOf({ metadata }: Pod): string {
  return metadata.uid ?? "";
}

/** What is left of the wait before the next pod may be made. Pure. */
export function computeBackoffMs({ count, lastMs }: FailureRun, nowMs: number): number {
  return count === 0 ? 0 : Math.max(0, lastMs + backoffMs(BACKOFF, count) - nowMs);
}

/** The same for one index, whose last failed pod knows the failures before it. */
export function computeIndexBackoffMs(job: Job, lastFailed: Pod, nowMs: number): number {
  const { counted, ignored } = failuresWith(job, lastFailed);
  return Math.max(0, finishedAtMs(lastFailed) + backoffMs(BACKOFF, counted + ignored) - nowMs);
}

function latest(pods: readonly Pod[]): number {
  return pods.reduce((last, pod) => Math.max(last, finishedAtMs(pod)), -Infinity);
}

/** When the last container ended, or else the best guess there is: upstream's, in its order. */
function finishedAtMs({ metadata, spec, status }: Pod): number {
  const sidecars = new Set((spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always").map(({ name }) => name));
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name))];
  const ends = statuses.map(({ state }) => Date.parse(state?.terminated?.finishedAt ?? ""));
  if (ends.length > 0 && ends.every((time) => !Number.isNaN(time))) return Math.max(...ends);
  const ready = findCondition(status?.conditions, "Ready");
  if (ready?.status === "False" && ready.lastTransitionTime) return Date.parse(ready.lastTransitionTime);
  if (metadata.deletionTimestamp !== undefined) return Date.parse(metadata.deletionTimestamp) - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  return Date.parse(metadata.creationTimestamp ?? "") || 0;
}
