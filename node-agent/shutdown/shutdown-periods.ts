import { CRITICAL_PRIORITY } from "../pods/admission/admit-pod.ts";
import type { Pod } from "../../engine/resources/types.ts";

/** How long pods from a priority on have to end when the machine shuts down. */
export interface ShutdownPeriod {
  readonly priority: number;
  readonly seconds: number;
}

export interface ShutdownSettings {
  /** Milliseconds, as the next. */
  readonly shutdownGracePeriod: number;
  /** Of that, what is left to pods that the node must not do without. */
  readonly shutdownGracePeriodCriticalPods: number;
  /** Instead of both. */
  readonly shutdownGracePeriodByPodPriority: readonly ShutdownPeriod[];
}

/** Reads `<priority>=<seconds>`, separated by commas. Throws an Error that says what is wrong. Pure. */
export function parseShutdownPeriods(text: string): readonly ShutdownPeriod[] {
  return text
    .split(",")
    .filter((part) => part.trim() !== "")
    .map((part) => {
      const found = /^(-?\d{1,10})=(\d{1,9})$/.exec(part.trim());
      if (found === null) throw new Error(`${JSON.stringify(part.trim())} must be a priority and seconds, such as 100000=10`);
      return { priority: Number(found[1]), seconds: Number(found[2]) };
    });
}

/** The periods that hold, from the lowest priority to the highest; none where the machine's shutdown is nothing to the agent. Pure. */
export function shutdownPeriods(settings: ShutdownSettings): readonly ShutdownPeriod[] {
  const { shutdownGracePeriod: allMs, shutdownGracePeriodCriticalPods: criticalMs, shutdownGracePeriodByPodPriority: own } = settings;
  if (own.length > 0) return [...own].sort((a, b) => a.priority - b.priority);
  if (allMs === 0) return [];
  return [
    { priority: 0, seconds: Math.floor((allMs - criticalMs) / 1000) },
    { priority: CRITICAL_PRIORITY, seconds: Math.floor(criticalMs / 1000) },
  ];
}

/** How long a shutdown is held up at most. Pure. */
export function totalSeconds(periods: readonly ShutdownPeriod[]): number {
  return periods.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** Those that end together, in the order in which they do; a period without pods is left out. Pods below the lowest priority end with the first. Pure. */
export function groupPods<T extends { readonly pod: Pod }>(
  periods: readonly ShutdownPeriod[],
  pods: readonly T[],
): readonly { readonly seconds: number; readonly members: readonly T[] }[] {
  const indexOf = ({ pod }: T) =>
    Math.max(
      0,
      periods.findLastIndex(({ priority }) => priority <= (pod.spec.priority ?? 0)),
    );
  return periods.map(({ seconds }, index) => ({ seconds, members: pods.filter((one) => indexOf(one) === index) })).filter(({ members }) => members.length > 0);
}

/** What a pod has of its group's time: no more than it asked for itself. Pure. */
export function shutdownGraceSeconds(pod: Pod, seconds: number): number {
  return Math.min(seconds, pod.spec.terminationGracePeriodSeconds ?? seconds);
}
