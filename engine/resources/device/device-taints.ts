import type { DeviceTaint, DeviceToleration } from "../types.ts";

/** Whether a request may have a device in spite of the taint. */
export function toleratesTaint({ key = "", operator = "Equal", value = "", effect = "" }: DeviceToleration, taint: DeviceTaint): boolean {
  if (effect !== "" && effect !== taint.effect) return false;
  if (key !== "" && key !== taint.key) return false;
  return operator === "Exists" || (operator === "Equal" && value === (taint.value ?? ""));
}

/** Whether the taint keeps those away, or drives those out, who do not tolerate it. */
export function isEffective({ effect }: DeviceTaint): boolean {
  return effect === "NoSchedule" || effect === "NoExecute";
}
