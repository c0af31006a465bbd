import { withCondition } from "../../apimachinery/conditions.ts";
import type { PodDisruptionBudgetStatus } from "../types.ts";

/** A budget's status with the condition that sums it up, which evictions and the disruption controller both keep. */
export function withDisruptionAllowed(status: PodDisruptionBudgetStatus, nowText: string): PodDisruptionBudgetStatus {
  const isAllowed = status.disruptionsAllowed > 0;
  const condition = {
    type: "DisruptionAllowed",
    status: isAllowed ? "True" : "False",
    reason: isAllowed ? "SufficientPods" : "InsufficientPods",
    message: "",
    observedGeneration: status.observedGeneration ?? 0,
    lastTransitionTime: nowText,
  };
  return { ...status, conditions: withCondition(status.conditions, condition, nowText) };
}
