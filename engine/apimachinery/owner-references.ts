import { repeatsOf } from "../lib/repeats.ts";
import { withSortedKeys } from "../lib/sorted-keys.ts";
import { withMetadata } from "./object-copy.ts";
import { controllerOf, type KubeObject, type ObjectMeta, type OwnerReference } from "./object-meta.ts";

/** The reference by which a controller's object manages another one; deleting the owner in the foreground waits for it. */
export function newControllerRef(owner: KubeObject): OwnerReference {
  const { name, uid } = owner.metadata;
  if (name === undefined || uid === undefined) throw new Error(`${owner.kind} without name or uid cannot own anything`);
  return { apiVersion: owner.apiVersion, kind: owner.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** Whether the object is managed by this very owner: names are reused, uids are not. */
export function isControlledBy(object: { readonly metadata: ObjectMeta }, owner: { readonly metadata: ObjectMeta }): boolean {
  const uid = owner.metadata.uid;
  return uid !== undefined && controllerOf(object)?.uid === uid;
}

/** The object with each of its owners once; a warning for the writer when it named one twice. `when` is empty, or says after what. */
export function withOwnersOnce<T extends KubeObject>(object: T, warn: (text: string) => void, when: "" | " after mutating admission happens" = ""): T {
  const references = object.metadata.ownerReferences;
  if (references === undefined || references.length < 2) return object;
  const repeats = repeatsOf(references, (reference) => JSON.stringify(withSortedKeys(reference)));
  const repeated = references.filter((_, index) => repeats[index] === true).map(({ uid }) => uid);
  if (repeated.length === 0) return object;
  warn(
    `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${repeated.join(", ")}`,
  );
  return withMetadata(object, { ownerReferences: references.filter((_, index) => repeats[index] === false) });
}
