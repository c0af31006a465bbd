import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { duplicateField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import type { Job, JobStatus } from "../types.ts";
import { firstCommonIndex, parseIndexSet, type IndexSet } from "./index-set.ts";

/** What a status may not say, by itself and after what it said before: other programs may run Jobs, and clients rely on these. */
export function validateJobStatus(job: Job, old: Job): FieldError[] {
  const [next, before] = [job.status ?? {}, old.status ?? {}];
  return [...stateErrors(next), ...finishedErrors(job, next), ...indexErrors(job, next), ...uncountedErrors(next), ...transitionErrors(job, next, before)];
}

const has = (status: JobStatus, type: string): boolean => isConditionTrue(status.conditions, type);

/** Upstream leaves the value out where all conditions together are at fault. */
const conditionsError = (detail: string): FieldError => ({ type: "FieldValueInvalid", field: "status.conditions", message: `Invalid value: ${detail}` });

function stateErrors(status: JobStatus): FieldError[] {
  const [isComplete, isFailed, isFailing, isMet] = ["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"].map((type) => has(status, type));
  const errors: FieldError[] = [];
  if (isComplete && isFailed) errors.push(conditionsError("cannot set Complete=True and Failed=true conditions"));
  if (isComplete && isFailing) errors.push(conditionsError("cannot set Complete=True and FailureTarget=true conditions"));
  if (isFailed && !isFailing) errors.push(conditionsError("cannot set Failed=True condition without the FailureTarget=true condition"));
  if (isComplete && !isMet) errors.push(conditionsError("cannot set Complete=True condition without the SuccessCriteriaMet=true condition"));
  if (isMet && isFailed) errors.push(conditionsError("cannot set SuccessCriteriaMet=True and Failed=true conditions"));
  if (isMet && isFailing) errors.push(conditionsError("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"));
  if ((status.ready ?? 0) > (status.active ?? 0)) errors.push(invalidField("status.ready", status.ready, "cannot set more ready pods than active"));
  const at = "status.completionTime";
  if (status.completionTime !== undefined && !isComplete)
    errors.push(invalidField(at, status.completionTime, "cannot set completionTime when there is no Complete=True condition"));
  if (status.completionTime === undefined && isComplete) errors.push(requiredField(at, "completionTime is required for Complete jobs"));
  if (status.startTime !== undefined && status.completionTime !== undefined && Date.parse(status.completionTime) < Date.parse(status.startTime))
    errors.push(invalidField(at, status.completionTime, "completionTime cannot be set before startTime"));
  return errors;
}

function finishedErrors(_job: Job, status: JobStatus): FieldError[] {
  if (!has(status, "Complete") && !has(status, "Failed")) return [];
  const errors: FieldError[] = [];
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if ((status.active ?? 0) > 0) errors.push(invalidField("status.active", status.active, "active>0 is invalid for finished job"));
  if ((status.terminating ?? 0) > 0) errors.push(invalidField("status.terminating", status.terminating, "terminating>0 is invalid for finished job"));
  if (status.startTime === undefined) errors.push(requiredField("status.startTime", "startTime is required for finished job"));
  if (succeeded.length + failed.length > 0)
    errors.push(invalidField("status.uncountedTerminatedPods", status.uncountedTerminatedPods, "uncountedTerminatedPods needs to be empty for finished job"));
  return errors;
}

function indexErrors({ spec }: Job, status: JobStatus): FieldError[] {
  const errors: FieldError[] = [];
  const read = (field: "completedIndexes" | "failedIndexes"): IndexSet => {
    const text = status[field];
    if (spec.completions === undefined || text === undefined) return [];
    try {
      return parseIndexSet(text, spec.completions);
    } catch (error) {
      errors.push(invalidField(`status.${field}`, text, `error parsing ${field}: ${(error as Error).message}`)); // parseIndexSet throws Errors only
      return [];
    }
  };
  const common = firstCommonIndex(read("completedIndexes"), read("failedIndexes"));
  if (status.completedIndexes && spec.completionMode !== "Indexed")
    errors.push(invalidField("status.completedIndexes", status.completedIndexes, "cannot set non-empty completedIndexes when non-indexed completion mode"));
  if (status.failedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    errors.push(invalidField("status.failedIndexes", status.failedIndexes, "cannot set non-null failedIndexes when backoffLimitPerIndex is null"));
  if (common !== undefined)
    errors.push(invalidField("status.failedIndexes", status.failedIndexes, `failedIndexes and completedIndexes overlap at index: ${common}`));
  return errors;
}

function uncountedErrors(status: JobStatus): FieldError[] {
  const seen = new Set<string>();
  return (["succeeded", "failed"] as const).flatMap((list) =>
    (status.uncountedTerminatedPods?.[list] ?? []).flatMap((uid, index) => {
      const at = `status.uncountedTerminatedPods.${list}[${index}]`;
      if (uid === "") return [invalidField(at, uid, "must not be empty")];
      if (seen.has(uid)) return [duplicateField(at, uid)];
      seen.add(uid);
      return [];
    }),
  );
}

function transitionErrors(job: Job, next: JobStatus, before: JobStatus): FieldError[] {
  const errors = ["Failed", "Complete", "FailureTarget"]
    .filter((type) => has(before, type) && !has(next, type))
    .map((type) => conditionsError(`cannot disable the terminal ${type}=True condition`));
  if (has(before, "SuccessCriteriaMet") && !has(next, "SuccessCriteriaMet"))
    errors.push(conditionsError("cannot disable the SuccessCriteriaMet=True condition"));
  if ((next.failed ?? 0) < (before.failed ?? 0)) errors.push(invalidField("status.failed", next.failed ?? 0, "cannot decrease the failed counter"));
  // Where there are as many pods at a time as indexes, both may be lowered, and with them what has succeeded.
  const isElastic = job.spec.completionMode === "Indexed" && job.spec.completions === job.spec.parallelism;
  if ((next.succeeded ?? 0) < (before.succeeded ?? 0) && !isElastic)
    errors.push(invalidField("status.succeeded", next.succeeded ?? 0, "cannot decrease the succeeded counter"));
  if (next.completionTime !== undefined && before.completionTime !== undefined && next.completionTime !== before.completionTime)
    errors.push(invalidField("status.completionTime", next.completionTime, "completionTime cannot be mutated"));
  // A Job that is resumed begins anew.
  const isResuming = has(before, "Suspended") && !has(next, "Suspended");
  if (before.startTime !== undefined && next.startTime !== before.startTime && job.spec.suspend !== true && !isResuming)
    errors.push(requiredField("status.startTime", "startTime cannot be removed for unsuspended job"));
  return errors;
}
