import { findCondition } from "../../apimachinery/conditions.ts";
import { formatTime } from "../../lib/clock.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { describeError } from "../../lib/log.ts";
import { formatIndexSet } from "../../resources/batch/index-set.ts";
import { jobResource } from "../../resources/batch/job.ts";
import type { Job, JobCondition, JobStatus, Pod } from "../../resources/types.ts";
import { isBeingDeleted, tell, update, type Action, type Outcome } from "../define-controller.ts";
import { isPodReady } from "../pods.ts";
import { hasFinalizer, isIndexed } from "./job-pods.ts";
import { finishedCondition } from "./job-state.ts";
import { computeVerdict, type Verdict } from "./job-verdict.ts";
import { viewJob, type JobInputs, type JobView } from "./job-view.ts";

/** So many pods are taken note of in one status; more come with the next. */
const UNCOUNTED_MAX = 500;

/** Events and status, given how the step went. Pure. */
export function concludeJob(inputs: JobInputs, { created, failure }: Outcome, nowMs: number): readonly Action[] {
  const { job } = inputs;
  const tales: Action[] = [
    ...created.map((pod) => tell(job, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`)),
    ...(failure === undefined ? [] : [tell(job, "Warning", "FailedCreate", `Error creating: ${describeError(failure)}`)]),
  ];
  if (isBeingDeleted(job) || finishedCondition(job) !== undefined) return tales;
  const status = computeJobStatus(inputs, created.length, nowMs);
  return [...tales, ...tellChanges(job, status), ...(jsonEqual(status, job.status) ? [] : [update(jobResource, { ...job, status }, "status")])];
}

/** A Job's status as its pods make it; `created` are pods that it has just made and that are not among them. Pure. */
export function computeJobStatus(inputs: JobInputs, created: number, nowMs: number): JobStatus {
  const { job } = inputs;
  const view = viewJob(inputs);
  const verdict = computeVerdict(job, view, nowMs);
  const now = formatTime(nowMs);
  const conditions = withSuspension(job, withVerdict(job.status?.conditions ?? [], verdict, now), verdict, now);
  const hasResumed = findCondition(job.status?.conditions, "Suspended")?.status === "True" && findCondition(conditions, "Suspended")?.status === "False";
  const startTime = hasResumed ? now : (job.status?.startTime ?? (job.spec.suspend === true && verdict === undefined ? undefined : now));
  const uncounted = listUncounted(job, view, verdict);
  const isListed = uncounted.succeeded.length + uncounted.failed.length > 0;
  const isOver = verdict !== undefined && !isListed && view.active.length + view.terminating.length === 0 && !view.members.some(hasFinalizer);
  const end: JobCondition | undefined = isOver ? { type: verdict.type === "FailureTarget" ? "Failed" : "Complete", status: "True", lastProbeTime: now, lastTransitionTime: now, reason: verdict.reason, message: verdict.message } : undefined;
  const all = [...conditions, ...(end === undefined ? [] : [end])];
  const succeeded = isIndexed(job) ? view.succeeded : view.counted.succeeded;
  const active = view.active.length + created;
  return {
    ...(all.length === 0 ? {} : { conditions: all }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(end?.type === "Complete" ? { completionTime: now } : {}),
    ...(active === 0 ? {} : { active }),
    ...(succeeded === 0 ? {} : { succeeded }),
    ...(view.counted.failed === 0 ? {} : { failed: view.counted.failed }),
    terminating: view.terminating.length,
    ...(view.succeededIndexes.length === 0 ? {} : { completedIndexes: formatIndexSet(view.succeededIndexes) }),
    ...(job.spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexSet(view.failedIndexes) }),
    uncountedTerminatedPods: { ...(uncounted.succeeded.length === 0 ? {} : { succeeded: uncounted.succeeded }), ...(uncounted.failed.length === 0 ? {} : { failed: uncounted.failed }) },
    ready: view.active.filter(isPodReady).length,
  };
}

/** Uids of pods that are about to be counted. Indexes say of themselves which succeeded. When a Job fails, what still ran has failed with it. */
function listUncounted(job: Job, view: JobView, verdict: Verdict | undefined): { readonly succeeded: readonly string[]; readonly failed: readonly string[] } {
  const succeeded = [...view.pending.succeeded];
  const failed = [...view.pending.failed];
  const awaited = new Set(verdict === undefined ? [...view.lastFailed.values()].map((pod) => pod.metadata.uid) : []);
  const known = new Set([...succeeded, ...failed]);
  const add = (list: string[], pods: readonly Pod[]) => {
    for (const { metadata: { uid = "" } } of pods) {
      if (known.has(uid) || awaited.has(uid) || known.size >= UNCOUNTED_MAX) continue;
      known.add(uid);
      list.push(uid);
    }
  };
  if (!isIndexed(job)) add(succeeded, view.uncounted.succeeded);
  add(failed, view.uncounted.failed);
  if (verdict?.type === "FailureTarget") add(failed, [...view.active, ...view.terminating].filter(hasFinalizer));
  return { succeeded, failed };
}

function withVerdict(conditions: readonly JobCondition[], verdict: Verdict | undefined, now: string): readonly JobCondition[] {
  if (verdict === undefined || findCondition(conditions, verdict.type)?.status === "True") return conditions;
  return [...conditions, { ...verdict, status: "True", lastProbeTime: now, lastTransitionTime: now }];
}

/** A Job that is over is not suspended as well. */
function withSuspension({ spec }: Job, conditions: readonly JobCondition[], verdict: Verdict | undefined, now: string): readonly JobCondition[] {
  const known = findCondition(conditions, "Suspended");
  const isSuspended = spec.suspend === true;
  if (verdict !== undefined || (known === undefined ? !isSuspended : (known.status === "True") === isSuspended)) return conditions;
  const next = { type: "Suspended", status: isSuspended ? "True" : "False", lastProbeTime: now, lastTransitionTime: now, reason: isSuspended ? "JobSuspended" : "JobResumed", message: isSuspended ? "Job suspended" : "Job resumed" };
  return known === undefined ? [...conditions, next] : conditions.map((condition) => (condition === known ? next : condition));
}

function tellChanges(job: Job, status: JobStatus): readonly Action[] {
  const turned = (type: string, to: string) => findCondition(status.conditions, type)?.status === to && findCondition(job.status?.conditions, type)?.status !== to;
  const failed = findCondition(status.conditions, "Failed");
  return [
    ...(turned("Suspended", "True") ? [tell(job, "Normal", "Suspended", "Job suspended")] : []),
    ...(turned("Suspended", "False") ? [tell(job, "Normal", "Resumed", "Job resumed")] : []),
    ...(turned("Complete", "True") ? [tell(job, "Normal", "Completed", "Job completed")] : []),
    ...(turned("Failed", "True") ? [tell(job, "Warning", failed?.reason ?? "Failed", failed?.message ?? "")] : []),
  ];
}
