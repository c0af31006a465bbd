import { findCondition } from "../../apimachinery/conditions.ts";
import { describeObject, type KubeObject } from "../../apimachinery/object-meta.ts";
import { counted } from "../../lib/plural.ts";
import type { CronJob, DaemonSet, HealthCondition, HorizontalPodAutoscaler, Job, StatefulSet } from "./health-types.ts";
import type { ObjectHealth } from "./health.ts";

/** The pod below an owner that is worst off, and whether waiting will not mend it. */
export type WorstPod = (ownerUid: string) => { readonly health: ObjectHealth; readonly isFinal: boolean } | undefined;

const healthy: ObjectHealth = { state: "Healthy", reason: "", chain: [], images: [] };
const UNSEEN = "the controller has not seen this version yet";

export function computeStatefulSetHealth({ spec, status, metadata }: StatefulSet, worstPod: WorstPod): ObjectHealth {
  const wanted = spec?.replicas ?? 1;
  const { replicas = 0, readyReplicas = 0, updatedReplicas = 0, availableReplicas = 0, observedGeneration = 0, currentRevision, updateRevision } = status ?? {};
  const facts = { ready: { ready: Math.min(readyReplicas, wanted), wanted }, images: imagesOf(spec?.template) };
  const progressing = (reason: string) => blame({ state: "Progressing", reason, chain: [], ...facts }, worstPod(metadata.uid ?? ""));
  if (observedGeneration < (metadata.generation ?? 0)) return { ...healthy, ...facts, state: "Progressing", reason: UNSEEN };
  if (replicas < wanted) return progressing(`${replicas} of ${wanted} replicas exist`);
  if (replicas > wanted) return progressing(`${counted(replicas - wanted, "replica")} too many`);
  if (readyReplicas < wanted) return progressing(`${readyReplicas} of ${wanted} replicas ready`);
  if (availableReplicas < wanted) return progressing(`${availableReplicas} of ${wanted} replicas available`);
  // Whoever replaces pods by hand, or holds some back by a partition, has the rollout he wants.
  if (spec?.updateStrategy?.type === "OnDelete") return { ...healthy, ...facts };
  const rolled = Math.max(0, wanted - (spec?.updateStrategy?.rollingUpdate?.partition ?? 0));
  if (updatedReplicas < rolled && currentRevision !== updateRevision) return progressing(`${updatedReplicas} of ${rolled} replicas updated`);
  return { ...healthy, ...facts };
}

export function computeDaemonSetHealth({ spec, status, metadata }: DaemonSet, worstPod: WorstPod): ObjectHealth {
  const { desiredNumberScheduled: wanted = 0, numberReady = 0, updatedNumberScheduled = 0, numberAvailable = 0, observedGeneration = 0 } = status ?? {};
  const facts = { ready: { ready: Math.min(numberReady, wanted), wanted }, images: imagesOf(spec?.template) };
  const progressing = (reason: string) => blame({ state: "Progressing", reason, chain: [], ...facts }, worstPod(metadata.uid ?? ""));
  if (observedGeneration < (metadata.generation ?? 0)) return { ...healthy, ...facts, state: "Progressing", reason: UNSEEN };
  if (spec?.updateStrategy?.type !== "OnDelete" && updatedNumberScheduled < wanted) return progressing(`${updatedNumberScheduled} of ${wanted} nodes updated`);
  if (numberReady < wanted) return progressing(`${numberReady} of ${wanted} nodes ready`);
  return numberAvailable < wanted ? progressing(`${numberAvailable} of ${wanted} nodes available`) : { ...healthy, ...facts };
}

/** A CronJob is as its last run that ended: a nightly job that fails should not look well all day. */
export function computeCronJobHealth({ spec, metadata }: CronJob, jobs: readonly KubeObject[], worstPod: WorstPod): ObjectHealth {
  const facts = { images: imagesOf(spec?.jobTemplate?.spec?.template) };
  if (spec?.suspend === true) return { ...healthy, ...facts, state: "Suspended", reason: "suspended" };
  const ended = jobs
    .filter((child): child is Job => child.kind === "Job")
    .map((job) => ({ job, condition: job.status?.conditions?.find(({ type, status }) => (type === "Complete" || type === "Failed") && status === "True") }))
    .filter(({ condition }) => condition !== undefined)
    .sort((a, b) => startMs(b.job) - startMs(a.job))[0];
  if (ended?.condition?.type !== "Failed") return { ...healthy, ...facts };
  const reason = `${ended.job.metadata.name ?? metadata.name}: ${ended.condition.message || ended.condition.reason || "failed"}`;
  const pod = worstPod(ended.job.metadata.uid ?? "")?.health;
  return { ...facts, state: "Degraded", reason, chain: [describeObject(ended.job), ended.condition.message ?? "failed", ...(pod?.chain ?? [])] };
}

/** An autoscaler that cannot read or set replicas is broken; one without figures may get them. */
export function computeAutoscalerHealth({ status }: HorizontalPodAutoscaler): ObjectHealth {
  const text = (condition: HealthCondition) => condition.message || condition.reason || condition.type;
  const able = findCondition(status?.conditions, "AbleToScale");
  if (able?.status === "False") return { ...healthy, state: "Degraded", reason: text(able), chain: [text(able)] };
  const active = findCondition(status?.conditions, "ScalingActive");
  if (active?.status !== "False") return healthy;
  // At zero replicas it is switched off on purpose.
  if (active.reason === "ScalingDisabled") return { ...healthy, state: "Suspended", reason: text(active) };
  return { ...healthy, state: "Progressing", reason: text(active), chain: [text(active)] };
}

function blame(health: ObjectHealth, cause: ReturnType<WorstPod>): ObjectHealth {
  if (cause === undefined) return health;
  return { ...health, state: cause.isFinal ? "Degraded" : health.state, reason: cause.health.reason, chain: [health.reason, ...cause.health.chain] };
}

function startMs(job: Job): number {
  return Date.parse(job.status?.startTime ?? job.metadata.creationTimestamp ?? "") || 0;
}

function imagesOf(template: { readonly spec?: { readonly containers: readonly { readonly image?: string }[] } } | undefined): readonly string[] {
  return [...new Set((template?.spec?.containers ?? []).map((container) => container.image ?? "").filter((image) => image !== ""))];
}
