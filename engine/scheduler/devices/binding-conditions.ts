import { findCondition, isConditionTrue } from "../../apimachinery/conditions.ts";
import type { ResourceClaim } from "../../resources/types.ts";

/** Upstream's time for drivers to have a device ready for its pod. */
export const DEVICE_BINDING_MS_MAX = 600_000;

/** What came of devices that a pod had to wait for; upstream's words. */
export type BindingResult = "success" | "failure" | "timeout" | "error";

/** What has come of a pod's claims by now, absent ones among them; undefined while their devices are to be waited for. */
export function bindingResult(claims: readonly (ResourceClaim | undefined)[], nowMs: number): BindingResult | undefined {
  const given = claims.filter((claim) => claim?.status?.allocation !== undefined) as readonly ResourceClaim[]; // absent ones have none
  if (given.length < claims.length) return "error";
  const states = given.map(bindingState);
  if (states.includes("failed")) return "failure";
  if (!states.includes("pending")) return "success";
  return given.some((claim) => hasBindingFailed(claim, nowMs)) ? "timeout" : undefined;
}

/** Whether there is a device that must be made ready. */
export function hasBindingConditions({ status }: ResourceClaim): boolean {
  return status?.allocation?.devices?.results?.some(({ bindingConditions = [] }) => bindingConditions.length > 0) === true;
}

/** Whether every device of an allocated claim is ready for use, or never will be. */
function bindingState({ status }: ResourceClaim): "ready" | "pending" | "failed" {
  let state: "ready" | "pending" = "ready";
  for (const { driver, pool, device, shareID, bindingConditions = [], bindingFailureConditions = [] } of status?.allocation?.devices?.results ?? []) {
    if (bindingConditions.length === 0) continue;
    const conditions = status?.devices?.find(
      (told) => told.driver === driver && told.pool === pool && told.device === device && (told.shareID ?? "") === (shareID ?? ""),
    )?.conditions;
    if (bindingFailureConditions.some((type) => findCondition(conditions, type)?.status === "True")) return "failed";
    if (!bindingConditions.every((type) => isConditionTrue(conditions, type))) state = "pending";
  }
  return state;
}

/** Whether the devices of a claim failed, or are not ready long after they were given. */
export function hasBindingFailed(claim: ResourceClaim, nowMs: number): boolean {
  const state = bindingState(claim);
  const since = claim.status?.allocation?.allocationTimestamp;
  return state === "failed" || (state === "pending" && since !== undefined && Date.parse(since) + DEVICE_BINDING_MS_MAX < nowMs);
}
