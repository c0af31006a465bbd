import { scaledValue } from "../../apimachinery/int-or-string.ts";
import { controllerOf } from "../../apimachinery/object-meta.ts";
import { isControlledBy } from "../../apimachinery/owner-references.ts";
import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import { statefulSetResource } from "../../resources/apps/stateful-set.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { ControllerRevision, Pod, StatefulSet } from "../../resources/types.ts";
import { create, isBeingDeleted, tell, type Action } from "../define-controller.ts";
import { isPodAvailable, isPodFinished } from "../pods.ts";
import { planRevisionHistory, planRevisions, templateOf } from "./controller-revisions.ts";
import { planClaimOwners, planMissingClaims, type KnownClaims } from "./stateful-claims.ts";
import { identityLabels, newStatefulPod, ordinalOf, POD_INDEX_LABEL, POD_NAME_LABEL, revisionOf, startOrdinal } from "./stateful-pods.ts";

/** Pods made or removed in one go when order does not matter; more come with the next look. */
const BURST_MAX = 500;

export interface StatefulSetInputs {
  readonly set: StatefulSet;
  /** Pods it owns, and pods of its namespace without an owner. */
  readonly pods: readonly Pod[];
  /** Revisions it owns, and those of its namespace without an owner. */
  readonly revisions: readonly ControllerRevision[];
  readonly claims: KnownClaims;
}

export interface Revisions {
  /** What pods are rolled to. */
  readonly update: ControllerRevision;
  /** What they are rolled from; the same when no rollout is under way. */
  readonly current: ControllerRevision;
}

export interface StatefulSetStep {
  readonly actions: readonly Action[];
  /** The pods it has after adoption and release, by ordinal. */
  readonly members: ReadonlyMap<number, Pod>;
  /** Undefined until the revision of the current template has been made. */
  readonly revisions: Revisions | undefined;
}

/**
 * What a StatefulSet does next: claim its pods and revisions; make, mend and remove pods, one after the other unless it may do so at
 * once; then roll to the current template from the highest ordinal down; then forget old revisions. Follows upstream's order. Pure.
 */
export function planStatefulSet(inputs: StatefulSetInputs, nowMs: number): StatefulSetStep {
  const { set } = inputs;
  const { members, actions: claims } = planClaims(inputs);
  const history = planRevisions(set, statefulSetResource, inputs.revisions);
  const current = history.revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? history.update;
  const revisions = history.update === undefined || current === undefined ? undefined : { update: history.update, current };
  const step = (actions: readonly Action[]): StatefulSetStep => ({ actions, members, revisions });
  if (isBeingDeleted(set)) return step([]);
  if (revisions === undefined || claims.length + history.actions.length > 0) return step([...claims, ...history.actions]);
  const scaling = planReplicas({ ...inputs, members, revisions, nowMs });
  const rollout = scaling.isBlocked || scaling.actions.length > 0 ? [] : planRollout(set, members, revisions, nowMs);
  const used = new Set([...members.values()].map(revisionOf));
  const isLive = (revision: ControllerRevision) => revision === revisions.update || revision === revisions.current || used.has(revision.metadata.name ?? "");
  return step([...scaling.actions, ...rollout, ...planRevisionHistory(set, history.revisions, isLive)]);
}

interface ReplicaInputs extends Omit<StatefulSetInputs, "revisions"> {
  readonly members: ReadonlyMap<number, Pod>;
  readonly revisions: Revisions;
  readonly nowMs: number;
}

interface ReplicasPlan {
  readonly actions: readonly Action[];
  /** Something has to happen first: nothing is rolled out meanwhile. */
  readonly isBlocked: boolean;
}

/** Upwards through the ordinals that should be there, then downwards through those that should not. In order, the first one that is not well ends it. */
function planReplicas(inputs: ReplicaInputs): ReplicasPlan {
  const { set, members, nowMs } = inputs;
  const isOrdered = set.spec.podManagementPolicy !== "Parallel";
  const first = startOrdinal(set);
  const end = first + (set.spec.replicas ?? 1);
  const isAvailable = (pod: Pod) => pod.status?.phase === "Running" && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
  const actions: Action[] = [];
  let isBlocked = false;
  for (let ordinal = first; ordinal < end && actions.length < BURST_MAX; ordinal++) {
    const pod = members.get(ordinal);
    const { actions: next, isWaiting } = pod === undefined ? planNewPod(inputs, ordinal) : planMember(inputs, pod, ordinal);
    actions.push(...next);
    const isWell = !isWaiting && pod !== undefined && !isBeingDeleted(pod) && isAvailable(pod);
    if (isWell) continue;
    isBlocked ||= isWaiting;
    if (isOrdered) return { actions, isBlocked: true };
  }
  const condemned = [...members].filter(([ordinal]) => ordinal < first || ordinal >= end).sort(([a], [b]) => b - a);
  // The lowest one that is not well may go, for nothing that has to be there is left waiting for it.
  const firstUnwell = condemned.findLast(([, pod]) => isBeingDeleted(pod) || !isAvailable(pod))?.[1];
  for (const [ordinal, pod] of condemned) actions.push(...planClaimOwners(set, pod, ordinal, true, inputs.claims));
  for (const [, pod] of condemned.slice(0, BURST_MAX)) {
    if (isBeingDeleted(pod)) {
      if (isOrdered) return { actions, isBlocked: true };
      continue;
    }
    if (isOrdered && !isAvailable(pod) && pod !== firstUnwell) return { actions, isBlocked: true };
    actions.push(remove(set, pod));
    if (isOrdered) return { actions, isBlocked: true };
  }
  return { actions, isBlocked };
}

/** A pod that is missing, with its claims before it. */
function planNewPod({ set, revisions, claims }: ReplicaInputs, ordinal: number): { readonly actions: readonly Action[]; readonly isWaiting: boolean } {
  const missing = planMissingClaims(set, ordinal, claims);
  if (missing === undefined) return { actions: [], isWaiting: true };
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  // Below the partition pods stay at the old revision, also new ones.
  const keepsOld = type !== "OnDelete" && ordinal < startOrdinal(set) + (rollingUpdate?.partition ?? 0);
  const revision = keepsOld ? revisions.current : revisions.update;
  const template = revision === revisions.update ? set.spec.template : templateOf(revision);
  return { actions: [...missing, create(podResource, newStatefulPod(set, template, ordinal, revision.metadata.name ?? ""))], isWaiting: false };
}

/** A pod that is there: one that has ended is replaced by another of its name, for which it must be gone; others get what they lack. */
function planMember({ set, claims }: ReplicaInputs, pod: Pod, ordinal: number): { readonly actions: readonly Action[]; readonly isWaiting: boolean } {
  if (isPodFinished(pod)) {
    if (isBeingDeleted(pod)) return { actions: [], isWaiting: true };
    return {
      actions: [
        tell(
          set,
          "Warning",
          "RecreatingTerminatedPod",
          `StatefulSet ${set.metadata.namespace}/${set.metadata.name} is recreating terminated Pod ${pod.metadata.name}`,
        ),
        remove(set, pod),
      ],
      isWaiting: true,
    };
  }
  if (isBeingDeleted(pod)) return { actions: [], isWaiting: false };
  const isPending = (pod.status?.phase ?? "Pending") === "Pending";
  const missing = isPending ? (planMissingClaims(set, ordinal, claims) ?? []) : [];
  const labels = identityLabels(pod.metadata.name ?? "", ordinal);
  const isNamed = pod.metadata.labels?.[POD_NAME_LABEL] === labels[POD_NAME_LABEL] && pod.metadata.labels?.[POD_INDEX_LABEL] === labels[POD_INDEX_LABEL];
  const naming: Action[] = isNamed ? [] : [{ do: "patch", resource: podResource, object: pod, patch: { metadata: { labels } } }];
  return { actions: [...missing, ...naming, ...planClaimOwners(set, pod, ordinal, false, claims)], isWaiting: false };
}

/**
 * Removes pods of other revisions from the highest ordinal down to the partition, as many as may be unavailable. Those that are
 * unavailable already are no further loss. Their successors are made of the current template.
 */
function planRollout(set: StatefulSet, members: ReadonlyMap<number, Pod>, { update }: Revisions, nowMs: number): readonly Action[] {
  if (set.spec.updateStrategy?.type === "OnDelete") return [];
  const replicas = set.spec.replicas ?? 1;
  const { partition = 0, maxUnavailable = 1 } = set.spec.updateStrategy?.rollingUpdate ?? {};
  const pods = Array.from({ length: replicas }, (_, index) => members.get(startOrdinal(set) + index));
  const isAvailable = (pod: Pod | undefined) =>
    pod !== undefined && !isBeingDeleted(pod) && pod.status?.phase === "Running" && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
  let left = Math.max(1, scaledValue(maxUnavailable, replicas, false)) - pods.filter((pod) => !isAvailable(pod)).length;
  const actions: Action[] = [];
  for (let index = replicas - 1; index >= partition; index--) {
    const pod = pods[index];
    if (pod === undefined || isBeingDeleted(pod) || revisionOf(pod) === update.metadata.name) continue;
    if (isAvailable(pod) && left-- <= 0) break;
    actions.push(remove(set, pod));
  }
  return actions;
}

function remove(set: StatefulSet, pod: Pod): Action {
  return {
    do: "inOrder",
    actions: [
      { do: "delete", resource: podResource, object: pod },
      tell(set, "Normal", "SuccessfulDelete", `delete Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} successful`),
    ],
  };
}

/** Only pods with a name of the set can be its own: the name is the identity. */
function planClaims({ set, pods }: StatefulSetInputs): { readonly members: ReadonlyMap<number, Pod>; readonly actions: readonly Action[] } {
  const matches = labelSelectorPredicate(set.spec.selector);
  const isMember = (pod: Pod) => matches(pod.metadata.labels) && ordinalOf(set, pod) !== undefined;
  const own = pods.filter((pod) => isControlledBy(pod, set));
  const orphans = isBeingDeleted(set) ? [] : pods.filter((pod) => controllerOf(pod) === undefined && isMember(pod) && !isBeingDeleted(pod));
  const strangers = isBeingDeleted(set) ? [] : own.filter((pod) => !isMember(pod) && !isBeingDeleted(pod));
  return {
    members: new Map([...own.filter(isMember), ...orphans].map((pod) => [ordinalOf(set, pod) ?? 0, pod] as const)),
    actions: [
      ...orphans.map((object): Action => ({ do: "adopt", resource: podResource, object, owner: set, ownerResource: statefulSetResource })),
      ...strangers.map((object): Action => ({ do: "release", resource: podResource, object, ownerUid: set.metadata.uid ?? "" })),
    ],
  };
}
