import type { CapacityRequirements, DeviceClaim, DeviceClass, DeviceRequest, DeviceSelector, DeviceToleration, ResourceClaim } from "../../resources/types.ts";

/** A request of a claim, or one alternative of it, with its class. */
export interface DeviceWish {
  /** `name`, or `name/alternative`: how results refer to it. */
  readonly reference: string;
  readonly request: string;
  readonly alternative: string | undefined;
  readonly deviceClass: DeviceClass;
  readonly selectors: readonly DeviceSelector[];
  /** A number of devices, or every one that fits. */
  readonly count: number | "all";
  /** Looks on at devices that others have. */
  readonly isAdmin: boolean;
  readonly tolerations: readonly DeviceToleration[];
  readonly capacity: CapacityRequirements | undefined;
}

/** A claim as the allocator needs it: of each request, what would do, the best first. */
export interface ClaimWishes {
  readonly claim: ResourceClaim;
  readonly devices: DeviceClaim;
  readonly requests: readonly { readonly isChoice: boolean; readonly alternatives: readonly DeviceWish[] }[];
}

export type ClassLister = (name: string) => DeviceClass | undefined;

/** What a claim asks for, or why that can be given to nobody. Pure. */
export function readWishes(claim: ResourceClaim, classOf: ClassLister): ClaimWishes | { readonly problem: string } {
  const devices = claim.spec.devices ?? {};
  const requests: ClaimWishes["requests"][number][] = [];
  for (const request of devices.requests ?? []) {
    const alternatives: DeviceWish[] = [];
    for (const wish of optionsOf(request)) {
      const deviceClass = classOf(wish.deviceClassName);
      if (deviceClass === undefined) return { problem: `request ${wish.reference}: device class ${wish.deviceClassName} does not exist` };
      alternatives.push({ ...wish, deviceClass });
    }
    if (alternatives.length === 0)
      return { problem: `resource claim ${claim.metadata.namespace}/${claim.metadata.name}, request ${request.name}: unknown request type` };
    requests.push({ isChoice: request.exactly === undefined, alternatives });
  }
  return { claim, devices, requests };
}

function optionsOf({ name, exactly, firstAvailable = [] }: DeviceRequest): readonly (Omit<DeviceWish, "deviceClass"> & { readonly deviceClassName: string })[] {
  const options = exactly !== undefined ? [{ ...exactly, name: undefined }] : firstAvailable.map((option) => ({ ...option, adminAccess: false }));
  return options.map(({ name: alternative, deviceClassName, selectors = [], allocationMode, count = 1, adminAccess = false, tolerations = [], capacity }) => ({
    reference: alternative === undefined ? name : `${name}/${alternative}`,
    request: name,
    alternative,
    deviceClassName,
    selectors,
    count: allocationMode === "All" ? "all" : count,
    isAdmin: adminAccess,
    tolerations,
    capacity,
  }));
}
