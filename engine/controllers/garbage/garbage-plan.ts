import type { KubeObject, OwnerReference } from "../../apimachinery/object-meta.ts";
import type { PropagationPolicy } from "../../apimachinery/api-request.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import { isBeingDeleted, tell, type Action } from "../define-controller.ts";

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";

/** How often it is looked up whether an owner's kind has come to be known. */
const UNKNOWN_KIND_MS = 60_000;

/** An object with its kind; only the object's identity is known (see the informer that it is from). */
export interface Located {
  readonly resource: ResourceReference;
  readonly object: KubeObject;
}

export interface OwnerState {
  readonly reference: OwnerReference;
  /**
   * `waiting`: being deleted in the foreground, so its dependents go first. `unresolvable`: nobody can say, for example because
   * its kind is not served; such an owner keeps what it owns.
   */
  readonly is: "present" | "waiting" | "absent" | "unresolvable";
  /** Why the reference is wrong, for its author. */
  readonly complaint?: string;
}

export interface GarbageInputs extends Located {
  readonly owners: readonly OwnerState[];
  /** What names the object as an owner. */
  readonly dependents: readonly Located[];
}

/**
 * What becomes of an object: an owner that is being deleted is carried through its way of deletion, anything else lives as long as
 * one of its owners does. Pure.
 */
export function planGarbage(inputs: GarbageInputs): readonly Action[] {
  const { object } = inputs;
  if (isBeingDeleted(object) && hasFinalizer(object, ORPHAN)) return planOrphaning(inputs);
  if (isForeground(object)) return planForeground(inputs);
  if (isBeingDeleted(object) || inputs.owners.length === 0) return [];
  const complaints = inputs.owners.flatMap(({ complaint }) =>
    complaint === undefined ? [] : [tell(object, "Warning", "OwnerRefInvalidNamespace", complaint)],
  );
  return [...complaints, ...planOwned(inputs), ...awaitKinds(inputs)];
}

/** An owner's kind may be served later, or by a server that is away just now. */
function awaitKinds({ owners }: GarbageInputs): readonly Action[] {
  return owners.some(({ is, complaint }) => is === "unresolvable" && complaint === undefined) ? [{ do: "wait", forMs: UNKNOWN_KIND_MS }] : [];
}

/** Whether the object waits for its dependents to be deleted before it goes itself. */
export function isForeground(object: KubeObject): boolean {
  return isBeingDeleted(object) && hasFinalizer(object, FOREGROUND);
}

/** Dependents lose their owner and stay; then the owner may go. */
function planOrphaning({ resource, object, dependents }: GarbageInputs): readonly Action[] {
  const releases = dependents.map((dependent): Action => ({ do: "release", ...dependent, ownerUid: object.metadata.uid ?? "" }));
  return [{ do: "together", actions: releases }, removeFinalizer(resource, object, ORPHAN)];
}

/** The owner goes when nothing is left that asks it to wait. Its dependents see by themselves that it waits for them. */
function planForeground({ resource, object, dependents }: GarbageInputs): readonly Action[] {
  const isBlocking = dependents.some((dependent) => referencesOf(dependent.object, object).some(({ blockOwnerDeletion }) => blockOwnerDeletion === true));
  return isBlocking ? [] : [removeFinalizer(resource, object, FOREGROUND)];
}

/** A patch, for no more is known of the object than its identity; with its version, since it writes the whole list. */
function removeFinalizer(resource: ResourceReference, object: KubeObject, finalizer: string): Action {
  const { resourceVersion, finalizers = [] } = object.metadata;
  const rest = finalizers.filter((name) => name !== finalizer);
  return { do: "patch", resource, object, type: "merge", patch: { metadata: { resourceVersion, finalizers: rest.length === 0 ? null : rest } } };
}

function planOwned({ resource, object, owners, dependents }: GarbageInputs): readonly Action[] {
  const living = owners.filter(({ is }) => is === "present" || is === "unresolvable");
  if (living.length === owners.length) return [];
  // Some owners live: only the references to the others go.
  if (living.length > 0)
    return owners.filter((owner) => !living.includes(owner)).map(({ reference }): Action => ({ do: "release", resource, object, ownerUid: reference.uid }));
  const isAwaited = owners.some(({ is }) => is === "waiting") && dependents.length > 0;
  if (!isAwaited) return [{ do: "delete", resource, object, options: { propagationPolicy: ownPolicy(object) }, ifUnchanged: true }];
  // A dependent that waits for us while we would wait for it: a cycle of owners, which nobody else would break.
  if (dependents.some((dependent) => isForeground(dependent.object))) {
    const ownerReferences = owners.map(({ reference }) => ({ ...reference, blockOwnerDeletion: false }));
    return [
      { do: "patch", resource, object, type: "merge", patch: { metadata: { ownerReferences } } },
      { do: "delete", resource, object, options: { propagationPolicy: "Foreground" } },
    ];
  }
  return [{ do: "delete", resource, object, options: { propagationPolicy: "Foreground" }, ifUnchanged: true }];
}

/** Someone may have said already how the object's own dependents are to be treated. */
function ownPolicy(object: KubeObject): PropagationPolicy {
  if (hasFinalizer(object, ORPHAN)) return "Orphan";
  return hasFinalizer(object, FOREGROUND) ? "Foreground" : "Background";
}

function referencesOf(object: KubeObject, owner: KubeObject): readonly OwnerReference[] {
  return (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid === owner.metadata.uid);
}

function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) === true;
}
