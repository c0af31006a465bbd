import type { Job, JobCondition } from "../../resources/types.ts";

/** The condition that ends a Job: Complete or Failed. Undefined while it goes on. */
export function finishedCondition(job: Job): JobCondition | undefined {
  return job.status?.conditions?.find(({ type, status }) => (type === "Complete" || type === "Failed") && status === "True");
}

/** When it ended, in milliseconds since the epoch. */
export function finishedMs(job: Job): number | undefined {
  const at = finishedCondition(job)?.lastTransitionTime;
  return at ? Date.parse(at) : undefined;
}
