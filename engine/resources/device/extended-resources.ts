import { controllerOf } from "../../apimachinery/object-meta.ts";
import type { DeviceClass, Pod, ResourceClaim } from "../types.ts";
import { EXTENDED_CLAIM_ANNOTATION } from "./pod-device-claims.ts";

/** The extended resource that every class is under its own name. */
export function ownResourceOf(className: string): string {
  return `deviceclass.resource.kubernetes.io/${className}`;
}

/** Which class stands behind an extended resource: of several with its name, the youngest. Pure. */
export function classesByResource(classes: readonly DeviceClass[]): ReadonlyMap<string, DeviceClass> {
  const isOlder = (one: DeviceClass, other: DeviceClass) => {
    const [a, b] = [one, other].map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? "") || 0) as [number, number]; // one for each
    return a - b || ((one.metadata.name ?? "") < (other.metadata.name ?? "") ? 1 : -1);
  };
  const named = classes.filter(({ spec }) => Boolean(spec.extendedResourceName)).sort(isOlder);
  return new Map([
    ...classes.map((deviceClass) => [ownResourceOf(deviceClass.metadata.name ?? ""), deviceClass] as const),
    ...named.map((deviceClass) => [deviceClass.spec.extendedResourceName ?? "", deviceClass] as const),
  ]);
}

/** The name of the pod whose extended resources a claim stands for; undefined for other claims. */
export function podNameOfExtendedClaim(claim: ResourceClaim): string | undefined {
  const owner = claim.metadata.annotations?.[EXTENDED_CLAIM_ANNOTATION] === "true" ? controllerOf(claim) : undefined;
  return owner?.apiVersion === "v1" && owner.kind === "Pod" ? owner.name : undefined;
}

/**
 * Whether a claim is the one that stands for the extended resources of a pod, by the pod's own word: until it has said which one is, the
 * first of those that were made for it. `others` are claims of the namespace. Pure.
 */
export function isExtendedClaimOf(claim: ResourceClaim, { metadata: { name, uid }, status }: Pod, others: readonly ResourceClaim[]): boolean {
  const isMadeFor = (made: ResourceClaim) => podNameOfExtendedClaim(made) === name && controllerOf(made)?.uid === uid;
  if (!isMadeFor(claim)) return false;
  const known = status?.extendedResourceClaimStatus?.resourceClaimName;
  if (known !== undefined) return known === claim.metadata.name;
  const ageOf = ({ metadata }: ResourceClaim) => `${metadata.creationTimestamp} ${metadata.name}`;
  return others.every((other) => other.metadata.uid === claim.metadata.uid || !isMadeFor(other) || ageOf(other) >= ageOf(claim));
}
