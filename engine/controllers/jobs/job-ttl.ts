import { objectKey, splitKey } from "../../apimachinery/object-meta.ts";
import { jobResource } from "../../resources/batch/job.ts";
import type { Job } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, watch, type Action, type ControllerDefinition } from "../define-controller.ts";
import { finishedMs } from "./job-state.ts";

/** Removes Jobs, and what they own, some time after they ended, when they ask for it. */
export function jobTtlController({ informers }: ControllerContext): ControllerDefinition<Job> {
  const jobs = informers.informer(jobResource);
  return {
    name: "ttl-after-finished-controller",
    watches: [
      watch(
        jobs,
        (job) => [objectKey(job)],
        (_old, job) => job?.spec.ttlSecondsAfterFinished !== undefined,
      ),
    ],
    observe(key) {
      const { namespace, name } = splitKey(key);
      return jobs.get(namespace, name);
    },
    plan: planJobTtl,
  };
}

/** Waits for the time to come, or deletes; only what it saw, for the time to live may have been raised meanwhile. Pure. */
export function planJobTtl(job: Job, nowMs: number): readonly Action[] {
  const endedMs = finishedMs(job);
  const { ttlSecondsAfterFinished } = job.spec;
  if (endedMs === undefined || ttlSecondsAfterFinished === undefined || isBeingDeleted(job)) return [];
  const leftMs = endedMs + ttlSecondsAfterFinished * 1000 - nowMs;
  if (leftMs > 0) return [{ do: "wait", forMs: leftMs }];
  return [{ do: "delete", resource: jobResource, object: job, options: { propagationPolicy: "Foreground" }, ifUnchanged: true }];
}
