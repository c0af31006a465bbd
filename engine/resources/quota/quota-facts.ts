import type { ResourceReference } from "../define-resource.ts";
import { isExtendedClaimOf, podNameOfExtendedClaim } from "../device/extended-resources.ts";
import { resourceClaimResource } from "../device/resource-claim.ts";
import type { DeviceClass, Pod, ResourceClaim } from "../types.ts";
import type { DeviceFacts } from "./device-usage.ts";
import { podUsage } from "./usage.ts";

/** What decides, beside an object, what it takes. */
export interface QuotaFacts {
  readonly nowMs: number;
  readonly devices: DeviceFacts;
}

/** Whether what objects of a kind take depends on classes of devices, other claims and pods. */
export function needsDeviceFacts({ group, resource }: Pick<ResourceReference, "group" | "resource">): boolean {
  return group === resourceClaimResource.group && resource === resourceClaimResource.resource;
}

/** Enough for objects that are no claims of devices. */
export function plainQuotaFacts(nowMs: number): QuotaFacts {
  return deviceQuotaFacts(nowMs, [], [], []);
}

/** `claims` and `pods` are of one namespace; pods are needed as far as claims stand for their extended resources (`podNameOfExtendedClaim`). */
export function deviceQuotaFacts(nowMs: number, classes: readonly DeviceClass[], claims: readonly ResourceClaim[], pods: readonly Pod[]): QuotaFacts {
  const resources = new Map(classes.map(({ metadata, spec }) => [metadata.name ?? "", spec.extendedResourceName || undefined]));
  const podsByName = new Map(pods.map((pod) => [pod.metadata.name ?? "", pod]));
  return {
    nowMs,
    devices: {
      extendedResourceOf: (className) => resources.get(className),
      podUsageOf(claim) {
        const pod = podsByName.get(podNameOfExtendedClaim(claim) ?? "");
        return pod !== undefined && isExtendedClaimOf(claim, pod, claims) ? podUsage(pod, nowMs) : undefined;
      },
    },
  };
}
