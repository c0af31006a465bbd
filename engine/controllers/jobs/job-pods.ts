import { COMPLETION_INDEX, INDEX_FAILURE_COUNT, INDEX_IGNORED_FAILURE_COUNT, JOB_TRACKING_FINALIZER } from "../../resources/batch/job-labels.ts";
import type { Container, Job, Pod } from "../../resources/types.ts";
import { isBeingDeleted } from "../define-controller.ts";
import { podFromTemplate } from "../pods.ts";
import { judgeFailure } from "./job-failure-policy.ts";

const INDEX_VARIABLE = "JOB_COMPLETION_INDEX";
/** A pod's name has this much room for the Job's and its index, the rest is chosen by the API server. */
const NAME_PREFIX_MAX = 58;

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === "Indexed";
}

export function hasFinalizer(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(JOB_TRACKING_FINALIZER) === true;
}

/** Which of an indexed Job's indexes a pod is; undefined when it says none, or one that the Job does not have (any more). */
export function indexOf({ spec }: Job, pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[COMPLETION_INDEX];
  const index = text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
  return index !== undefined && index < (spec.completions ?? 0) ? index : undefined;
}

/** Whether a Job waits for a pod to have ended before it makes another in its place. */
export function replacesOnlyFailed({ spec }: Job): boolean {
  return spec.podReplacementPolicy === "Failed";
}

/** Whether a pod counts as failed: one that is leaving does too, since it may never get to say how it ended, unless the Job wants to know. */
export function isFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === "Failed") return true;
  return !replacesOnlyFailed(job) && isBeingDeleted(pod) && pod.status?.phase !== "Succeeded";
}

/** Failures of an index up to and including this pod's. */
export interface IndexFailures {
  readonly counted: number;
  readonly ignored: number;
}

/** As the pod was told when it was made: failures before it. */
export function failuresBefore(pod: Pod): IndexFailures {
  return {
    counted: Number(pod.metadata.annotations?.[INDEX_FAILURE_COUNT] ?? 0) || 0,
    ignored: Number(pod.metadata.annotations?.[INDEX_IGNORED_FAILURE_COUNT] ?? 0) || 0,
  };
}

export function failuresWith(job: Job, pod: Pod): IndexFailures {
  const { counted, ignored } = failuresBefore(pod);
  return judgeFailure(job, pod).counts ? { counted: counted + 1, ignored } : { counted, ignored: ignored + 1 };
}

/** A pod of the Job; of an indexed one, for an index, after the failure of `before`. */
export function newJobPod(job: Job, index?: number, before?: Pod): Pod {
  const { spec, ...pod } = podFromTemplate(job, job.spec.template);
  const metadata = { ...pod.metadata, finalizers: [...(pod.metadata.finalizers ?? []), JOB_TRACKING_FINALIZER] };
  if (index === undefined) return { ...pod, metadata, spec };
  const name = `${job.metadata.name ?? ""}-${index}`;
  const perIndex =
    job.spec.backoffLimitPerIndex === undefined ? {} : failureAnnotations(before === undefined ? { counted: 0, ignored: 0 } : failuresWith(job, before));
  const withIndex = <C extends Pick<Container, "env">>(container: C): C => ({
    ...container,
    env: [
      ...(container.env ?? []).filter((variable) => variable.name !== INDEX_VARIABLE),
      { name: INDEX_VARIABLE, valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: `metadata.labels['${COMPLETION_INDEX}']` } } },
    ],
  });
  return {
    ...pod,
    metadata: {
      ...metadata,
      generateName: `${name.slice(0, NAME_PREFIX_MAX - 1)}-`,
      labels: { ...metadata.labels, [COMPLETION_INDEX]: String(index) },
      annotations: { ...metadata.annotations, [COMPLETION_INDEX]: String(index), ...perIndex },
    },
    spec: {
      ...spec,
      hostname: name,
      containers: spec.containers.map(withIndex),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(withIndex) }),
    },
  };
}

function failureAnnotations({ counted, ignored }: IndexFailures): Record<string, string> {
  return { [INDEX_FAILURE_COUNT]: String(counted), ...(ignored === 0 ? {} : { [INDEX_IGNORED_FAILURE_COUNT]: String(ignored) }) };
}
