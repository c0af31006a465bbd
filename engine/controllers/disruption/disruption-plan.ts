import { hasStatus } from "../kept-status.ts";
import { findCondition, withCondition } from "../../apimachinery/conditions.ts";
import { scaledValue } from "../../apimachinery/int-or-string.ts";
import { controllerOf } from "../../apimachinery/object-meta.ts";
import { formatTime } from "../../lib/clock.ts";
import { describeError } from "../../lib/log.ts";
import { withDisruptionAllowed } from "../../resources/policy/disruption-allowed.ts";
import { podDisruptionBudgetResource } from "../../resources/policy/pod-disruption-budget.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from "../../resources/types.ts";
import { isBeingDeleted, tell, update, type Action } from "../define-controller.ts";
import { isPodFinished, isPodReady } from "../pods.ts";

/** An eviction that was granted and not followed by a deletion within this time will not happen. */
const DELETION_TIMEOUT_MS = 2 * 60_000;
/** A pod that was said to be disrupted and lives on for this long was not. */
const STALE_DISRUPTION_MS = 2 * 60_000;

export interface DisruptionInputs {
  readonly budget: PodDisruptionBudget;
  /** The pods it selects. */
  readonly pods: readonly Pod[];
  /** How many pods each of their owners wants, by its uid; owners without a scale are missing. Of several that share one wish, one has it and the others 0. */
  readonly scales: ReadonlyMap<string, number>;
}

interface Expectation {
  readonly expected: number;
  readonly desired: number;
  readonly unmanaged: readonly string[];
}

/**
 * Brings a budget's status up to date: how many pods there should be, how many must be healthy, how many are, and so how many may go.
 * When that cannot be told, none may. Pure.
 */
export function planDisruptionBudget({ budget, pods, scales }: DisruptionInputs, nowMs: number): readonly Action[] {
  const before = budget.status ?? { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  const now = formatTime(nowMs);
  let expectation: Expectation;
  try {
    expectation = computeExpectation(budget, pods, scales);
  } catch (error) {
    const failed = {
      type: "DisruptionAllowed",
      status: "False",
      reason: "SyncFailed",
      message: describeError(error),
      observedGeneration: before.observedGeneration ?? 0,
      lastTransitionTime: now,
    };
    const status = { ...before, disruptionsAllowed: 0, conditions: withCondition(before.conditions, failed, now) };
    return hasStatus(podDisruptionBudgetResource, budget, status)
      ? []
      : [
          tell(budget, "Warning", "CalculateExpectedPodCountFailed", `Failed to calculate the number of expected pods: ${describeError(error)}`),
          writeStatus(budget, status),
        ];
  }
  const disrupted = computeDisrupted(before, pods, nowMs);
  const { expected, desired, unmanaged } = expectation;
  const healthy = pods.filter((pod) => !isBeingDeleted(pod) && isPodReady(pod) && disrupted.pods[pod.metadata.name ?? ""] === undefined).length;
  const status = withDisruptionAllowed(
    {
      ...(before.conditions === undefined ? {} : { conditions: before.conditions }),
      observedGeneration: budget.metadata.generation ?? 0,
      ...(Object.keys(disrupted.pods).length === 0 ? {} : { disruptedPods: disrupted.pods }),
      // A budget that selects nothing allows nothing: its first pods may come before this controller looks again.
      disruptionsAllowed: expected <= 0 ? 0 : Math.max(0, healthy - desired),
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: expected,
    },
    now,
  );
  return [
    ...(disrupted.againMs === undefined ? [] : [{ do: "wait", forMs: disrupted.againMs } as const]),
    ...disrupted.survivors.map((pod) =>
      tell(pod, "Warning", "NotDeleted", `Pod was expected by PDB ${budget.metadata.namespace}/${budget.metadata.name} to be deleted but it wasn't`),
    ),
    ...(hasStatus(podDisruptionBudgetResource, budget, status) ? [] : [...tellOddities(budget, pods, unmanaged), writeStatus(budget, status)]),
  ];
}

/** How many pods the budget is about and how many of them must be healthy. Throws an Error when an owner's wish is not known. */
function computeExpectation({ spec }: PodDisruptionBudget, pods: readonly Pod[], scales: ReadonlyMap<string, number>): Expectation {
  if (spec?.maxUnavailable !== undefined) {
    const { expected, unmanaged } = sumScales(pods, scales);
    return { expected, desired: Math.max(0, expected - scaledValue(spec.maxUnavailable, expected, true)), unmanaged };
  }
  const minAvailable = spec?.minAvailable ?? 0;
  // A plain number needs no owners: the pods themselves are counted.
  if (typeof minAvailable === "number") return { expected: spec?.minAvailable === undefined ? 0 : pods.length, desired: minAvailable, unmanaged: [] };
  const { expected, unmanaged } = sumScales(pods, scales);
  return { expected, desired: scaledValue(minAvailable, expected, true), unmanaged };
}

function sumScales(pods: readonly Pod[], scales: ReadonlyMap<string, number>): { expected: number; unmanaged: readonly string[] } {
  const owners = new Map<string, number>();
  const unmanaged: string[] = [];
  for (const pod of pods) {
    const owner = controllerOf(pod);
    if (owner === undefined) {
      unmanaged.push(pod.metadata.name ?? "");
      continue;
    }
    const scale = scales.get(owner.uid);
    if (scale === undefined) throw new Error(`found no controllers for pod ${JSON.stringify(pod.metadata.name)}`);
    owners.set(owner.uid, scale);
  }
  return { expected: [...owners.values()].reduce((sum, scale) => sum + scale, 0), unmanaged };
}

/** Granted evictions that are still under way, and pods whose time for that is over. */
function computeDisrupted(
  { disruptedPods = {} }: PodDisruptionBudgetStatus,
  pods: readonly Pod[],
  nowMs: number,
): { pods: Record<string, string>; survivors: readonly Pod[]; againMs: number | undefined } {
  const waiting: Record<string, string> = {};
  const survivors: Pod[] = [];
  let againMs: number | undefined;
  for (const pod of pods) {
    const since = disruptedPods[pod.metadata.name ?? ""];
    if (since === undefined || isBeingDeleted(pod)) continue;
    const leftMs = Date.parse(since) + DELETION_TIMEOUT_MS - nowMs;
    if (leftMs < 0) {
      survivors.push(pod);
      continue;
    }
    waiting[pod.metadata.name ?? ""] = since;
    againMs = Math.min(againMs ?? Infinity, leftMs + 1);
  }
  return { pods: waiting, survivors, againMs };
}

function tellOddities(budget: PodDisruptionBudget, pods: readonly Pod[], unmanaged: readonly string[]): readonly Action[] {
  if (pods.length === 0) return [tell(budget, "Normal", "NoPods", "No matching pods found")];
  if (unmanaged.length === 0) return [];
  return [
    tell(
      budget,
      "Warning",
      "UnmanagedPods",
      `No controller wants the pods ${unmanaged.join(", ")}, so their number cannot be told: give the budget a whole number as minAvailable`,
    ),
  ];
}

function writeStatus(budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus): Action {
  return update(podDisruptionBudgetResource, { ...budget, status }, "status");
}

/** Takes back what was said of a pod that was to be disrupted and lives on. What the node itself said stays. Pure. */
export function planStaleDisruption(pod: Pod, nowMs: number): readonly Action[] {
  const condition = findCondition(pod.status?.conditions, "DisruptionTarget");
  if (condition?.status !== "True" || condition.reason === "TerminationByKubelet" || isBeingDeleted(pod) || isPodFinished(pod)) return [];
  const leftMs = Date.parse(condition.lastTransitionTime ?? "") + STALE_DISRUPTION_MS - nowMs;
  if (leftMs > 0) return [{ do: "wait", forMs: leftMs }];
  const { generation } = pod.metadata;
  const seen = generation === undefined ? {} : { observedGeneration: generation };
  const conditions = [{ type: "DisruptionTarget", status: "False", ...seen, reason: "", message: "", lastTransitionTime: formatTime(nowMs) }];
  return [{ do: "patch", resource: podResource, object: pod, patch: { status: { conditions } }, subresource: "status" }];
}
