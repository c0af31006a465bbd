import { hasStatus } from "../kept-status.ts";
import { findCondition } from "../../apimachinery/conditions.ts";
import { formatTime } from "../../lib/clock.ts";
import { describeError } from "../../lib/log.ts";
import { formatIndexSet } from "../../resources/batch/index-set.ts";
import { jobResource } from "../../resources/batch/job.ts";
import type { Job, JobCondition, JobStatus, Pod } from "../../resources/types.ts";
import { isBeingDeleted, tell, update, type Action, type Outcome } from "../define-controller.ts";
import { isPodReady } from "../pods.ts";
import { chooseAccountedFor, chooseLeftOver, computeUncounted } from "./job-counting.ts";
import { hasFinalizer, isIndexed } from "./job-pods.ts";
import { finishedCondition } from "./job-state.ts";
import { computeVerdict, type Verdict } from "./job-verdict.ts";
import { viewJob, type JobInputs, type JobView } from "./job-view.ts";

/** So many pods are taken note of in one status; more come with the next. */
const UNCOUNTED_MAX = 500;

/** Events and status, given how the step went. Pure. */
export function concludeJob(inputs: JobInputs, outcome: Outcome, nowMs: number): readonly Action[] {
  const { job } = inputs;
  const { created, failure } = outcome;
  const tales: Action[] = [
    ...created.map((pod) => tell(job, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`)),
    ...(failure === undefined ? [] : [tell(job, "Warning", "FailedCreate", `Error creating: ${describeError(failure)}`)]),
  ];
  if (isBeingDeleted(job) || finishedCondition(job) !== undefined) return tales;
  const status = computeJobStatus(inputs, outcome, nowMs);
  return [...tales, ...tellChanges(job, status), ...(hasStatus(jobResource, job, status) ? [] : [update(jobResource, { ...job, status }, "status")])];
}

/** A Job's status as its pods make it, with those that it has just made, which are not among them, and those that it has just taken away. Pure. */
export function computeJobStatus(inputs: JobInputs, { created, failure }: Pick<Outcome, "created" | "failure">, nowMs: number): JobStatus {
  const { job } = inputs;
  const view = viewJob(inputs);
  const verdict = computeVerdict(job, view, nowMs);
  const now = formatTime(nowMs);
  const conditions = withSuspension(job, withVerdict(job.status?.conditions ?? [], verdict, now), verdict, now);
  const was = findCondition(job.status?.conditions, "Suspended")?.status;
  const is = findCondition(conditions, "Suspended")?.status;
  const hasResumed = was === "True" && is === "False";
  const hasStopped = was !== "True" && is === "True";
  const startTime = hasResumed
    ? now
    : hasStopped
      ? undefined
      : (job.status?.startTime ?? (job.spec.suspend === true && verdict === undefined ? undefined : now));
  const uncounted = listUncounted(job, view, verdict);
  const isListed = uncounted.succeeded.length + uncounted.failed.length > 0;
  const isOver = verdict !== undefined && !isListed && view.active.length + view.terminating.length === 0 && !view.members.some(hasFinalizer);
  const end: JobCondition | undefined = isOver
    ? {
        type: verdict.type === "FailureTarget" ? "Failed" : "Complete",
        status: "True",
        lastProbeTime: now,
        lastTransitionTime: now,
        reason: verdict.reason,
        message: verdict.message,
      }
    : undefined;
  const all = [...conditions, ...(end === undefined ? [] : [end])];
  const succeeded = isIndexed(job) ? view.succeeded : view.counted.succeeded;
  const leaving = new Set(failure === undefined ? chooseLeaving(job, view, verdict) : []);
  const staying = view.active.filter((pod) => !leaving.has(pod));
  const active = staying.length + created.length;
  return {
    ...(all.length === 0 ? {} : { conditions: all }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(end?.type === "Complete" ? { completionTime: now } : {}),
    ...(active === 0 ? {} : { active }),
    ...(succeeded === 0 ? {} : { succeeded }),
    ...(view.counted.failed === 0 ? {} : { failed: view.counted.failed }),
    terminating: view.terminating.length + leaving.size,
    ...(view.succeededIndexes.length === 0 ? {} : { completedIndexes: formatIndexSet(view.succeededIndexes) }),
    ...(job.spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexSet(view.failedIndexes) }),
    uncountedTerminatedPods: {
      ...(uncounted.succeeded.length === 0 ? {} : { succeeded: uncounted.succeeded }),
      ...(uncounted.failed.length === 0 ? {} : { failed: uncounted.failed }),
    },
    ready: staying.filter(isPodReady).length,
  };
}

/** Uids of pods that are about to be counted. Indexes say of themselves which succeeded. */
function listUncounted(job: Job, view: JobView, verdict: Verdict | undefined): { readonly succeeded: readonly string[]; readonly failed: readonly string[] } {
  const uncounted = computeUncounted(job, view, verdict);
  const { pending } = view;
  const known = pending.succeeded.length + pending.failed.length;
  const uidsOf = (pods: readonly Pod[], room: number) => pods.slice(0, Math.max(0, room)).map((pod) => pod.metadata.uid ?? "");
  const succeeded = isIndexed(job) ? [] : uidsOf(uncounted.succeeded, UNCOUNTED_MAX - known);
  return {
    succeeded: [...pending.succeeded, ...succeeded],
    failed: [...pending.failed, ...uidsOf(uncounted.failed, UNCOUNTED_MAX - known - succeeded.length)],
  };
}

/** Pods that go with this step and still run in what was observed. */
function chooseLeaving(job: Job, view: JobView, verdict: Verdict | undefined): readonly Pod[] {
  if (verdict !== undefined) return chooseLeftOver(job, view, verdict, chooseAccountedFor(job, view, verdict));
  return job.spec.suspend === true ? view.active : [];
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
  const next = {
    type: "Suspended",
    status: isSuspended ? "True" : "False",
    lastProbeTime: now,
    lastTransitionTime: now,
    reason: isSuspended ? "JobSuspended" : "JobResumed",
    message: isSuspended ? "Job suspended" : "Job resumed",
  };
  return known === undefined ? [...conditions, next] : conditions.map((condition) => (condition === known ? next : condition));
}

function tellChanges(job: Job, status: JobStatus): readonly Action[] {
  const turned = (type: string, to: string) =>
    findCondition(status.conditions, type)?.status === to && findCondition(job.status?.conditions, type)?.status !== to;
  const failed = findCondition(status.conditions, "Failed");
  return [
    ...(turned("Suspended", "True") ? [tell(job, "Normal", "Suspended", "Job suspended")] : []),
    ...(turned("Suspended", "False") ? [tell(job, "Normal", "Resumed", "Job resumed")] : []),
    ...(turned("Complete", "True") ? [tell(job, "Normal", "Completed", "Job completed")] : []),
    ...(turned("Failed", "True") ? [tell(job, "Warning", failed?.reason ?? "Failed", failed?.message ?? "")] : []),
  ];
}
