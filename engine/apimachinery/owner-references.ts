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

/** Whether the owner is one of the object's owners, managing or not. */
export function isOwnedBy(object: { readonly metadata: ObjectMeta }, owner: { readonly metadata: ObjectMeta }): boolean {
  const uid = owner.metadata.uid;
  return uid !== undefined && object.metadata.ownerReferences?.some((reference) => reference.uid === uid) === true;
}
