import type { KubeObject, ObjectMeta } from "./object-meta.ts";

/**
 * Changed copies of shared, frozen objects. An undefined value in a patch removes the field.
 */

/** The object with some metadata fields replaced. */
export function withMetadata<T extends KubeObject>(object: T, patch: Readonly<Partial<ObjectMeta>>): T {
  return { ...object, metadata: merge(object.metadata, patch) };
}

/** The object with labels added or replaced. */
export function withLabels<T extends KubeObject>(object: T, labels: Readonly<Record<string, string | undefined>>): T {
  return withMetadata(object, { labels: merge(object.metadata.labels ?? {}, labels) });
}

/** The object with annotations added or replaced. */
export function withAnnotations<T extends KubeObject>(object: T, annotations: Readonly<Record<string, string | undefined>>): T {
  return withMetadata(object, { annotations: merge(object.metadata.annotations ?? {}, annotations) });
}

/** The object without one of its finalizers; the very same object when it does not have it. */
export function withoutFinalizer<T extends KubeObject>(object: T, finalizer: string): T {
  const finalizers = object.metadata.finalizers;
  if (finalizers === undefined || !finalizers.includes(finalizer)) return object;
  const rest = finalizers.filter((name) => name !== finalizer);
  return withMetadata(object, { finalizers: rest.length === 0 ? undefined : rest });
}

/** The object with a finalizer; the very same object when it has it already. */
export function withFinalizer<T extends KubeObject>(object: T, finalizer: string): T {
  const finalizers = object.metadata.finalizers ?? [];
  return finalizers.includes(finalizer) ? object : withMetadata(object, { finalizers: [...finalizers, finalizer] });
}

function merge<T extends object>(value: T, patch: Readonly<{ [K in keyof T]?: T[K] | undefined }>): T {
  const merged = { ...value };
  for (const key in patch) {
    const field = patch[key];
    if (field !== undefined) merged[key] = field;
    // Only what is there: deleting makes a table of an object, which costs more to read and to keep.
    else if (key in merged) delete merged[key];
  }
  return merged; // only fields that T declares optional may be patched with undefined
}
