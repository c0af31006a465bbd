import { controllerOf } from "../../apimachinery/object-meta.ts";
import { isControlledBy } from "../../apimachinery/owner-references.ts";
import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import { hasIndex, indexCount, parseIndexSet, withIndexes, type IndexSet } from "../../resources/batch/index-set.ts";
import type { Job, Pod } from "../../resources/types.ts";
import { isBeingDeleted } from "../define-controller.ts";
import { isPodActive, isPodTerminating } from "../pods.ts";
import { noteFailures, type FailureRun } from "./job-backoff.ts";
import { judgeFailure } from "./job-failure-policy.ts";
import { failuresBefore, failuresWith, hasFinalizer, indexOf, isFailed, isIndexed } from "./job-pods.ts";

export interface JobInputs {
  readonly job: Job;
  /** Pods it owns, and pods of its namespace without an owner. */
  readonly pods: readonly Pod[];
  /** What is remembered of pods that failed; only what pods tell that are there where it is absent. */
  readonly failures?: FailureRun;
}

/**
 * A Job as its pods make it. A pod that has ended is counted once, however often anybody looks and whatever crashes in between: its uid
 * is written into the status before its finalizer goes, and leaves it with the count when the finalizer is seen to be gone.
 */
export interface JobView {
  /** Its pods after adoption. */
  readonly members: readonly Pod[];
  readonly adopted: readonly Pod[];
  readonly released: readonly Pod[];
  readonly active: readonly Pod[];
  /** Leaving, and not ended yet. */
  readonly terminating: readonly Pod[];
  /** Pods that have the finalizer and are in no list of the status; of an indexed Job, those with a proper index. */
  readonly unlisted: readonly Pod[];
  /** Counts of pods whose finalizers are gone. */
  readonly counted: { readonly succeeded: number; readonly failed: number };
  /** Uids in the status whose pods still have their finalizer. */
  readonly pending: { readonly succeeded: readonly string[]; readonly failed: readonly string[] };
  readonly succeeded: number;
  readonly failed: number;
  readonly succeededIndexes: IndexSet;
  readonly failedIndexes: IndexSet;
  /** By index, the failed pod that tells its successor how often the index has failed; it keeps its finalizer until then. */
  readonly lastFailed: ReadonlyMap<number, Pod>;
  readonly failures: FailureRun;
}

export function viewJob({ job, pods, failures }: JobInputs): JobView {
  const { members, adopted, released } = claim(job, pods);
  const active = members.filter(isPodActive);
  const { uncountedTerminatedPods: lists, succeeded = 0, failed = 0 } = job.status ?? {};
  const held = new Set(members.filter(hasFinalizer).map((pod) => pod.metadata.uid));
  const split = (uids: readonly string[] = []) => ({ pending: uids.filter((uid) => held.has(uid)), gone: uids.filter((uid) => !held.has(uid)).length });
  const [listedSucceeded, listedFailed] = [split(lists?.succeeded), split(lists?.failed)];
  const listed = new Set([...(lists?.succeeded ?? []), ...(lists?.failed ?? [])]);
  const unlisted = members.filter((pod) => hasFinalizer(pod) && !listed.has(pod.metadata.uid ?? "") && (!isIndexed(job) || indexOf(job, pod) !== undefined));
  const newSucceeded = unlisted.filter((pod) => pod.status?.phase === "Succeeded");
  const newFailed = unlisted.filter((pod) => isFailed(job, pod) && judgeFailure(job, pod).counts);
  const succeededIndexes = computeSucceededIndexes(job, members);
  const failedIndexes = computeFailedIndexes(job, members);
  return {
    members,
    adopted,
    released,
    active,
    terminating: members.filter(isPodTerminating),
    unlisted,
    counted: { succeeded: succeeded + listedSucceeded.gone, failed: failed + listedFailed.gone },
    pending: { succeeded: listedSucceeded.pending, failed: listedFailed.pending },
    succeeded: isIndexed(job) ? indexCount(succeededIndexes) : succeeded + (lists?.succeeded ?? []).length + newSucceeded.length,
    failed: failed + (lists?.failed ?? []).length + newFailed.length,
    succeededIndexes,
    failedIndexes,
    lastFailed: computeLastFailed(job, members, active, succeededIndexes, failedIndexes),
    failures: failures ?? noteFailures(undefined, job, members),
  };
}

/** As the status has it. */
export function knownIndexes(job: Job, field: "completedIndexes" | "failedIndexes"): IndexSet {
  const text = job.status?.[field];
  if (text === undefined || !isIndexed(job)) return [];
  try {
    return parseIndexSet(text, job.spec.completions ?? 0);
  } catch {
    // Indexes beyond a lowered number of completions count no more; the others are kept.
    const all = parseIndexSet(text, Number.MAX_SAFE_INTEGER);
    const last = (job.spec.completions ?? 0) - 1;
    return all.filter(([first]) => first <= last).map(([first, end]) => [first, Math.min(end, last)] as const);
  }
}

function computeSucceededIndexes(job: Job, members: readonly Pod[]): IndexSet {
  if (!isIndexed(job)) return [];
  const fresh = members
    .filter((pod) => pod.status?.phase === "Succeeded" && hasFinalizer(pod))
    .map((pod) => indexOf(job, pod))
    .filter((index) => index !== undefined);
  return withIndexes(knownIndexes(job, "completedIndexes"), fresh);
}

/** An index fails when one of its pods fails beyond its limit, or by a rule of the policy. */
function computeFailedIndexes(job: Job, members: readonly Pod[]): IndexSet {
  const { backoffLimitPerIndex } = job.spec;
  if (!isIndexed(job) || backoffLimitPerIndex === undefined) return [];
  const fresh = members.filter((pod) => {
    if (!hasFinalizer(pod) || !isFailed(job, pod)) return false;
    return judgeFailure(job, pod).action === "FailIndex" || failuresWith(job, pod).counted > Math.max(backoffLimitPerIndex, failuresBefore(pod).counted);
  });
  const known = knownIndexes(job, "failedIndexes");
  return withIndexes(
    known,
    fresh.map((pod) => indexOf(job, pod)).filter((index) => index !== undefined && !hasIndex(knownIndexes(job, "completedIndexes"), index)) as number[],
  ); // undefined was filtered out
}

function computeLastFailed(job: Job, members: readonly Pod[], active: readonly Pod[], succeeded: IndexSet, failed: IndexSet): ReadonlyMap<number, Pod> {
  const last = new Map<number, Pod>();
  if (job.spec.backoffLimitPerIndex === undefined) return last;
  // Where a pod runs, that one knows already.
  const running = new Set(active.map((pod) => indexOf(job, pod)));
  const failuresOf = (pod: Pod) => failuresBefore(pod).counted + failuresBefore(pod).ignored;
  for (const pod of members) {
    const index = indexOf(job, pod);
    if (index === undefined || !hasFinalizer(pod) || !isFailed(job, pod) || running.has(index) || hasIndex(succeeded, index) || hasIndex(failed, index))
      continue;
    const known = last.get(index);
    if (known === undefined || failuresOf(known) <= failuresOf(pod)) last.set(index, pod);
  }
  return last;
}

function claim(job: Job, pods: readonly Pod[]): Pick<JobView, "members" | "adopted" | "released"> {
  const matches = labelSelectorPredicate(job.spec.selector);
  const own = pods.filter((pod) => isControlledBy(pod, job));
  if (isBeingDeleted(job)) return { members: own, adopted: [], released: [] };
  const adopted = pods.filter((pod) => controllerOf(pod) === undefined && matches(pod.metadata.labels) && !isBeingDeleted(pod));
  const released = own.filter((pod) => !matches(pod.metadata.labels) && !isBeingDeleted(pod));
  return { members: [...own.filter((pod) => !released.includes(pod)), ...adopted], adopted, released };
}
