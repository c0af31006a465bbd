import { findCondition } from "../../apimachinery/conditions.ts";
import { formatTime } from "../../lib/clock.ts";
import type { Deployment, DeploymentCondition, ReplicaSet } from "../../resources/types.ts";
import { isComplete, type DeploymentStep } from "./deployment-plan.ts";
import { maxUnavailable, specReplicas, wantedReplicas } from "./deployment-rollout.ts";

export interface DeploymentObservation {
  readonly step: Pick<DeploymentStep, "is" | "oldSets">;
  readonly newSet: ReplicaSet | undefined;
  /** The set was made by this very step. */
  readonly isNewSetCreated: boolean;
  /** Why the set could not be made. */
  readonly createFailure: string | undefined;
  readonly nowMs: number;
}

type Status = NonNullable<Deployment["status"]>;
type Conditions = readonly DeploymentCondition[];

/** The greatest int32: upstream's way to say that a deadline is not wanted. */
const NO_DEADLINE_SECONDS = 2_147_483_647;

/**
 * A Deployment's status from its sets', with upstream's conditions and reasons: Available, Progressing (until complete, or until nothing
 * has moved for progressDeadlineSeconds) and ReplicaFailure. Also the time after which the deadline has to be looked at.
 */
export function computeDeploymentStatus(
  deployment: Deployment,
  observation: DeploymentObservation,
): { readonly status: Status; readonly againMs: number | undefined } {
  const { step, newSet, nowMs } = observation;
  const counts = computeCounts(deployment, newSet, step.oldSets);
  const now = formatTime(nowMs);
  let conditions: Conditions = deployment.status?.conditions ?? [];
  if (step.is === "scaling" || step.is === "rollingOut") conditions = withPause(deployment, conditions, now);
  conditions = setCondition(conditions, availableCondition(deployment, counts), now);
  if (step.is === "rollingOut") {
    conditions = withProgress(deployment, observation, counts, conditions, now);
    const failure = replicaFailure(newSet, step.oldSets);
    conditions = failure === undefined ? conditions.filter(({ type }) => type !== "ReplicaFailure") : setCondition(conditions, failure, now);
  }
  const status: Status = { ...counts, ...(conditions.length === 0 ? {} : { conditions }) };
  return { status, againMs: step.is === "rollingOut" ? deadlineMs(deployment, observation, conditions) : undefined };
}

function computeCounts(deployment: Deployment, newSet: ReplicaSet | undefined, oldSets: readonly ReplicaSet[]): Omit<Status, "conditions"> {
  const all = [...oldSets, ...(newSet === undefined ? [] : [newSet])];
  const count = (value: (set: ReplicaSet) => number | undefined) => all.reduce((total, set) => total + (value(set) ?? 0), 0);
  const availableReplicas = count((set) => set.status?.availableReplicas);
  const { collisionCount } = deployment.status ?? {};
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: count((set) => set.status?.replicas),
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: count((set) => set.status?.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, count(specReplicas) - availableReplicas),
    // A number only when every set has reported one.
    ...(all.every((set) => set.status?.terminatingReplicas !== undefined) ? { terminatingReplicas: count((set) => set.status?.terminatingReplicas) } : {}),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
}

function availableCondition(deployment: Deployment, { availableReplicas = 0 }: Status): DeploymentCondition {
  return availableReplicas >= wantedReplicas(deployment) - maxUnavailable(deployment)
    ? { type: "Available", status: "True", reason: "MinimumReplicasAvailable", message: "Deployment has minimum availability." }
    : { type: "Available", status: "False", reason: "MinimumReplicasUnavailable", message: "Deployment does not have minimum availability." };
}

/** While paused, no time counts against the deadline; from resuming on, it counts anew. */
function withPause(deployment: Deployment, conditions: Conditions, now: string): Conditions {
  const reason = findCondition(conditions, "Progressing")?.reason;
  if (!hasDeadline(deployment) || reason === "ProgressDeadlineExceeded") return conditions;
  if (deployment.spec.paused === true)
    return setCondition(conditions, { type: "Progressing", status: "Unknown", reason: "DeploymentPaused", message: "Deployment is paused" }, now);
  return reason === "DeploymentPaused"
    ? setCondition(conditions, { type: "Progressing", status: "Unknown", reason: "DeploymentResumed", message: "Deployment is resumed" }, now)
    : conditions;
}

function withProgress(
  deployment: Deployment,
  { step, newSet, isNewSetCreated, createFailure, nowMs }: DeploymentObservation,
  counts: Status,
  conditions: Conditions,
  now: string,
): Conditions {
  if (!hasDeadline(deployment)) return conditions.filter(({ type }) => type !== "Progressing");
  const progressing = (status: string, reason: string, message: string): DeploymentCondition => ({ type: "Progressing", status, reason, message });
  if (createFailure !== undefined) return setCondition(conditions, progressing("False", "ReplicaSetCreateError", createFailure), now);
  if (isNewSetCreated)
    conditions = setCondition(conditions, progressing("True", "NewReplicaSetCreated", `Created new replica set "${newSet?.metadata.name}"`), now);
  else if (newSet !== undefined && findCondition(conditions, "Progressing") === undefined)
    conditions = setCondition(conditions, progressing("True", "FoundNewReplicaSet", `Found new replica set "${newSet.metadata.name}"`), now);
  const known = findCondition(conditions, "Progressing");
  // A finished rollout stays finished while only its pods come and go.
  if (known?.reason === "NewReplicaSetAvailable" && counts.replicas === counts.updatedReplicas) return conditions;
  const name = newSet === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newSet.metadata.name}"`;
  if (isComplete(deployment, newSet, step.oldSets))
    return setCondition(conditions, progressing("True", "NewReplicaSetAvailable", `${name} has successfully progressed.`), now);
  if (hasMoved(deployment.status ?? {}, counts)) {
    const moved = {
      ...progressing("True", "ReplicaSetUpdated", `${name} is progressing.`),
      lastUpdateTime: now,
      lastTransitionTime: known?.status === "True" ? (known.lastTransitionTime ?? now) : now,
    };
    return [...conditions.filter(({ type }) => type !== "Progressing"), moved];
  }
  const isTimedOut =
    known !== undefined && known.reason !== "NewReplicaSetAvailable" && nowMs > sinceMs(known, nowMs) + (deployment.spec.progressDeadlineSeconds ?? 600) * 1000;
  return isTimedOut ? setCondition(conditions, progressing("False", "ProgressDeadlineExceeded", `${name} has timed out progressing.`), now) : conditions;
}

/** Whether any count has come closer to the end since the last status. */
function hasMoved(before: Status, after: Status): boolean {
  const count = (value: number | undefined) => value ?? 0;
  return (
    count(after.updatedReplicas) > count(before.updatedReplicas) ||
    count(after.replicas) - count(after.updatedReplicas) < count(before.replicas) - count(before.updatedReplicas) ||
    count(after.readyReplicas) > count(before.readyReplicas) ||
    count(after.availableReplicas) > count(before.availableReplicas)
  );
}

/** The new set's failure, or else any old one's. */
function replicaFailure(newSet: ReplicaSet | undefined, oldSets: readonly ReplicaSet[]): DeploymentCondition | undefined {
  for (const set of [newSet, ...oldSets]) {
    const failure = findCondition(set?.status?.conditions, "ReplicaFailure");
    if (failure !== undefined)
      return {
        type: "ReplicaFailure",
        status: failure.status,
        ...(failure.reason === undefined ? {} : { reason: failure.reason }),
        ...(failure.message === undefined ? {} : { message: failure.message }),
      };
  }
  return undefined;
}

/** The time until the deadline passes if nothing moves; undefined when there is nothing to wait for. */
function deadlineMs(deployment: Deployment, { step, newSet, nowMs }: DeploymentObservation, conditions: Conditions): number | undefined {
  const known = findCondition(conditions, "Progressing");
  if (known === undefined || !hasDeadline(deployment) || isComplete(deployment, newSet, step.oldSets)) return undefined;
  if (known.reason === "ProgressDeadlineExceeded" || known.reason === "NewReplicaSetAvailable") return undefined;
  // Conditions keep whole seconds, so one more makes sure that the deadline has passed.
  return Math.max(0, sinceMs(known, nowMs) + (deployment.spec.progressDeadlineSeconds ?? 600) * 1000 - nowMs) + 1_000;
}

function hasDeadline(deployment: Deployment): boolean {
  const { progressDeadlineSeconds } = deployment.spec;
  return progressDeadlineSeconds !== undefined && progressDeadlineSeconds !== NO_DEADLINE_SECONDS;
}

function sinceMs({ lastUpdateTime, lastTransitionTime }: DeploymentCondition, nowMs: number): number {
  const since = Date.parse(lastUpdateTime ?? lastTransitionTime ?? "");
  return Number.isNaN(since) ? nowMs : since;
}

/** As upstream: the same status for the same reason is no news, whatever the message; a transition is a change of status only. */
function setCondition(conditions: Conditions, condition: DeploymentCondition, now: string): Conditions {
  const known = findCondition(conditions, condition.type);
  if (known !== undefined && known.status === condition.status && known.reason === condition.reason) return conditions;
  const lastTransitionTime = known?.status === condition.status ? (known.lastTransitionTime ?? now) : now;
  return [...conditions.filter(({ type }) => type !== condition.type), { ...condition, lastUpdateTime: now, lastTransitionTime }];
}
