import { JOB_TRACKING_FINALIZER } from "../../resources/batch/job-labels.ts";
import { jobResource } from "../../resources/batch/job.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { Job, Pod } from "../../resources/types.ts";
import { isBeingDeleted, tell, type Action } from "../define-controller.ts";
import { chooseAccountedFor, chooseLeftOver } from "./job-counting.ts";
import { hasFinalizer } from "./job-pods.ts";
import { planJobScale } from "./job-scale.ts";
import { finishedCondition } from "./job-state.ts";
import { computeVerdict, deadlineMs } from "./job-verdict.ts";
import { viewJob, type JobInputs } from "./job-view.ts";

/**
 * What a Job does about its pods: claims them, lets go those that it has counted, and makes or removes some; all of them go when it is
 * over and its status says so. The status follows in `concludeJob`. Pure.
 */
export function planJob(inputs: JobInputs, nowMs: number): readonly Action[] {
  const { job } = inputs;
  const view = viewJob(inputs);
  // Nobody counts any more: the pods are free.
  if (isBeingDeleted(job) || finishedCondition(job) !== undefined) return together(view.members.filter(hasFinalizer).map(letGo));
  const verdict = computeVerdict(job, view, nowMs);
  const claims = [...view.adopted.flatMap((pod) => adopt(job, pod)), ...view.released.flatMap((pod) => release(job, pod))];
  const accountedFor = chooseAccountedFor(job, view, verdict);
  const counted = together(accountedFor.map(letGo));
  if (verdict !== undefined) return [...claims, ...counted, ...together(chooseLeftOver(job, view, verdict, accountedFor).map((pod) => remove(job, pod)))];
  const scale = planJobScale(job, view, nowMs);
  const deadline = deadlineMs(job, nowMs);
  return [
    ...claims,
    ...counted,
    ...(deadline === undefined ? [] : [{ do: "wait", forMs: deadline } as const]),
    ...(scale.waitMs === undefined ? [] : [{ do: "wait", forMs: scale.waitMs } as const]),
    // What the Job itself takes away is no failure, and so loses its finalizer first.
    ...together(scale.remove.map((pod) => ({ do: "inOrder", actions: [...(hasFinalizer(pod) ? [letGo(pod)] : []), remove(job, pod)] }))),
    ...(scale.add.length === 0 ? [] : [{ do: "createMany", resource: podResource, objects: scale.add } as const]),
  ];
}

function adopt(job: Job, object: Pod): readonly Action[] {
  const hold: Action = { do: "patch", resource: podResource, object, patch: { metadata: { finalizers: [JOB_TRACKING_FINALIZER] } } };
  return [{ do: "adopt", resource: podResource, object, owner: job, ownerResource: jobResource }, ...(hasFinalizer(object) ? [] : [hold])];
}

function release(job: Job, object: Pod): readonly Action[] {
  return [{ do: "release", resource: podResource, object, ownerUid: job.metadata.uid ?? "" }, ...(hasFinalizer(object) ? [letGo(object)] : [])];
}

/** Takes the finalizer off. */
export function letGo(object: Pod): Action {
  return { do: "patch", resource: podResource, object, patch: { metadata: { "$deleteFromPrimitiveList/finalizers": [JOB_TRACKING_FINALIZER] } } };
}

function remove(job: Job, object: Pod): Action {
  return {
    do: "inOrder",
    actions: [{ do: "delete", resource: podResource, object }, tell(job, "Normal", "SuccessfulDelete", `Deleted pod: ${object.metadata.name}`)],
  };
}

function together(actions: readonly Action[]): readonly Action[] {
  return actions.length === 0 ? [] : [{ do: "together", actions }];
}
