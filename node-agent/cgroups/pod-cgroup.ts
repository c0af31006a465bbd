import { milliValue } from "../../engine/apimachinery/quantity.ts";
import { qosClass } from "../../engine/resources/core/pod.ts";
import { podContainers } from "../../engine/resources/pod-containers.ts";
import { podLimits, podRequests } from "../../engine/resources/pod-requests.ts";
import type { Pod } from "../../engine/resources/types.ts";
import type { CgroupLimits } from "./cgroups.ts";
import { podHugePages } from "./huge-page-limits.ts";

const SHARES_MIN = 2;
const SHARES_MAX = 262_144;
const QUOTA_US_MIN = 1_000;

export const QOS_CLASSES = ["Guaranteed", "Burstable", "BestEffort"] as const;
export type Qos = (typeof QOS_CLASSES)[number];

const POD = "pod";

/** What a pod's cgroup is called, in the folder of its class. */
export function podCgroupName(uid: string): string {
  return `${POD}${uid}`;
}

/** Whose cgroup has this name; undefined for what is no pod's. */
export function podUidOf(cgroupName: string): string | undefined {
  return cgroupName.startsWith(POD) ? cgroupName.slice(POD.length) : undefined;
}

export function qosOf(pod: Pod): Qos {
  return (pod.status?.qosClass ?? qosClass(pod.spec)) as Qos; // the three that there are
}

/** Where the pods of a class are, below the root of all pods: guaranteed ones at the top, the others where they can be held together. */
export function qosFolder(root: string, qos: Qos): string {
  return qos === "Guaranteed" ? root : `${root}/${qos.toLowerCase()}`;
}

/**
 * What a pod as a whole may use: its share of the processors by its requests, and bounds where every container has one (or the pod itself).
 * Pods that ask for nothing get the least share there is. Pure.
 */
export function computePodLimits({ spec, ...pod }: Pod, podPidsMax?: number, hugePageSizes: readonly number[] = []): CgroupLimits {
  const requests = podRequests(spec);
  const limits = podLimits(spec);
  const all = podContainers(spec);
  const isBounded = (name: string) => isLimit(spec.resources?.limits?.[name]) || all.every(({ resources }) => isLimit(resources?.limits?.[name]));
  const isBestEffort = qosOf({ ...pod, spec }) === "BestEffort";
  return {
    cpuShares: isBestEffort ? SHARES_MIN : toShares(requests["cpu"] ?? 0),
    cpuQuotaUs: isBounded("cpu") ? toQuotaUs(limits["cpu"] ?? 0) : -1,
    memoryBytes: isBounded("memory") ? (limits["memory"] ?? 0) : -1,
    pidsMax: podPidsMax ?? -1,
    hugePages: podHugePages({ spec, ...pod }, hugePageSizes),
  };
}

/** Burstable pods share as much as they asked for together; best effort gets what nobody else wants. Pure. */
export function computeQosShares(pods: readonly Pod[]): { readonly burstable: number; readonly besteffort: number } {
  const asked = pods
    .filter((pod) => qosOf(pod) === "Burstable" && pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed")
    .reduce((sum, { spec }) => sum + (podRequests(spec)["cpu"] ?? 0), 0);
  return { burstable: toShares(asked), besteffort: SHARES_MIN };
}

/** Whether a quantity bounds anything: a limit of nothing is none. */
export function isLimit(quantity: string | undefined): quantity is string {
  return quantity !== undefined && milliValue(quantity) > 0;
}

/** A whole processor is 1024 shares. */
export function toShares(milliCpu: number): number {
  return Math.min(SHARES_MAX, Math.max(SHARES_MIN, Math.floor((milliCpu * 1024) / 1000)));
}

/** A whole processor is all of every 100 ms. */
export function toQuotaUs(milliCpu: number): number {
  return Math.max(QUOTA_US_MIN, Math.round(milliCpu * 100));
}
