import { hasStatus } from "../kept-status.ts";
import { controllerOf, objectKey, splitKey, type KubeObject } from "../../apimachinery/object-meta.ts";
import { isControlledBy } from "../../apimachinery/owner-references.ts";
import { describeError } from "../../lib/log.ts";
import { controllerRevisionResource } from "../../resources/apps/controller-revision.ts";
import { statefulSetResource } from "../../resources/apps/stateful-set.ts";
import { persistentVolumeClaimResource } from "../../resources/core/persistent-volume-claim.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { ControllerRevision, StatefulSet, StatefulSetStatus } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, tell, update, watch, type Action, type ControllerDefinition, type Outcome } from "../define-controller.ts";
import { ownerKeys } from "../owner-keys.ts";
import { isPodAvailable, isPodReady, millisecondsToAvailable, ORPHAN_INDEX, orphanIndex, OWNER_INDEX, ownerIndex } from "../pods.ts";
import { isRevisionOf } from "./controller-revisions.ts";
import { revisionOf } from "./stateful-pods.ts";
import { planStatefulSet, type StatefulSetInputs, type StatefulSetStep } from "./stateful-set-plan.ts";

/** How often to ask whether a name that a stranger took is free again. */
const TAKEN_RETRY_MS = 10_000;

/** Keeps the pods of each StatefulSet, every one with its name and its claims. */
export function statefulSetController({ informers }: ControllerContext): ControllerDefinition<StatefulSetInputs> {
  const sets = informers.informer(statefulSetResource);
  const pods = informers.informer(podResource);
  const revisions = informers.informer(controllerRevisionResource);
  const claims = informers.informer(persistentVolumeClaimResource);
  pods.addIndex(OWNER_INDEX, ownerIndex);
  pods.addIndex(ORPHAN_INDEX, orphanIndex);

  const ownersOf = ownerKeys(sets, ({ spec }) => spec.selector);
  const claiming = (claim: KubeObject) =>
    sets
      .list(claim.metadata.namespace)
      .filter(({ spec }) => (spec.volumeClaimTemplates ?? []).length > 0)
      .map(objectKey);

  return {
    name: "statefulset-controller",
    // A claim that goes may be what a pod waits for, or be needed again.
    watches: [
      watch(sets, (set) => [objectKey(set)]),
      watch(pods, ownersOf),
      watch(revisions, ownersOf),
      watch(claims, claiming, (_old, claim) => claim === undefined),
    ],
    observe(key) {
      const { namespace, name } = splitKey(key);
      const set = sets.get(namespace, name);
      if (set === undefined) return undefined;
      const known = (set.spec.volumeClaimTemplates ?? []).length === 0 ? [] : claims.list(namespace);
      return {
        set,
        pods: [...pods.byIndex(OWNER_INDEX, set.metadata.uid ?? ""), ...pods.byIndex(ORPHAN_INDEX, namespace)],
        revisions: revisions.list(namespace).filter((revision) => isControlledBy(revision, set) || controllerOf(revision) === undefined),
        claims: new Map(known.map((claim) => [claim.metadata.name ?? "", claim])),
      };
    },
    plan: (inputs, nowMs) => planStatefulSet(inputs, nowMs).actions,
    conclude: concludeStatefulSet,
  };
}

/** Events and status, given how the step went. Pure. */
export function concludeStatefulSet(inputs: StatefulSetInputs, { created, existing, failure }: Outcome, nowMs: number): readonly Action[] {
  const { set } = inputs;
  if (existing?.kind === "ControllerRevision" && !isRevisionOf(set, existing as ControllerRevision)) {
    return [
      update(statefulSetResource, { ...set, status: { ...(set.status ?? { replicas: 0 }), collisionCount: (set.status?.collisionCount ?? 0) + 1 } }, "status"),
    ];
  }
  // A stranger has the name, and only he can give it up.
  const isTaken = existing?.kind === "Pod" && !isControlledBy(existing, set);
  const step = planStatefulSet(inputs, nowMs);
  const status = computeStatefulSetStatus(set, step, nowMs);
  const waits = [...step.members.values()]
    .map((pod) => millisecondsToAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs))
    .filter((wait) => wait !== undefined && wait > 0) as number[]; // undefined was filtered out
  return [
    ...created.flatMap((object) => tellCreated(set, object)),
    ...(failure === undefined
      ? []
      : [tell(set, "Warning", "FailedCreate", `create Pod in StatefulSet ${set.metadata.name} failed error: ${describeError(failure)}`)]),
    ...(isTaken
      ? [
          tell(
            set,
            "Warning",
            "FailedCreate",
            `create Pod ${existing.metadata.name} in StatefulSet ${set.metadata.name} failed error: the name is taken by another pod`,
          ),
          { do: "wait", forMs: TAKEN_RETRY_MS } as const,
        ]
      : []),
    ...(hasStatus(statefulSetResource, set, status) ? [] : [update(statefulSetResource, { ...set, status }, "status")]),
    ...(waits.length === 0 ? [] : [{ do: "wait", forMs: Math.min(...waits) } as const]),
  ];
}

/** What a StatefulSet says of itself. When all pods are of the update revision, that is the current one from then on. Pure. */
function computeStatefulSetStatus(set: StatefulSet, { members, revisions }: Pick<StatefulSetStep, "members" | "revisions">, nowMs: number): StatefulSetStatus {
  const pods = [...members.values()];
  const ready = pods.filter((pod) => pod.status?.phase === "Running" && isPodReady(pod));
  const staying = pods.filter((pod) => !isBeingDeleted(pod));
  const updateName = revisions?.update.metadata.name ?? set.status?.updateRevision;
  const currentName = revisions?.current.metadata.name ?? set.status?.currentRevision;
  const countOf = (revision: string | undefined) => staying.filter((pod) => revision !== undefined && revisionOf(pod) === revision).length;
  const wanted = set.spec.replicas ?? 1;
  const updated = countOf(updateName);
  const isComplete = set.spec.updateStrategy?.type !== "OnDelete" && updated === wanted && ready.length === wanted && pods.length === wanted;
  const currentRevision = isComplete ? updateName : currentName;
  const { collisionCount, conditions } = set.status ?? {};
  const current = countOf(currentRevision);
  return {
    // Until the revision of a new template exists, the change has not been looked at.
    observedGeneration: revisions === undefined ? (set.status?.observedGeneration ?? 0) : (set.metadata.generation ?? 0),
    replicas: pods.length,
    ...(ready.length === 0 ? {} : { readyReplicas: ready.length }),
    ...(current === 0 ? {} : { currentReplicas: current }),
    ...(updated === 0 ? {} : { updatedReplicas: updated }),
    ...(currentRevision === undefined ? {} : { currentRevision }),
    ...(updateName === undefined ? {} : { updateRevision: updateName }),
    collisionCount: collisionCount ?? 0,
    ...(conditions === undefined ? {} : { conditions }),
    availableReplicas: ready.filter((pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length,
  };
}

/** The pod of a claim's ordinal, by which the claim's name ends. */
function podOfClaim(set: StatefulSet, claim: string): string {
  return `${set.metadata.name}-${claim.slice(claim.lastIndexOf("-") + 1)}`;
}

function tellCreated(set: StatefulSet, { kind, metadata: { name = "" } }: KubeObject): readonly Action[] {
  if (kind === "Pod") return [tell(set, "Normal", "SuccessfulCreate", `create Pod ${name} in StatefulSet ${set.metadata.name} successful`)];
  return kind === "PersistentVolumeClaim"
    ? [tell(set, "Normal", "SuccessfulCreate", `create Claim ${name} Pod ${podOfClaim(set, name)} in StatefulSet ${set.metadata.name} success`)]
    : [];
}
