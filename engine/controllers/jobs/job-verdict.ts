import { isConditionTrue, findCondition } from "../../apimachinery/conditions.ts";
import { commonIndexCount, indexCount, parseIndexSet, type IndexSet } from "../../resources/batch/index-set.ts";
import type { Job, Pod } from "../../resources/types.ts";
import type { JobView } from "./job-view.ts";
import { judgeFailure } from "./job-failure-policy.ts";
import { isFailed } from "./job-pods.ts";

/** That a Job is over, and how: what is said of it at once, and again when its last pod has ended. */
export interface Verdict {
  readonly type: "FailureTarget" | "SuccessCriteriaMet";
  readonly reason: string;
  readonly message: string;
}

/** The verdict that stands, or the one that falls now, in upstream's order; undefined while the Job goes on. Pure. */
export function computeVerdict(job: Job, view: JobView, nowMs: number): Verdict | undefined {
  for (const type of ["SuccessCriteriaMet", "FailureTarget"] as const) {
    const known = findCondition(job.status?.conditions, type);
    if (known?.status === "True") return { type, reason: known.reason ?? "", message: known.message ?? "" };
  }
  const { spec } = job;
  const failure = policyFailure(job, view.members);
  if (failure !== undefined) return fail("PodFailurePolicy", failure);
  if (view.failed > (spec.backoffLimit ?? 6) || hasRestartedTooOften(job, view.active))
    return fail("BackoffLimitExceeded", "Job has reached the specified backoff limit");
  if (deadlineMs(job, nowMs) === 0) return fail("DeadlineExceeded", "Job was active longer than specified deadline");
  if (spec.backoffLimitPerIndex !== undefined) {
    const failed = indexCount(view.failedIndexes);
    if (spec.maxFailedIndexes !== undefined && failed > spec.maxFailedIndexes)
      return fail("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes");
    if (failed > 0 && failed + view.succeeded >= (spec.completions ?? 0)) return fail("FailedIndexes", "Job has failed indexes");
  }
  const rule = matchSuccessPolicy(job, view.succeededIndexes);
  if (rule !== undefined) return { type: "SuccessCriteriaMet", reason: "SuccessPolicy", message: `Matched rules at index ${rule}` };
  // Without a number, one success is enough, and the pods that run may end in their own time.
  const isReached = spec.completions === undefined ? view.succeeded > 0 : view.succeeded >= spec.completions;
  return isReached && view.active.length === 0
    ? { type: "SuccessCriteriaMet", reason: "CompletionsReached", message: "Reached expected number of succeeded pods" }
    : undefined;
}

/** Time until the deadline, 0 when it has passed; undefined without one, and while the Job is suspended or not begun. */
export function deadlineMs({ spec, status }: Job, nowMs: number): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || status?.startTime === undefined || spec.suspend === true || isConditionTrue(status.conditions, "Suspended"))
    return undefined;
  return Math.max(0, Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000 - nowMs);
}

function fail(reason: string, message: string): Verdict {
  return { type: "FailureTarget", reason, message };
}

function policyFailure(job: Job, pods: readonly Pod[]): string | undefined {
  if (job.spec.podFailurePolicy === undefined) return undefined;
  for (const pod of pods) {
    const { action, message } = isFailed(job, pod) ? judgeFailure(job, pod) : { action: undefined, message: "" };
    if (action === "FailJob") return message;
  }
  return undefined;
}

/** Containers that are started again in their pod count by their restarts. */
function hasRestartedTooOften({ spec }: Job, active: readonly Pod[]): boolean {
  if (spec.template.spec?.restartPolicy !== "OnFailure") return false;
  const restarts = active
    .flatMap(({ status }) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])])
    .reduce((sum, { restartCount = 0 }) => sum + restartCount, 0);
  const limit = spec.backoffLimit ?? 6;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** The index of the first rule that the indexes which succeeded fulfil. */
function matchSuccessPolicy({ spec }: Job, succeeded: IndexSet): number | undefined {
  const rules = spec.completionMode === "Indexed" ? (spec.successPolicy?.rules ?? []) : [];
  const found = rules.findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeededCount !== undefined && indexCount(succeeded) >= succeededCount;
    const wanted = parseIndexSet(succeededIndexes, spec.completions ?? 0);
    return commonIndexCount(wanted, succeeded) >= (succeededCount ?? indexCount(wanted));
  });
  return found < 0 ? undefined : found;
}
