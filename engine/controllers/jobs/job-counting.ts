import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { hasIndex } from "../../resources/batch/index-set.ts";
import type { Job, Pod } from "../../resources/types.ts";
import { judgeFailure } from "./job-failure-policy.ts";
import { hasFinalizer, indexOf, isFailed, isIndexed } from "./job-pods.ts";
import type { Verdict } from "./job-verdict.ts";
import { knownIndexes, type JobView } from "./job-view.ts";

/** Pods that the status has to take note of before they may go. */
export interface Uncounted {
  readonly succeeded: readonly Pod[];
  readonly failed: readonly Pod[];
}

/** Of an indexed Job, a success whose index the status has is none of them. When a Job fails, what still runs or is leaving fails with it. Pure. */
export function computeUncounted(job: Job, view: JobView, verdict: Verdict | undefined): Uncounted {
  const known = knownIndexes(job, "completedIndexes");
  const hasFailed = (pod: Pod) => (verdict?.type === "FailureTarget" ? pod.status?.phase !== "Succeeded" : isFailed(job, pod)) && judgeFailure(job, pod).counts;
  return {
    succeeded: view.unlisted.filter((pod) => pod.status?.phase === "Succeeded" && !hasIndex(known, indexOf(job, pod) ?? -1)),
    failed: view.unlisted.filter((pod) => hasFailed(pod) && (verdict !== undefined || !isAwaited(job, view, pod))),
  };
}

/** Pods of which the status as it is stored has taken note, or never will: their finalizers have done their work. Pure. */
export function chooseAccountedFor(job: Job, view: JobView, verdict: Verdict | undefined): readonly Pod[] {
  const uncounted = computeUncounted(job, view, verdict);
  const kept = new Set([...uncounted.succeeded, ...uncounted.failed]);
  const listed = new Set([...view.pending.succeeded, ...view.pending.failed]);
  const isOver = isSettled(job, verdict);
  const isDone = (pod: Pod) => isOver || (hasEnded(job, pod) && !isAwaited(job, view, pod));
  return view.members.filter((pod) => hasFinalizer(pod) && !kept.has(pod) && (listed.has(pod.metadata.uid ?? "") || isDone(pod)));
}

/**
 * What goes because the Job is over: not before the status says so, nor any pod before it is accounted for. So a pod that the Job takes
 * away is never mistaken for one that failed, not even when the status could not be written at first. Pure.
 */
export function chooseLeftOver(job: Job, view: JobView, verdict: Verdict | undefined, accountedFor: readonly Pod[]): readonly Pod[] {
  if (!isSettled(job, verdict)) return [];
  const free = new Set(accountedFor);
  return view.active.filter((pod) => !hasFinalizer(pod) || free.has(pod));
}

/** Whether the status as it is stored has the verdict. */
function isSettled({ status }: Job, verdict: Verdict | undefined): boolean {
  return verdict !== undefined && isConditionTrue(status?.conditions, verdict.type);
}

function hasEnded(job: Job, pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || isFailed(job, pod);
}

/** Whether the pod's successor still has to be told of its failure. */
function isAwaited(job: Job, { lastFailed }: JobView, pod: Pod): boolean {
  const index = isIndexed(job) ? indexOf(job, pod) : undefined;
  return index !== undefined && lastFailed.get(index) === pod;
}
