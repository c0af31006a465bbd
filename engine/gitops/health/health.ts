import { findCondition } from "../../apimachinery/conditions.ts";
import { describeObject, type KubeObject } from "../../apimachinery/object-meta.ts";
import { counted } from "../../lib/plural.ts";
import type {
  CronJob,
  DaemonSet,
  Deployment,
  HorizontalPodAutoscaler,
  Job,
  PersistentVolumeClaim,
  Pod,
  ReplicaSet,
  Service,
  StatefulSet,
} from "./health-types.ts";
import { computeJobHealth } from "./job-health.ts";
import { computePodHealth, isFailingForGood } from "./pod-health.ts";
import { computeAutoscalerHealth, computeCronJobHealth, computeDaemonSetHealth, computeStatefulSetHealth } from "./workload-health.ts";

export type HealthState = "Healthy" | "Suspended" | "Progressing" | "Unknown" | "Missing" | "Degraded";

/** How one object fares, and why, from the object down to what stopped. */
export interface ObjectHealth {
  readonly state: HealthState;
  /** One line for a table: `web-7f9-x: ImagePullBackOff on n2`. Empty when healthy. */
  readonly reason: string;
  /** The same, step by step: `ReplicaSet web/web-7f9`, `Pod web/web-7f9-x on n2`, `container web`, `ImagePullBackOff: …`. */
  readonly chain: readonly string[];
  /** Replicas, for kinds that have them. */
  readonly ready?: { readonly ready: number; readonly wanted: number };
  readonly images: readonly string[];
}

/** The objects behind an object, by the owner's uid. */
export interface HealthLookup {
  childrenOf(ownerUid: string): readonly KubeObject[];
}

/** Best to worst; an application is as its worst object. */
export const HEALTH_ORDER: readonly HealthState[] = ["Healthy", "Suspended", "Progressing", "Unknown", "Missing", "Degraded"];

const healthy: ObjectHealth = { state: "Healthy", reason: "", chain: [], images: [] };

/**
 * Health by the rules of kstatus, with its oddities put right: a failed Pod is Degraded, a Deployment whose pods keep dying is Degraded
 * before its deadline, and nothing is Healthy before its controller has seen the generation that was written.
 * `now` in milliseconds since the epoch.
 */
export function computeHealth(object: KubeObject | undefined, lookup: HealthLookup, now: number): ObjectHealth {
  if (object === undefined) return { ...healthy, state: "Missing", reason: "not in the cluster" };
  if (object.metadata.deletionTimestamp !== undefined)
    return {
      ...healthy,
      state: "Progressing",
      reason: `being deleted${(object.metadata.finalizers ?? []).length === 0 ? "" : `, waits for ${object.metadata.finalizers?.join(", ")}`}`,
    };
  const rule = RULES[`${object.apiVersion.split("/").slice(0, -1).join("/")}/${object.kind}`];
  return rule === undefined ? computeGenericHealth(object) : rule(object, lookup, now);
}

/** The worst of several; of equally bad ones the first. All of them healthy, or none at all, is Healthy. */
export function worstHealth<T extends { readonly state: HealthState }>(all: readonly T[]): T | undefined {
  return all.reduce<T | undefined>(
    (worst, next) => (worst === undefined || HEALTH_ORDER.indexOf(next.state) > HEALTH_ORDER.indexOf(worst.state) ? next : worst),
    undefined,
  );
}

type Rule = (object: KubeObject, lookup: HealthLookup, now: number) => ObjectHealth;

/** Keyed by group and kind, so each rule gets objects of its own kind: that is what the casts below rely on. */
const RULES: Readonly<Record<string, Rule>> = {
  "apps/Deployment": (object, lookup, now) => deploymentHealth(object as Deployment, lookup, now),
  "apps/ReplicaSet": (object, lookup, now) => replicaSetHealth(object as ReplicaSet, lookup, now),
  "apps/StatefulSet": (object, lookup, now) => computeStatefulSetHealth(object as StatefulSet, (uid) => worstChild(uid, lookup, now)),
  "apps/DaemonSet": (object, lookup, now) => computeDaemonSetHealth(object as DaemonSet, (uid) => worstChild(uid, lookup, now)),
  // What it says of itself and its pods is a ReplicaSet's.
  "/ReplicationController": (object, lookup, now) => replicaSetHealth(object as ReplicaSet, lookup, now),
  "batch/CronJob": (object, lookup, now) =>
    computeCronJobHealth(object as CronJob, lookup.childrenOf(object.metadata.uid ?? ""), (uid) => worstChild(uid, lookup, now)),
  "autoscaling/HorizontalPodAutoscaler": (object) => computeAutoscalerHealth(object as HorizontalPodAutoscaler),
  "/Pod": (object, _lookup, now) => computePodHealth(object as Pod, now),
  "batch/Job": (object, lookup, now) => computeJobHealth(object as Job, (uid) => worstChild(uid, lookup, now)?.health),
  "/Service": (object) => serviceHealth(object as Service),
  "/PersistentVolumeClaim": (object) => claimHealth(object as PersistentVolumeClaim),
};

function deploymentHealth(deployment: Deployment, lookup: HealthLookup, now: number): ObjectHealth {
  const { spec, status = {}, metadata } = deployment;
  const wanted = spec?.replicas ?? 1;
  const facts = { ready: { ready: Math.min(status.readyReplicas ?? 0, wanted), wanted }, images: imagesOf(deployment) };
  const progressing = (reason: string): ObjectHealth => withCause({ state: "Progressing", reason, chain: [], ...facts });
  const withCause = (health: ObjectHealth): ObjectHealth => {
    const cause = worstChild(metadata.uid ?? "", lookup, now);
    if (cause === undefined) return health;
    const state = cause.isFinal ? "Degraded" : health.state;
    return { ...health, state, reason: cause.health.reason, chain: [health.reason, ...cause.health.chain] };
  };
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) return { ...progressing("the controller has not seen this version yet"), ...facts };
  if (spec?.paused === true) return { state: "Suspended", reason: "paused", chain: [], ...facts };
  const condition = findCondition(status.conditions, "Progressing");
  if (condition?.reason === "ProgressDeadlineExceeded")
    return withCause({ state: "Degraded", reason: `not rolled out within ${spec?.progressDeadlineSeconds ?? 600} s`, chain: [], ...facts });
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0, readyReplicas = 0 } = status;
  if (replicas < wanted && findCondition(status.conditions, "ReplicaFailure")?.status === "True") {
    return withCause({
      state: "Degraded",
      reason: findCondition(status.conditions, "ReplicaFailure")?.message ?? "pods cannot be created",
      chain: [],
      ...facts,
    });
  }
  if (updatedReplicas < wanted) return progressing(`${updatedReplicas} of ${wanted} replicas updated`);
  if (replicas > updatedReplicas) return progressing(`${counted(replicas - updatedReplicas, "old replica")} still there`);
  if (readyReplicas < wanted) return progressing(`${readyReplicas} of ${wanted} replicas ready`);
  if (availableReplicas < wanted) return progressing(`${availableReplicas} of ${wanted} replicas available`);
  return { ...healthy, ...facts };
}

function replicaSetHealth(set: ReplicaSet, lookup: HealthLookup, now: number): ObjectHealth {
  const { spec, status, metadata } = set;
  const wanted = spec?.replicas ?? 1;
  const facts = { ready: { ready: Math.min(status?.readyReplicas ?? 0, wanted), wanted }, images: imagesOf(set) };
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0))
    return { state: "Progressing", reason: "the controller has not seen this version yet", chain: [], ...facts };
  const failure = findCondition(status?.conditions, "ReplicaFailure");
  if (failure?.status === "True") return { state: "Degraded", reason: failure.message ?? failure.reason ?? "pods cannot be created", chain: [], ...facts };
  if ((status?.availableReplicas ?? 0) >= wanted && (status?.replicas ?? 0) === wanted) return { ...healthy, ...facts };
  const reason = `${status?.readyReplicas ?? 0} of ${wanted} replicas ready`;
  const cause = worstChild(metadata.uid ?? "", lookup, now);
  return cause === undefined
    ? { state: "Progressing", reason, chain: [], ...facts }
    : { state: cause.isFinal ? "Degraded" : "Progressing", reason: cause.health.reason, chain: [reason, ...cause.health.chain], ...facts };
}

/** The pod below an owner that is worst off, through its ReplicaSets; newest first, so that a rollout's own pods are blamed. */
function worstChild(ownerUid: string, lookup: HealthLookup, now: number): { readonly health: ObjectHealth; readonly isFinal: boolean } | undefined {
  const found = lookup.childrenOf(ownerUid).flatMap((child) => {
    if (child.kind === "Pod") {
      if (child.metadata.deletionTimestamp !== undefined) return [];
      const health = computePodHealth(child as Pod, now); // the kind was just checked
      return [{ health, isFinal: isFailingForGood(child as Pod) }];
    }
    if (child.kind !== "ReplicaSet") return [];
    const failure = findCondition((child as ReplicaSet).status?.conditions, "ReplicaFailure");
    const inner = worstChild(child.metadata.uid ?? "", lookup, now);
    const below = inner === undefined ? [] : [{ ...inner, health: { ...inner.health, chain: [describeObject(child), ...inner.health.chain] } }];
    if (failure?.status !== "True") return below;
    return [
      {
        health: {
          ...healthy,
          state: "Degraded" as const,
          reason: `${child.metadata.name ?? ""}: ${failure.message ?? "pods cannot be created"}`,
          chain: [describeObject(child), failure.message ?? ""],
        },
        isFinal: false,
      },
      ...below,
    ];
  });
  const unwell = found.filter(({ health }) => health.state !== "Healthy");
  return unwell.reduce<(typeof unwell)[number] | undefined>((worst, next) => {
    if (worst === undefined) return next;
    const order = HEALTH_ORDER.indexOf(next.health.state) - HEALTH_ORDER.indexOf(worst.health.state) || Number(next.isFinal) - Number(worst.isFinal);
    return order > 0 ? next : worst;
  }, undefined);
}

function serviceHealth(service: Service): ObjectHealth {
  const { spec, status } = service;
  if (spec?.type === "ExternalName" || spec?.clusterIP !== undefined) {
    // Most clusters hand out no load balancers; waiting for one would look like work in progress for ever.
    const waits = spec.type === "LoadBalancer" && (status?.loadBalancer?.ingress ?? []).length === 0;
    return waits ? { ...healthy, reason: "no controller gives it a load balancer address; its cluster address and node ports work" } : healthy;
  }
  return { ...healthy, state: "Progressing", reason: "has no cluster address yet" };
}

function claimHealth(claim: PersistentVolumeClaim): ObjectHealth {
  if (claim.status?.phase === "Bound") return healthy;
  if (claim.status?.phase === "Lost") return { ...healthy, state: "Degraded", reason: "its volume is lost" };
  return { ...healthy, state: "Progressing", reason: "waits for a volume" };
}

interface GenericStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string; readonly message?: string }[];
}

/** The conventions that most kinds follow. A kind without conditions is healthy by existing. */
function computeGenericHealth(object: KubeObject): ObjectHealth {
  const status = (object as KubeObject & { readonly status?: GenericStatus }).status;
  if (status?.observedGeneration !== undefined && status.observedGeneration < (object.metadata.generation ?? 0))
    return { ...healthy, state: "Progressing", reason: "its controller has not seen this version yet" };
  const conditions = Array.isArray(status?.conditions) ? status.conditions : [];
  const find = (type: string) => conditions.find((condition) => condition.type === type);
  const text = (condition: { readonly reason?: string; readonly message?: string } | undefined, fallback: string) =>
    condition?.message || condition?.reason || fallback;
  if (find("Reconciling")?.status === "True") return { ...healthy, state: "Progressing", reason: text(find("Reconciling"), "reconciling") };
  if (find("Stalled")?.status === "True") return { ...healthy, state: "Degraded", reason: text(find("Stalled"), "stalled") };
  const ready = find("Ready");
  if (ready !== undefined && ready.status !== "True") return { ...healthy, state: "Progressing", reason: text(ready, "not ready") };
  return healthy;
}

function imagesOf(workload: Deployment | ReplicaSet): readonly string[] {
  return [...new Set((workload.spec?.template?.spec?.containers ?? []).map((container) => container.image ?? "").filter((image) => image !== ""))];
}
