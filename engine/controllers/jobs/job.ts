import { controllerOf, objectKey, splitKey } from "../../apimachinery/object-meta.ts";
import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import { unlessGone } from "../../apimachinery/status-error.ts";
import { JOB_CONTROLLER_NAME } from "../../resources/batch/job-labels.ts";
import { jobResource } from "../../resources/batch/job.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { Job, Pod } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { watch, type ControllerDefinition } from "../define-controller.ts";
import { ownerKeys } from "../owner-keys.ts";
import { ORPHAN_INDEX, orphanIndex, OWNER_INDEX, ownerIndex } from "../pods.ts";
import { noteFailures, type FailureRun } from "./job-backoff.ts";
import { letGo, planJob } from "./job-plan.ts";
import { hasFinalizer } from "./job-pods.ts";
import { finishedCondition } from "./job-state.ts";
import { concludeJob } from "./job-status.ts";
import type { JobInputs } from "./job-view.ts";

/** Runs each Job's pods to their end. Jobs that name another manager are that one's. */
export function jobController({ informers }: ControllerContext): ControllerDefinition<JobInputs> {
  const jobs = informers.informer(jobResource);
  const pods = informers.informer(podResource);
  pods.addIndex(OWNER_INDEX, ownerIndex);
  pods.addIndex(ORPHAN_INDEX, orphanIndex);
  // A Job whose failed pods are deleted waits all the same. A controller that starts anew knows only of those that are there.
  const failures = new Map<string, FailureRun>();
  const ownersOf = ownerKeys(jobs, ({ spec }) => spec.selector);
  return {
    name: "job-controller",
    watches: [watch(jobs, (job) => [objectKey(job)]), watch(pods, ownersOf)],
    observe(key) {
      const { namespace, name } = splitKey(key);
      const job = jobs.get(namespace, name);
      if (job === undefined || !isOurs(job) || finishedCondition(job) !== undefined) failures.delete(key);
      if (job === undefined || !isOurs(job)) return undefined;
      const own = pods.byIndex(OWNER_INDEX, job.metadata.uid ?? "");
      const known = noteFailures(failures.get(key), job, own);
      if (finishedCondition(job) === undefined) failures.set(key, known);
      return { job, pods: [...own, ...pods.byIndex(ORPHAN_INDEX, namespace)], failures: known };
    },
    plan: planJob,
    conclude: concludeJob,
  };
}

/** Frees pods of Jobs that are gone: nobody will count them, and their finalizer would keep them for ever. */
export function jobOrphanController({ informers, client }: ControllerContext): ControllerDefinition<Pod> {
  const jobs = informers.informer(jobResource);
  const pods = informers.informer(podResource);
  pods.addIndex(OWNER_INDEX, ownerIndex);
  const keyOf = (pod: Pod) => (hasFinalizer(pod) ? [objectKey(pod)] : []);
  return {
    name: "job-orphan-controller",
    watches: [
      watch(pods, keyOf, (_old, pod) => pod !== undefined),
      watch(
        jobs,
        (job) => pods.byIndex(OWNER_INDEX, job.metadata.uid ?? "").flatMap(keyOf),
        (_old, job) => job === undefined,
      ),
    ],
    async observe(key) {
      const { namespace, name } = splitKey(key);
      const pod = pods.get(namespace, name);
      if (pod === undefined || !hasFinalizer(pod)) return undefined;
      const owner = controllerOf(pod);
      if (owner === undefined) return jobs.list(namespace).some((job) => labelSelectorPredicate(job.spec.selector)(pod.metadata.labels)) ? undefined : pod;
      if (owner.kind !== "Job" || jobs.get(namespace, owner.name)?.metadata.uid === owner.uid) return undefined;
      // The informer may not know yet of a Job that has just been made.
      const live = await unlessGone(client.for(jobResource).get(namespace, owner.name));
      return live?.metadata.uid === owner.uid ? undefined : pod;
    },
    plan: (pod) => [letGo(pod)],
  };
}

function isOurs({ spec }: Job): boolean {
  return spec.managedBy === undefined || spec.managedBy === JOB_CONTROLLER_NAME;
}
