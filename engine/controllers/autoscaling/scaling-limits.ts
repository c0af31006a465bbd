import { SCALE_DOWN_DEFAULTS, SCALE_UP_DEFAULTS } from "../../resources/autoscaling/horizontal-pod-autoscaler.ts";
import { parseQuantity } from "../../apimachinery/quantity.ts";
import type { HorizontalPodAutoscaler, HPAScalingRules } from "../../resources/types.ts";
import type { Tolerances } from "./replica-calculator.ts";

const DOWN_WINDOW_SECONDS = 300;
const TOLERANCE = 0.1;
/** Without rules, a workload may at most double, but always grow to this. */
const FREE_GROWTH = 4;

/** What an autoscaler remembers; after a restart, nothing. Times in milliseconds since the epoch. */
export interface ScalingHistory {
  readonly recommendations: readonly { readonly atMs: number; readonly replicas: number }[];
  /** How many replicas were added (positive) or removed (negative). */
  readonly changes: readonly { readonly atMs: number; readonly by: number }[];
}

export interface Limited {
  readonly replicas: number;
  /** Whether the past holds the number up or down; the condition AbleToScale says so. */
  readonly stabilized: "up" | "down" | undefined;
  /** What keeps the number from being what the figures ask for; the condition ScalingLimited says so. */
  readonly limit: { readonly reason: string; readonly message: string } | undefined;
}

export function tolerancesOf({ spec }: HorizontalPodAutoscaler): Tolerances {
  const of = (rules: HPAScalingRules | undefined) => (rules?.tolerance === undefined ? TOLERANCE : parseQuantity(rules.tolerance));
  return { up: of(spec.behavior?.scaleUp), down: of(spec.behavior?.scaleDown) };
}

/** What is forgotten counts no more for anything. */
export function prunedHistory({ spec }: HorizontalPodAutoscaler, { recommendations, changes }: ScalingHistory, nowMs: number): ScalingHistory {
  const rules = [spec.behavior?.scaleUp, spec.behavior?.scaleDown];
  const windowMs = Math.max(DOWN_WINDOW_SECONDS, ...rules.map((each) => each?.stabilizationWindowSeconds ?? 0)) * 1000;
  const periodMs = Math.max(0, ...rules.flatMap((each) => (each?.policies ?? []).map(({ periodSeconds }) => periodSeconds))) * 1000;
  return { recommendations: recommendations.filter(({ atMs }) => nowMs - atMs <= windowMs), changes: changes.filter(({ atMs }) => nowMs - atMs <= periodMs) };
}

/** From what the figures ask for to what is done: the past, the rules of change and the bounds, in this order. Pure. */
export function limitReplicas({ spec }: HorizontalPodAutoscaler, current: number, wanted: number, history: ScalingHistory, nowMs: number): Limited {
  const stable = stabilize(spec.behavior?.scaleUp, spec.behavior?.scaleDown, current, wanted, history, nowMs);
  const stabilized = stable === wanted ? undefined : stable > wanted ? ("down" as const) : ("up" as const);
  const { minReplicas = 1, maxReplicas, behavior } = spec;
  if (stable > current) {
    const allowed = behavior === undefined ? Math.max(2 * current, FREE_GROWTH) : growthLimit(behavior.scaleUp ?? SCALE_UP_DEFAULTS, current, history, nowMs);
    const most = Math.max(current, allowed);
    const rate = { reason: "ScaleUpLimit", message: "the desired replica count is increasing faster than the maximum scale rate" };
    const bound = { reason: "TooManyReplicas", message: "the desired replica count is more than the maximum replica count" };
    if (stable > Math.min(most, maxReplicas)) return { replicas: Math.min(most, maxReplicas), stabilized, limit: maxReplicas > most ? rate : bound };
    return { replicas: Math.max(stable, minReplicas), stabilized, limit: undefined };
  }
  if (stable < current) {
    const allowed = behavior === undefined ? 0 : shrinkLimit(behavior.scaleDown ?? SCALE_DOWN_DEFAULTS, current, history, nowMs);
    const least = Math.min(current, allowed);
    const rate = { reason: "ScaleDownLimit", message: "the desired replica count is decreasing faster than the maximum scale rate" };
    const bound = { reason: "TooFewReplicas", message: "the desired replica count is less than the minimum replica count" };
    if (stable < Math.max(least, minReplicas)) return { replicas: Math.max(least, minReplicas), stabilized, limit: minReplicas < least ? rate : bound };
  }
  const bounded = Math.min(maxReplicas, Math.max(minReplicas, stable));
  return { replicas: bounded, stabilized, limit: undefined };
}

/** Up to what every recommendation of the window agrees to, down to what none of the window asks for more than. */
function stabilize(
  up: HPAScalingRules | undefined,
  down: HPAScalingRules | undefined,
  current: number,
  wanted: number,
  { recommendations }: ScalingHistory,
  nowMs: number,
): number {
  const within = (seconds: number) => [wanted, ...recommendations.filter(({ atMs }) => nowMs - atMs < seconds * 1000).map(({ replicas }) => replicas)];
  const lowest = Math.min(...within(up?.stabilizationWindowSeconds ?? 0));
  const highest = Math.max(...within(down?.stabilizationWindowSeconds ?? DOWN_WINDOW_SECONDS));
  return Math.min(Math.max(current, lowest), highest);
}

function growthLimit(rules: HPAScalingRules, current: number, history: ScalingHistory, nowMs: number): number {
  if (rules.selectPolicy === "Disabled") return current;
  const proposals = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = startOf(current, history, periodSeconds, nowMs);
    return type === "Pods" ? start + value : Math.ceil(start * (1 + value / 100));
  });
  return rules.selectPolicy === "Min" ? Math.min(...proposals) : Math.max(...proposals);
}

function shrinkLimit(rules: HPAScalingRules, current: number, history: ScalingHistory, nowMs: number): number {
  if (rules.selectPolicy === "Disabled") return current;
  const proposals = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = startOf(current, history, periodSeconds, nowMs);
    return type === "Pods" ? start - value : Math.floor(start * (1 - value / 100));
  });
  return Math.max(0, rules.selectPolicy === "Min" ? Math.max(...proposals) : Math.min(...proposals));
}

/** How many replicas there were when the period began. */
function startOf(current: number, { changes }: ScalingHistory, periodSeconds: number, nowMs: number): number {
  return current - changes.filter(({ atMs }) => nowMs - atMs < periodSeconds * 1000).reduce((sum, { by }) => sum + by, 0);
}
