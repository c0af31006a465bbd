import { withMetadata } from "../../apimachinery/object-copy.ts";
import type { OwnerReference } from "../../apimachinery/object-meta.ts";
import { newControllerRef } from "../../apimachinery/owner-references.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { persistentVolumeClaimResource } from "../../resources/core/persistent-volume-claim.ts";
import type { PersistentVolumeClaim, Pod, StatefulSet } from "../../resources/types.ts";
import { create, isBeingDeleted, update, type Action } from "../define-controller.ts";
import { newClaims, whenDeleted, whenScaled } from "./stateful-pods.ts";

/** The namespace's claims by name. */
export type KnownClaims = ReadonlyMap<string, PersistentVolumeClaim>;

/** Claims that a pod needs and that do not exist; undefined when the ones there are still belong to a pod before it, and go with that. */
export function planMissingClaims(set: StatefulSet, ordinal: number, known: KnownClaims): readonly Action[] | undefined {
  const name = `${set.metadata.name}-${ordinal}`;
  const wanted = newClaims(set, ordinal);
  const found = wanted.map((claim) => known.get(claim.metadata.name ?? ""));
  if (
    found.some(
      (claim) => claim !== undefined && (isBeingDeleted(claim) || claim.metadata.ownerReferences?.some((owner) => owner.kind === "Pod" && owner.name === name)),
    )
  )
    return undefined;
  return wanted.filter((_claim, index) => found[index] === undefined).map((claim) => create(persistentVolumeClaimResource, claim));
}

/**
 * Gives a pod's claims the owners that its set's policy asks for: the set, when they are to go with it; the pod, when it is one too many
 * and they are to go with that. Owners that others set are left alone. Pure.
 */
export function planClaimOwners(set: StatefulSet, pod: Pod, ordinal: number, isCondemned: boolean, known: KnownClaims): readonly Action[] {
  return newClaims(set, ordinal).flatMap(({ metadata: { name = "" } }): Action[] => {
    const claim = known.get(name);
    if (claim === undefined || isBeingDeleted(claim)) return [];
    const before = claim.metadata.ownerReferences ?? [];
    const isManaged = (owner: OwnerReference) =>
      (owner.kind === "StatefulSet" && owner.name === set.metadata.name) || (owner.kind === "Pod" && owner.name === pod.metadata.name);
    const others = before.filter((owner) => !isManaged(owner));
    // Somebody else manages the claim: it is not for us to hand out.
    if (others.some((owner) => owner.controller === true)) return [];
    const byPod = isCondemned && whenScaled(set);
    const wanted = byPod ? [newControllerRef(pod)] : whenDeleted(set) ? [newControllerRef(set)] : [];
    const next = [...others, ...wanted];
    if (jsonEqual(next, before)) return [];
    return [update(persistentVolumeClaimResource, withMetadata(claim, { ownerReferences: next.length === 0 ? undefined : next }))];
  });
}
