import type { ExactDeviceRequest, ResourceClaim } from "../types.ts";
import type { QuotaAmounts } from "./usage.ts";

/** As many devices as one claim can be given: what one for all of them may come to. */
const DEVICES_MAX = 32;
const SUFFIX = ".deviceclass.resource.k8s.io/devices";

/** Whether a quota's name bounds the devices of a class. */
export function isDeviceCount(name: string): boolean {
  return name.endsWith(SUFFIX);
}

/** The devices that a claim asks for, by class; where it leaves a choice, the most that each class may have to give. Pure. */
export function deviceUsage({ spec }: ResourceClaim): QuotaAmounts {
  const usage: Record<string, number> = {};
  for (const { exactly, firstAvailable = [] } of spec.devices?.requests ?? []) {
    const most: Record<string, number> = {};
    for (const wish of exactly === undefined ? firstAvailable : [exactly]) {
      const name = wish.deviceClassName + SUFFIX;
      most[name] = Math.max(most[name] ?? 0, devicesOf(wish));
    }
    for (const [name, devices] of Object.entries(most)) usage[name] = (usage[name] ?? 0) + devices * 1000;
  }
  return usage;
}

/** Ways of asking that are not known yet are not bounded, as upstream does after a downgrade. */
function devicesOf({ allocationMode = "ExactCount", count = 1 }: Pick<ExactDeviceRequest, "allocationMode" | "count">): number {
  if (allocationMode === "All") return DEVICES_MAX;
  return allocationMode === "ExactCount" ? count : 0;
}
