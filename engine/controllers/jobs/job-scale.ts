import { hasIndex } from "../../resources/batch/index-set.ts";
import type { Job, Pod } from "../../resources/types.ts";
import { rankForDeletion } from "../rank-pods.ts";
import { computeBackoffMs, computeIndexBackoffMs } from "./job-backoff.ts";
import { indexOf, isIndexed, newJobPod, replacesOnlyFailed } from "./job-pods.ts";
import type { JobView } from "./job-view.ts";

/** Pods made or removed in one go; more come with the next look. */
const BURST_MAX = 500;

export interface JobScale {
  readonly remove: readonly Pod[];
  readonly add: readonly Pod[];
  /** When pods are missing that may not be made yet. */
  readonly waitMs: number | undefined;
}

const NOTHING: JobScale = { remove: [], add: [], waitMs: undefined };

/** What a Job that goes on does about its number of pods: removes some, or makes some, never both at once. Pure. */
export function planJobScale(job: Job, view: JobView, nowMs: number): JobScale {
  const { spec } = job;
  const { active, terminating, succeeded } = view;
  if (spec.suspend === true) return { ...NOTHING, remove: active };
  const parallelism = spec.parallelism ?? 1;
  // Without a number of completions one success is enough: then what runs may go on, and nothing new begins.
  const wanted =
    spec.completions === undefined ? (succeeded > 0 ? active.length : parallelism) : Math.max(0, Math.min(parallelism, spec.completions - succeeded));
  const remove = chooseSurplus(job, view, active.length - wanted, nowMs).slice(0, BURST_MAX);
  if (remove.length > 0) return { ...NOTHING, remove };
  const missing = Math.min(BURST_MAX, wanted - active.length - (replacesOnlyFailed(job) ? terminating.length : 0));
  if (missing <= 0) return NOTHING;
  if (isIndexed(job) && spec.backoffLimitPerIndex !== undefined) return addIndexes(job, view, missing, nowMs);
  const backoffMs = computeBackoffMs(view.failures, nowMs);
  if (backoffMs > 0) return { ...NOTHING, waitMs: backoffMs };
  if (!isIndexed(job)) return { ...NOTHING, add: Array.from({ length: missing }, () => newJobPod(job)) };
  return {
    ...NOTHING,
    add: pendingIndexes(job, view)
      .slice(0, missing)
      .map((index) => newJobPod(job, index)),
  };
}

/** Each index waits for itself. */
function addIndexes(job: Job, view: JobView, missing: number, nowMs: number): JobScale {
  const add: Pod[] = [];
  let waitMs: number | undefined;
  for (const index of pendingIndexes(job, view)) {
    if (add.length === missing) break;
    const before = view.lastFailed.get(index);
    const leftMs = before === undefined ? 0 : computeIndexBackoffMs(job, before, nowMs);
    if (leftMs === 0) add.push(newJobPod(job, index, before));
    else waitMs = Math.min(waitMs ?? Infinity, leftMs);
  }
  return { remove: [], add, waitMs: add.length === missing ? undefined : waitMs };
}

/** Indexes that nobody has done, does or has given up, ascending. */
function pendingIndexes(job: Job, { active, terminating, succeededIndexes, failedIndexes }: JobView): readonly number[] {
  const busy = new Set([...active, ...(replacesOnlyFailed(job) ? terminating : [])].map((pod) => indexOf(job, pod)));
  const pending: number[] = [];
  for (let index = 0; index < (job.spec.completions ?? 0); index++) {
    if (!busy.has(index) && !hasIndex(succeededIndexes, index) && !hasIndex(failedIndexes, index)) pending.push(index);
    if (pending.length === BURST_MAX * 2) break;
  }
  return pending;
}

/** Of an indexed Job, pods without a proper index, of indexes that are done, and all but one of an index; then the least valuable ones. */
function chooseSurplus(job: Job, { active, succeededIndexes, failedIndexes }: JobView, count: number, nowMs: number): readonly Pod[] {
  const ranked = rankForDeletion(active, new Map(), nowMs);
  if (!isIndexed(job)) return count <= 0 ? [] : ranked.slice(0, count);
  const kept = new Map<number, Pod>();
  const needless: Pod[] = [];
  // The most valuable of an index stays.
  for (const pod of [...ranked].reverse()) {
    const index = indexOf(job, pod);
    if (index === undefined || kept.has(index) || hasIndex(succeededIndexes, index) || hasIndex(failedIndexes, index)) needless.push(pod);
    else kept.set(index, pod);
  }
  const more = count - needless.length;
  return more <= 0 ? needless : [...needless, ...ranked.filter((pod) => !needless.includes(pod)).slice(0, more)];
}
