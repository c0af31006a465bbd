import { withMetadata } from "../../apimachinery/object-copy.ts";
import { controllerOf } from "../../apimachinery/object-meta.ts";
import { isControlledBy } from "../../apimachinery/owner-references.ts";
import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { deploymentResource } from "../../resources/apps/deployment.ts";
import { replicaSetResource } from "../../resources/apps/replica-set.ts";
import type { Deployment, ReplicaSet } from "../../resources/types.ts";
import { create, isBeingDeleted, tell, update, type Action } from "../define-controller.ts";
import { currentAnnotations, DESIRED_ANNOTATION, revisionOf } from "./deployment-annotations.ts";
import {
  availableReplicas,
  chooseNewSize,
  compareAge,
  isRecreate,
  planProportionalSizes,
  planRollingSizes,
  sizeAnnotations,
  specReplicas,
  wantedReplicas,
  type Sizes,
} from "./deployment-rollout.ts";
import { newReplicaSet, sameTemplate } from "./deployment-template.ts";

export interface DeploymentInputs {
  readonly deployment: Deployment;
  /** The namespace's sets that it owns or could own. */
  readonly sets: readonly ReplicaSet[];
  /** Pods that have not finished, by the uid of their set. Only Recreate asks. */
  readonly podCounts: ReadonlyMap<string, number>;
}

export interface DeploymentStep {
  readonly actions: readonly Action[];
  /** The set of the current template. */
  readonly newSet: ReplicaSet | undefined;
  /** All others, oldest first. */
  readonly oldSets: readonly ReplicaSet[];
  /** The revision the Deployment should carry; undefined leaves it alone. */
  readonly revision: string | undefined;
  /** What kind of step it was: only rolling out can make or miss progress. */
  readonly is: "claiming" | "deleting" | "scaling" | "rollingOut";
}

/**
 * The next step of a Deployment: claim its ReplicaSets; make or scale up the set of the current template and scale down the others,
 * within maxSurge and maxUnavailable; forget old revisions. Follows upstream's order of decisions. Pure.
 */
export function planDeployment({ deployment, sets, podCounts }: DeploymentInputs): DeploymentStep {
  const claims = isBeingDeleted(deployment) ? [] : planClaims(deployment, sets);
  const owned = sets.filter((set) => isControlledBy(set, deployment)).sort(compareAge);
  const newSet = owned.find((set) => sameTemplate(set.spec.template, deployment.spec.template));
  const oldSets = owned.filter((set) => set !== newSet);
  const known = { newSet, oldSets };
  if (isBeingDeleted(deployment)) return { ...known, actions: [], revision: undefined, is: "deleting" };
  if (claims.length > 0) return { ...known, actions: claims, revision: undefined, is: "claiming" };
  const revision = chooseRevision(newSet, oldSets);
  const current = newSet === undefined ? undefined : asCurrent(deployment, newSet, revision);
  const write = (sizes: Sizes) => planWrites(deployment, newSet, current, oldSets, sizes);
  if (deployment.spec.paused === true || isResized(deployment, owned)) {
    const cleanup = deployment.spec.paused === true ? planCleanup(deployment, oldSets) : [];
    return { ...known, actions: [...write(planProportionalSizes(deployment, newSet, oldSets)), ...cleanup], revision: newSet && revision, is: "scaling" };
  }
  if (isRecreate(deployment)) {
    const down = oldSets.filter((set) => specReplicas(set) > 0);
    if (down.length > 0) return { ...known, actions: write(new Map(down.map((set) => [set, 0]))), revision: newSet && revision, is: "rollingOut" };
    if (arePodsLeft(oldSets, podCounts)) return { ...known, actions: write(new Map()), revision: newSet && revision, is: "rollingOut" };
  }
  if (newSet === undefined)
    return {
      ...known,
      actions: [create(replicaSetResource, newReplicaSet(deployment, revision, chooseNewSize(deployment, undefined, oldSets)))],
      revision,
      is: "rollingOut",
    };
  const sizes = isRecreate(deployment) ? sizesWhereChanged(newSet, wantedReplicas(deployment)) : planRollingSizes(deployment, newSet, oldSets);
  const cleanup = sizes.size === 0 && isComplete(deployment, newSet, oldSets) ? planCleanup(deployment, oldSets) : [];
  return { ...known, actions: [...write(sizes), ...cleanup], revision, is: "rollingOut" };
}

/** Every pod there is belongs to the current template, and all are available. */
export function isComplete(deployment: Deployment, newSet: ReplicaSet | undefined, oldSets: readonly ReplicaSet[]): boolean {
  const wanted = wantedReplicas(deployment);
  const replicas = (set: ReplicaSet) => set.status?.replicas ?? 0;
  const available = [...oldSets, ...(newSet === undefined ? [] : [newSet])].reduce((total, set) => total + availableReplicas(set), 0);
  return (newSet === undefined ? 0 : replicas(newSet)) === wanted && available === wanted && oldSets.every((set) => replicas(set) === 0);
}

/** Sets that match and have no owner are adopted, own ones that no longer match are let go. */
function planClaims(deployment: Deployment, sets: readonly ReplicaSet[]): Action[] {
  const matches = labelSelectorPredicate(deployment.spec.selector);
  return sets.flatMap((set): Action[] => {
    const doesMatch = matches(set.metadata.labels);
    if (isControlledBy(set, deployment))
      return doesMatch ? [] : [{ do: "release", resource: replicaSetResource, object: set, ownerUid: deployment.metadata.uid ?? "" }];
    if (!doesMatch || controllerOf(set) !== undefined || isBeingDeleted(set)) return [];
    return [{ do: "adopt", resource: replicaSetResource, object: set, owner: deployment, ownerResource: deploymentResource }];
  });
}

/** One more than any other set's, so that going back to an old template makes its set the newest. */
function chooseRevision(newSet: ReplicaSet | undefined, oldSets: readonly ReplicaSet[]): string {
  const next = oldSets.map(revisionOf).reduce((newest, revision) => (revision > newest ? revision : newest), 0n) + 1n;
  const current = newSet === undefined ? 0n : revisionOf(newSet);
  return String(current > next ? current : next);
}

function asCurrent(deployment: Deployment, set: ReplicaSet, revision: string): ReplicaSet {
  const { minReadySeconds } = deployment.spec;
  const spec = (set.spec.minReadySeconds ?? 0) === (minReadySeconds ?? 0) ? set.spec : { ...set.spec, minReadySeconds: minReadySeconds ?? 0 };
  return { ...withMetadata(set, { annotations: currentAnnotations(deployment, set, revision) }), spec };
}

/** One write per set that differs from what it should be, and the story of it. */
function planWrites(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  current: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
  sizes: Sizes,
): Action[] {
  return [...(newSet === undefined ? [] : [newSet]), ...oldSets].flatMap((set) => {
    const base = set === newSet && current !== undefined ? current : set;
    const size = sizes.get(set);
    const next = size === undefined ? base : resized(deployment, base, size);
    if (jsonEqual(next, set)) return [];
    const write = update(replicaSetResource, next);
    return specReplicas(next) === specReplicas(set) ? [write] : [write, tellScaled(deployment, set, specReplicas(next))];
  });
}

function resized(deployment: Deployment, set: ReplicaSet, replicas: number): ReplicaSet {
  return { ...withMetadata(set, { annotations: { ...set.metadata.annotations, ...sizeAnnotations(deployment) } }), spec: { ...set.spec, replicas } };
}

export function tellScaled(deployment: Deployment, set: ReplicaSet, to: number, from = specReplicas(set)): Action {
  return tell(deployment, "Normal", "ScalingReplicaSet", `Scaled ${to > from ? "up" : "down"} replica set ${set.metadata.name} from ${from} to ${to}`);
}

/** Whether only the wanted number changed since the sets were sized: their annotations still hold the old one. */
function isResized(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => {
    const sizedFor = set.metadata.annotations?.[DESIRED_ANNOTATION];
    return specReplicas(set) > 0 && sizedFor !== undefined && sizedFor !== String(wantedReplicas(deployment));
  });
}

/** Recreate starts the new pods only when the last old one has ended. */
function arePodsLeft(oldSets: readonly ReplicaSet[], podCounts: ReadonlyMap<string, number>): boolean {
  return oldSets.some((set) => (set.status?.replicas ?? 0) > 0 || (podCounts.get(set.metadata.uid ?? "") ?? 0) > 0);
}

function sizesWhereChanged(set: ReplicaSet, size: number): Sizes {
  return size === specReplicas(set) ? new Map() : new Map([[set, size]]);
}

/** The oldest revisions beyond the limit, as far as they have nothing left. */
function planCleanup(deployment: Deployment, oldSets: readonly ReplicaSet[]): Action[] {
  const alive = oldSets.filter((set) => !isBeingDeleted(set)).sort((a, b) => Number(revisionOf(a) - revisionOf(b)));
  return alive
    .slice(0, Math.max(0, alive.length - (deployment.spec.revisionHistoryLimit ?? 10)))
    .filter((set) => specReplicas(set) === 0 && (set.status?.replicas ?? 0) === 0 && (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0))
    .map((set) => ({ do: "delete", resource: replicaSetResource, object: set }));
}
