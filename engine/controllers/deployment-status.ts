import { findCondition, withCondition } from "../apimachinery/conditions.ts";
import { formatTime } from "../lib/clock.ts";
import type { Deployment, DeploymentCondition, ReplicaSet } from "../resources/types.ts";
import { isComplete, rolloutBounds } from "./deployment-plan.ts";

export interface DeploymentObservation {
  readonly newSet: ReplicaSet | undefined;
  readonly oldSets: readonly ReplicaSet[];
  /** A set was made or sized by this very step. */
  readonly hasActed: boolean;
  readonly nowMs: number;
}

type Status = NonNullable<Deployment["status"]>;

/**
 * A Deployment's status from its sets', with upstream's conditions: Available, Progressing (until complete, or until nothing
 * has moved for progressDeadlineSeconds) and ReplicaFailure. Also the time until the deadline has to be looked at again.
 */
export function computeDeploymentStatus(deployment: Deployment, { newSet, oldSets, hasActed, nowMs }: DeploymentObservation): { readonly status: Status; readonly againMs: number | undefined } {
  const all = [...oldSets, ...(newSet === undefined ? [] : [newSet])];
  const count = (field: "replicas" | "readyReplicas" | "availableReplicas") => all.reduce((sum, set) => sum + (set.status?.[field] ?? 0), 0);
  const old = deployment.status ?? {};
  const wanted = deployment.spec.replicas ?? 1;
  const available = count("availableReplicas");
  const base: Status = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: count("replicas"),
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: count("readyReplicas"),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, all.reduce((sum, set) => sum + (set.status?.replicas ?? 0), 0) - available, wanted - available),
    ...(old.collisionCount === undefined ? {} : { collisionCount: old.collisionCount }),
  };
  const now = formatTime(nowMs);
  const isAvailable = available >= wanted - rolloutBounds(deployment).unavailable;
  let conditions = withCondition<DeploymentCondition>(
    old.conditions,
    isAvailable
      ? { type: "Available", status: "True", reason: "MinimumReplicasAvailable", message: "Deployment has minimum availability." }
      : { type: "Available", status: "False", reason: "MinimumReplicasUnavailable", message: "Deployment does not have minimum availability." },
    now,
  );
  const progress = progressCondition(deployment, base, { newSet, oldSets, hasActed, nowMs });
  // The time of the last progress, not only of the last change of the condition, decides about the deadline.
  if (progress.condition !== undefined) conditions = withUpdateTime(withCondition(conditions, progress.condition, now), "Progressing", progress.hasMoved, now);
  const failure = all.flatMap((set) => set.status?.conditions ?? []).find((condition) => condition.type === "ReplicaFailure" && condition.status === "True");
  conditions = failure === undefined ? conditions.filter((condition) => condition.type !== "ReplicaFailure") : withCondition(conditions, { type: "ReplicaFailure", status: "True", reason: failure.reason ?? "", message: failure.message ?? "" }, now);
  return { status: { ...base, conditions: [...conditions].map((condition) => ({ ...condition, lastUpdateTime: condition.lastUpdateTime ?? now })) }, againMs: progress.againMs };
}

interface Progress {
  readonly condition: DeploymentCondition | undefined;
  readonly hasMoved: boolean;
  readonly againMs: number | undefined;
}

function progressCondition(deployment: Deployment, status: Status, { newSet, oldSets, hasActed, nowMs }: DeploymentObservation): Progress {
  const old = deployment.status ?? {};
  const known = findCondition(old.conditions, "Progressing");
  const name = newSet === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newSet.metadata.name}"`;
  const deadlineSeconds = deployment.spec.progressDeadlineSeconds ?? 600;
  const current = (condition: DeploymentCondition, hasMoved = false): Progress => ({ condition, hasMoved, againMs: undefined });
  if (deployment.spec.paused === true) return current({ type: "Progressing", status: "Unknown", reason: "DeploymentPaused", message: "Deployment is paused" });
  if (isComplete(deployment, newSet, oldSets)) return current({ type: "Progressing", status: "True", reason: "NewReplicaSetAvailable", message: `${name} has successfully progressed.` }, known?.reason !== "NewReplicaSetAvailable");
  const hasMoved =
    hasActed ||
    (status.updatedReplicas ?? 0) > (old.updatedReplicas ?? 0) ||
    (status.readyReplicas ?? 0) > (old.readyReplicas ?? 0) ||
    (status.availableReplicas ?? 0) > (old.availableReplicas ?? 0) ||
    (status.replicas ?? 0) - (status.updatedReplicas ?? 0) < (old.replicas ?? 0) - (old.updatedReplicas ?? 0);
  const isNewRollout = known === undefined || known.reason === "DeploymentPaused" || (known.reason === "NewReplicaSetAvailable" && (newSet?.status?.replicas ?? 0) < (deployment.spec.replicas ?? 1));
  if (hasMoved || isNewRollout) {
    const condition = { type: "Progressing", status: "True", reason: "ReplicaSetUpdated", message: `${name} is progressing.` };
    return { condition, hasMoved: true, againMs: deadlineSeconds * 1000 + 1 };
  }
  if (known.reason === "NewReplicaSetAvailable" || known.reason === "ProgressDeadlineExceeded") return { condition: undefined, hasMoved: false, againMs: undefined };
  const leftMs = Date.parse(known.lastUpdateTime ?? known.lastTransitionTime ?? formatTime(nowMs)) + deadlineSeconds * 1000 - nowMs;
  if (leftMs > 0) return { condition: undefined, hasMoved: false, againMs: leftMs + 1 };
  return current({ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: `${name} has timed out progressing.` }, true);
}

function withUpdateTime(conditions: readonly DeploymentCondition[], type: string, hasMoved: boolean, now: string): readonly DeploymentCondition[] {
  return hasMoved ? conditions.map((condition) => (condition.type === type ? { ...condition, lastUpdateTime: now } : condition)) : conditions;
}
