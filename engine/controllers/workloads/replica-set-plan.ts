import { findCondition } from "../../apimachinery/conditions.ts";
import { controllerOf, type KubeObject } from "../../apimachinery/object-meta.ts";
import { isControlledBy } from "../../apimachinery/owner-references.ts";
import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import { formatTime } from "../../lib/clock.ts";
import { describeError } from "../../lib/log.ts";
import { replicaSetResource } from "../../resources/apps/replica-set.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { ResourceDefinition, ResourceReference } from "../../resources/define-resource.ts";
import type { Pod, ReplicaSet, ReplicaSetCondition } from "../../resources/types.ts";
import { hasStatus } from "../kept-status.ts";
import { isBeingDeleted, tell, update, type Action, type Outcome } from "../define-controller.ts";
import { isPodActive, isPodAvailable, isPodReady, isPodTerminating, millisecondsToAvailable, podFromTemplate } from "../pods.ts";
import { rankForDeletion } from "../rank-pods.ts";

/** Pods created or deleted in one go; more come with the next look. */
const BURST_MAX = 500;

export interface ReplicaSetInputs {
  readonly set: ReplicaSet;
  /** Pods it owns, and pods of its namespace without an owner. */
  readonly pods: readonly Pod[];
  /** Active pods by node over all sets of the same owner: scaling down thins out crowded nodes first. */
  readonly siblingsPerNode: ReadonlyMap<string, number>;
  /** How the set is stored when it is not a ReplicaSet: a ReplicationController is planned as one. */
  readonly writtenAs?: WrittenAs;
}

interface WrittenAs {
  readonly resource: ResourceReference & Pick<ResourceDefinition, "schema">;
  readonly convert: (set: ReplicaSet) => KubeObject;
}

const AS_REPLICA_SET: WrittenAs = { resource: replicaSetResource, convert: (set) => set };

interface Claim {
  readonly adopt: readonly Pod[];
  readonly release: readonly Pod[];
  /** The set's active pods after adoption and release. */
  readonly members: readonly Pod[];
  readonly terminating: readonly Pod[];
}

/**
 * What a ReplicaSet does about its pods: those that match and have no owner are adopted, its own that no longer match are released;
 * then the number is brought to what the spec says, the least valuable pods first. Pure.
 */
export function planReplicaSet(inputs: ReplicaSetInputs, nowMs: number): readonly Action[] {
  const { set, siblingsPerNode, writtenAs = AS_REPLICA_SET } = inputs;
  if (isBeingDeleted(set)) return [];
  const { adopt, release, members } = claimPods(inputs);
  const surplus = members.length - (set.spec.replicas ?? 1);
  const remove = surplus <= 0 ? [] : rankForDeletion(members, siblingsPerNode, nowMs).slice(0, Math.min(surplus, BURST_MAX));
  const missing = Math.min(BURST_MAX, -surplus);
  return [
    ...adopt.map((pod): Action => ({ do: "adopt", resource: podResource, object: pod, owner: set, ownerResource: writtenAs.resource })),
    ...release.map((pod): Action => ({ do: "release", resource: podResource, object: pod, ownerUid: set.metadata.uid ?? "" })),
    ...(missing > 0
      ? [{ do: "createMany", resource: podResource, objects: Array.from({ length: missing }, () => podFromTemplate(set, set.spec.template)) } as const]
      : []),
    ...(remove.length === 0
      ? []
      : [
          {
            do: "together",
            actions: remove.map((pod): Action => ({
              do: "inOrder",
              actions: [{ do: "delete", resource: podResource, object: pod }, tell(set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`)],
            })),
          } as const,
        ]),
  ];
}

/** Events and status, given how the plan went. Pure. */
export function concludeReplicaSet(inputs: ReplicaSetInputs, { created, failure }: Outcome, nowMs: number): readonly Action[] {
  const { set, writtenAs = AS_REPLICA_SET } = inputs;
  const written = writtenAs.convert;
  const claim = claimPods(inputs);
  const isCreating = claim.members.length < (set.spec.replicas ?? 1);
  const reason = failure === undefined ? undefined : isCreating ? "FailedCreate" : "FailedDelete";
  const message = describeError(failure);
  const status = computeReplicaSetStatus(set, claim, reason === undefined ? undefined : { reason, message }, nowMs);
  const waits = claim.members.map((pod) => millisecondsToAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).filter((wait) => wait !== undefined && wait > 0);
  return [
    ...created.map((pod) => tell(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`)),
    ...(reason === undefined ? [] : [tell(set, "Warning", reason, `Error ${isCreating ? "creating" : "deleting"}: ${message}`)]),
    ...(hasStatus(writtenAs.resource, written(set), status) ? [] : [update(writtenAs.resource, written({ ...set, status }), "status")]),
    ...(waits.length === 0 ? [] : [{ do: "wait", forMs: Math.min(...(waits as number[])) } as const]), // undefined was filtered out
  ];
}

/** The set's status as its members make it. A failure's condition goes when the next look succeeds. */
function computeReplicaSetStatus(
  set: ReplicaSet,
  { members, terminating }: Pick<Claim, "members" | "terminating">,
  failure: { readonly reason: string; readonly message: string } | undefined,
  nowMs: number,
): NonNullable<ReplicaSet["status"]> {
  const templateLabels = Object.entries(set.spec.template?.metadata?.labels ?? {});
  const ready = members.filter(isPodReady);
  const others = (set.status?.conditions ?? []).filter(({ type }) => type !== "ReplicaFailure");
  const known = findCondition(set.status?.conditions, "ReplicaFailure");
  const condition: ReplicaSetCondition | undefined =
    failure === undefined ? undefined : (known ?? { type: "ReplicaFailure", status: "True", ...failure, lastTransitionTime: formatTime(nowMs) });
  const conditions = [...others, ...(condition === undefined ? [] : [condition])];
  return {
    replicas: members.length,
    fullyLabeledReplicas: members.filter((pod) => templateLabels.every(([key, value]) => pod.metadata.labels?.[key] === value)).length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length,
    terminatingReplicas: terminating.length,
    observedGeneration: set.metadata.generation ?? 0,
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

function claimPods({ set, pods }: ReplicaSetInputs): Claim {
  const matches = labelSelectorPredicate(set.spec.selector);
  const own = pods.filter((pod) => isControlledBy(pod, set));
  const isKept = (pod: Pod) => matches(pod.metadata.labels);
  const mayClaim = !isBeingDeleted(set);
  const adopt = mayClaim ? pods.filter((pod) => controllerOf(pod) === undefined && isKept(pod) && isPodActive(pod)) : [];
  return {
    adopt,
    release: mayClaim ? own.filter((pod) => !isKept(pod) && !isBeingDeleted(pod)) : [],
    members: [...own.filter(isKept), ...adopt].filter(isPodActive),
    terminating: own.filter((pod) => isKept(pod) && isPodTerminating(pod)),
  };
}
