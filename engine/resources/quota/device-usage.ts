import { ownResourceOf } from "../device/extended-resources.ts";
import type { ExactDeviceRequest, ResourceClaim } from "../types.ts";
import type { QuotaAmounts } from "./usage.ts";

/** As many devices as one claim can be given: what one for all of them may come to. */
const DEVICES_MAX = 32;
const SUFFIX = ".deviceclass.resource.k8s.io/devices";
const REQUESTS = "requests.";

/** Whether a quota's name bounds the devices of a class, under its own name or that of an extended resource. */
export function isDeviceCount(name: string): boolean {
  return name.endsWith(SUFFIX) || isExtendedResourceBound(name);
}

/** Whether a quota's name bounds an extended resource, which pods ask for and classes of devices may stand behind. */
export function isExtendedResourceBound(name: string): boolean {
  return name.startsWith(REQUESTS) && name.includes("/");
}

/** What decides, beside a claim, what it takes of extended resources. */
export interface DeviceFacts {
  /** The extended resource that a class stands behind by its own choice. */
  readonly extendedResourceOf: (className: string) => string | undefined;
  /** What is charged already to the pod whose extended resources the claim stands for. */
  readonly podUsageOf: (claim: ResourceClaim) => QuotaAmounts | undefined;
}

/**
 * The devices that a claim asks for, by class; where it leaves a choice, the most that each class may have to give. They count as the
 * extended resources that their classes stand behind as well, as far as they are not charged to a pod. Pure.
 */
export function deviceUsage(claim: ResourceClaim, { extendedResourceOf, podUsageOf }: DeviceFacts): QuotaAmounts {
  const charged = podUsageOf(claim) ?? {};
  const byClass = devicesByClass(claim);
  const usage: Record<string, number> = {};
  const add = (name: string, devices: number) => (usage[name] = (usage[name] ?? 0) + devices * 1000);
  for (const [className, devices] of Object.entries(byClass)) {
    const extended = extendedResourceOf(className);
    for (const resource of [ownResourceOf(className), ...(extended === undefined ? [] : [extended])]) add(REQUESTS + resource, devices);
  }
  for (const name of Object.keys(usage)) usage[name] = Math.max(0, (usage[name] ?? 0) - (charged[name] ?? 0));
  for (const [className, devices] of Object.entries(byClass)) add(className + SUFFIX, devices);
  return Object.fromEntries(Object.entries(usage).filter(([, amount]) => amount > 0));
}

function devicesByClass({ spec }: ResourceClaim): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { exactly, firstAvailable = [] } of spec.devices?.requests ?? []) {
    const most: Record<string, number> = {};
    for (const wish of exactly === undefined ? firstAvailable : [exactly]) {
      const name = wish.deviceClassName;
      most[name] = Math.max(most[name] ?? 0, devicesOf(wish));
    }
    for (const [name, devices] of Object.entries(most)) sums[name] = (sums[name] ?? 0) + devices;
  }
  return sums;
}

/** Ways of asking that are not known yet are not bounded, as upstream does after a downgrade. */
function devicesOf({ allocationMode = "ExactCount", count = 1 }: Pick<ExactDeviceRequest, "allocationMode" | "count">): number {
  if (allocationMode === "All") return DEVICES_MAX;
  return allocationMode === "ExactCount" ? count : 0;
}
