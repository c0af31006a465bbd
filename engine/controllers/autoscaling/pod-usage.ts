import { findCondition } from "../../apimachinery/conditions.ts";
import { amounts, podRequests } from "../../resources/pod-requests.ts";
import type { Pod, PodMetrics } from "../../resources/types.ts";
import { isBeingDeleted } from "../define-controller.ts";

/** Pods take so long to settle that their processor time says nothing before. */
const CPU_INITIALIZATION_MS = 5 * 60_000;
/** A pod that has not been ready within this time after its start was never ready at all. */
const INITIAL_READINESS_MS = 30_000;

/** What is asked of a resource: cpu in thousandths of a core, everything else in its own unit. */
export interface UsageQuery {
  readonly resource: string;
  /** One container of each pod; all of them without it. */
  readonly container: string | undefined;
}

export interface PodGroups {
  /** Use by pod name; only of pods that count. */
  readonly usage: ReadonlyMap<string, number>;
  /** Pods that run and are to be judged by their use. */
  readonly ready: number;
  /** Pods whose use would mislead: they start, or are not ready. */
  readonly unready: readonly string[];
  /** Pods without figures. */
  readonly missing: readonly string[];
}

/** Sorts a workload's pods by what their figures are worth, by upstream's rules. Pods that are leaving or failed count for nothing. Pure. */
export function groupPods(pods: readonly Pod[], metrics: readonly PodMetrics[], query: UsageQuery, nowMs: number): PodGroups {
  const figures = new Map(metrics.map((figure) => [figure.metadata.name ?? "", figure]));
  const usage = new Map<string, number>();
  const unready: string[] = [];
  const missing: string[] = [];
  for (const pod of pods) {
    const name = pod.metadata.name ?? "";
    if (isBeingDeleted(pod) || pod.status?.phase === "Failed") continue;
    if (pod.status?.phase === "Pending") {
      unready.push(name);
      continue;
    }
    const figure = figures.get(name);
    const used = figure === undefined ? undefined : usageOf(figure, query);
    if (figure === undefined || used === undefined) missing.push(name);
    else if (query.resource === "cpu" && isMisleading(pod, figure, nowMs)) unready.push(name);
    else usage.set(name, used);
  }
  return { usage, ready: usage.size, unready, missing };
}

/**
 * What each pod requests of the resource: as a whole where it says so, or else in its containers. Throws an Error for one that requests
 * none: a share of nothing cannot be told.
 */
export function requestsOf(pods: readonly Pod[], { resource, container }: UsageQuery): ReadonlyMap<string, number> {
  return new Map(
    pods.map((pod) => {
      const isAsWhole = container === undefined && Object.keys(pod.spec.resources?.requests ?? {}).length > 0;
      return [pod.metadata.name ?? "", isAsWhole ? wholeRequest(pod, resource) : containerRequests(pod, resource, container)] as const;
    }),
  );
}

function wholeRequest({ metadata, spec }: Pod, resource: string): number {
  const amount = podRequests(spec)[resource];
  if (amount === undefined) throw new Error(`missing pod-level request for ${resource} in Pod ${metadata.name ?? ""}`);
  return amount;
}

function containerRequests({ metadata, spec }: Pod, resource: string, container: string | undefined): number {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const asked = [...spec.containers, ...sidecars].filter((each) => container === undefined || each.name === container);
  if (asked.length === 0) throw new Error(`container ${container ?? ""} not found in Pod ${metadata.name ?? ""}`);
  return asked.reduce((total, each) => {
    const amount = amounts(each.resources?.requests)[resource];
    if (amount === undefined) throw new Error(`missing request for ${resource} in container ${each.name} of Pod ${metadata.name ?? ""}`);
    return total + amount;
  }, 0);
}

function usageOf({ containers }: PodMetrics, { resource, container }: UsageQuery): number | undefined {
  const asked = containers.filter((each) => container === undefined || each.name === container);
  const values = asked.map(({ usage }) => amounts(usage)[resource]);
  return asked.length === 0 || values.includes(undefined) ? undefined : (values as number[]).reduce((sum, value) => sum + value, 0); // undefined was excluded
}

function isMisleading({ status }: Pod, { timestamp, window }: PodMetrics, nowMs: number): boolean {
  const ready = findCondition(status?.conditions, "Ready");
  if (ready === undefined || status?.startTime === undefined) return true;
  const startMs = Date.parse(status.startTime);
  const changedMs = Date.parse(ready.lastTransitionTime ?? "");
  if (startMs + CPU_INITIALIZATION_MS > nowMs) return ready.status === "False" || Date.parse(timestamp) < changedMs + secondsOf(window) * 1000;
  return ready.status === "False" && startMs + INITIAL_READINESS_MS > changedMs;
}

/** A duration as the metrics API writes it: `10s`, `1m0s`. */
function secondsOf(text: string): number {
  return [...text.matchAll(/(\d+(?:\.\d+)?)(h|m(?!s)|s)/g)].reduce(
    (sum, [, value, unit]) => sum + Number(value) * (unit === "h" ? 3600 : unit === "m" ? 60 : 1),
    0,
  );
}
