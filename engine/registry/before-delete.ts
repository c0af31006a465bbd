import type { DeleteOptions } from "../apimachinery/api-request.ts";
import { withMetadata } from "../apimachinery/object-copy.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { conflict } from "../apimachinery/status-error.ts";
import { formatTime } from "../lib/clock.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";

const ORPHAN_FINALIZER = "orphan";
const FOREGROUND_FINALIZER = "foregroundDeletion";

/** What a delete does to an object now. `mark` writes it as one that is being deleted; `keep`: it is being deleted already. */
export type DeletePlan<T extends KubeObject> =
  { readonly do: "mark"; readonly object: T } | { readonly do: "remove"; readonly object: T } | { readonly do: "keep" };

/**
 * Plans a delete as upstream does: a grace period may only be shortened, finalizers (those of the propagation policy among them)
 * must be removed by those who put them there, and what has neither is gone at once. Throws 409 when a precondition does not hold.
 */
export function planDelete<T extends KubeObject>(definition: ResourceDefinition<T>, object: T, options: DeleteOptions, nowMs: number): DeletePlan<T> {
  checkPreconditions(definition, object, options);
  const deletionTimestamp = formatTime(nowMs);
  const emptied = object.metadata.deletionTimestamp === undefined ? definition.strategy.prepareForDelete?.(object, deletionTimestamp) : undefined;
  if (emptied !== undefined) return { do: "mark", object: withMetadata(emptied, { deletionTimestamp }) };
  if (definition.group === "" && definition.resource === "namespaces") return planNamespaceDelete(definition, object, options, nowMs);
  const graceful = planGrace(definition, object, options, nowMs);
  if (graceful === "pending") return { do: "keep" };
  const marked = withGarbageCollectionFinalizers(definition, graceful ?? object, options);
  const hasFinalizers = (marked.metadata.finalizers ?? []).length > 0;
  if (graceful !== undefined)
    return hasFinalizers || (marked.metadata.deletionGracePeriodSeconds ?? 0) > 0 ? { do: "mark", object: marked } : { do: "remove", object: marked };
  return hasFinalizers ? { do: "mark", object: markAsDeleting(marked, nowMs) } : { do: "remove", object: marked };
}

/** An update that took away the last thing a deleted object waited for removes it. */
export function isDeletedByUpdate(object: KubeObject, old: KubeObject): boolean {
  if (old.metadata.deletionTimestamp === undefined || (object.metadata.finalizers ?? []).length > 0) return false;
  return (old.metadata.deletionGracePeriodSeconds ?? 0) === 0 && namespaceFinalizers(object).length === 0;
}

/** "pending": nothing to do but wait; undefined: the kind knows no grace, or has had it. */
function planGrace<T extends KubeObject>(definition: ResourceDefinition<T>, object: T, options: DeleteOptions, nowMs: number): T | "pending" | undefined {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, generation } = object.metadata;
  const { gracePeriodSeconds } = definition.strategy;
  if (gracePeriodSeconds === undefined) return undefined;
  if (deletionTimestamp !== undefined) {
    if (deletionGracePeriodSeconds === 0) return undefined;
    const asked = options.gracePeriodSeconds;
    if (asked === undefined || asked >= deletionGracePeriodSeconds) return "pending";
    const startMs = Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
    return withMetadata(object, { deletionTimestamp: formatTime(startMs + asked * 1000), deletionGracePeriodSeconds: asked });
  }
  const seconds = gracePeriodSeconds(object, options.gracePeriodSeconds);
  return withMetadata(object, {
    deletionTimestamp: formatTime(nowMs + seconds * 1000),
    deletionGracePeriodSeconds: seconds,
    ...(generation === undefined ? {} : { generation: generation + 1 }),
  });
}

function planNamespaceDelete<T extends KubeObject>(definition: ResourceDefinition<T>, namespace: T, options: DeleteOptions, nowMs: number): DeletePlan<T> {
  if (namespace.metadata.deletionTimestamp !== undefined) {
    return namespaceFinalizers(namespace).length > 0 || (namespace.metadata.finalizers ?? []).length > 0 ? { do: "keep" } : { do: "remove", object: namespace };
  }
  const marked = withMetadata(withGarbageCollectionFinalizers(definition, namespace, options), { deletionTimestamp: formatTime(nowMs) });
  const terminating = { ...marked, status: { ...(marked as { readonly status?: object }).status, phase: "Terminating" } };
  const waits = namespaceFinalizers(namespace).length > 0 || (marked.metadata.finalizers ?? []).length > 0;
  return waits ? { do: "mark", object: terminating } : { do: "remove", object: terminating };
}

/** A namespace has finalizers of its own kind in its spec; the namespace controller removes them when it is empty. */
function namespaceFinalizers(object: KubeObject): readonly unknown[] {
  if (object.kind !== "Namespace" || object.apiVersion !== "v1") return [];
  return (object as { readonly spec?: { readonly finalizers?: readonly unknown[] } }).spec?.finalizers ?? [];
}

/** What the delete says goes before what the object says, and that before what is usual for its kind. */
function withGarbageCollectionFinalizers<T extends KubeObject>({ strategy }: ResourceDefinition<T>, object: T, { propagationPolicy }: DeleteOptions): T {
  const finalizers = object.metadata.finalizers ?? [];
  const isSaid = finalizers.includes(ORPHAN_FINALIZER) || finalizers.includes(FOREGROUND_FINALIZER);
  const policy = propagationPolicy ?? (isSaid || strategy.orphansByDefault === undefined ? undefined : "Orphan");
  const wants = (finalizer: string, name: string) =>
    strategy.hasNoDependents !== true && (policy === undefined ? finalizers.includes(finalizer) : policy === name);
  const others = finalizers.filter((name) => name !== ORPHAN_FINALIZER && name !== FOREGROUND_FINALIZER);
  const next = [
    ...others,
    ...(wants(ORPHAN_FINALIZER, "Orphan") ? [ORPHAN_FINALIZER] : []),
    ...(wants(FOREGROUND_FINALIZER, "Foreground") ? [FOREGROUND_FINALIZER] : []),
  ];
  const isSame = next.length === finalizers.length && next.every((name) => finalizers.includes(name));
  return isSame ? object : withMetadata(object, { finalizers: next.length === 0 ? undefined : next });
}

function markAsDeleting<T extends KubeObject>(object: T, nowMs: number): T {
  const { deletionTimestamp, generation } = object.metadata;
  return withMetadata(object, {
    ...(deletionTimestamp === undefined && generation !== undefined ? { generation: generation + 1 } : {}),
    deletionTimestamp: deletionTimestamp === undefined || Date.parse(deletionTimestamp) > nowMs ? formatTime(nowMs) : deletionTimestamp,
    deletionGracePeriodSeconds: 0,
  });
}

/** Throws Conflict when the object is not the one, or not in the state, that is meant. */
export function checkPreconditions<T extends KubeObject>(definition: ResourceDefinition<T>, object: T, { preconditions }: DeleteOptions): void {
  const { name = "", uid = "", resourceVersion = "" } = object.metadata;
  // Upstream names the kind, not the resource, in these two messages.
  const what = { group: definition.group, resource: definition.kind };
  if (preconditions?.uid !== undefined && preconditions.uid !== uid) {
    throw conflict(
      what,
      name,
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
    throw conflict(
      what,
      name,
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
}
