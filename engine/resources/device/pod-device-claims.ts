import { controllerOf } from "../../apimachinery/object-meta.ts";
import type { Pod, PodResourceClaim, ResourceClaim } from "../types.ts";

/** On claims that were made from a template: the pod's name for it. */
export const POD_CLAIM_ANNOTATION = "resource.kubernetes.io/pod-claim-name";
/** On claims that stand for what containers ask of extended resources. */
export const EXTENDED_CLAIM_ANNOTATION = "resource.kubernetes.io/extended-resource-claim";
/** Keeps a claim that has devices until nobody uses them. */
export const CLAIM_FINALIZER = "resource.kubernetes.io/delete-protection";

/** Which ResourceClaim stands behind an entry of a pod. */
export type ClaimOfPod =
  | {
      readonly is: "named";
      readonly entry: PodResourceClaim;
      readonly name: string;
      /** Made for this pod, so it must be the pod's own. */ readonly isGenerated: boolean;
    }
  /** It is still to be made from its template. */
  | { readonly is: "awaited"; readonly entry: PodResourceClaim }
  /** Whoever makes it found that none is needed. */
  | { readonly is: "unneeded"; readonly entry: PodResourceClaim };

/** The claims of a pod, in the order of its spec. Pure. */
export function claimsOfPod({ spec, status }: Pod): readonly ClaimOfPod[] {
  return (spec.resourceClaims ?? []).map((entry): ClaimOfPod => {
    if (entry.resourceClaimName !== undefined) return { is: "named", entry, name: entry.resourceClaimName, isGenerated: false };
    const made = status?.resourceClaimStatuses?.find(({ name }) => name === entry.name);
    if (made === undefined) return { is: "awaited", entry };
    return made.resourceClaimName === undefined ? { is: "unneeded", entry } : { is: "named", entry, name: made.resourceClaimName, isGenerated: true };
  });
}

/** Whether a pod has anything to do with claims, by itself or by way of extended resources. */
export function hasDeviceClaims({ spec, status }: Pod): boolean {
  return (spec.resourceClaims?.length ?? 0) > 0 || status?.extendedResourceClaimStatus !== undefined;
}

/** The names of all claims that a pod uses. */
export function deviceClaimNames(pod: Pod): readonly string[] {
  if (!hasDeviceClaims(pod)) return [];
  const extended = pod.status?.extendedResourceClaimStatus?.resourceClaimName;
  return [...claimsOfPod(pod).flatMap((claim) => (claim.is === "named" ? [claim.name] : [])), ...(extended === undefined ? [] : [extended])];
}

/** The same as keys of claims. */
export function deviceClaimKeys(pod: Pod): readonly string[] {
  return deviceClaimNames(pod).map((name) => `${pod.metadata.namespace ?? ""}/${name}`);
}

/** The claims of a pod that there are, as `find` knows them by name; none that was made for another pod of its name. Pure. */
export function findDeviceClaims<T extends ResourceClaim>(pod: Pod, find: (name: string) => T | undefined): readonly T[] {
  return claimsOfPod(pod).flatMap((entry) => {
    const claim = entry.is === "named" ? find(entry.name) : undefined;
    return claim === undefined || (entry.is === "named" && entry.isGenerated && !isClaimOf(claim, pod)) ? [] : [claim];
  });
}

export function isClaimOf(claim: ResourceClaim, pod: Pod): boolean {
  return controllerOf(claim)?.uid === pod.metadata.uid;
}

export function isReservedFor(claim: ResourceClaim, pod: Pod): boolean {
  return claim.status?.reservedFor?.some(({ uid }) => uid === pod.metadata.uid) === true;
}

/** The claim with the pod among those who use it. */
export function withReservation<T extends ResourceClaim>(claim: T, { metadata: { name = "", uid = "" } }: Pod): T {
  return { ...claim, status: { ...claim.status, reservedFor: [...(claim.status?.reservedFor ?? []), { resource: "pods", name, uid }] } };
}
