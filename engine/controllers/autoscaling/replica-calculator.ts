import { formatQuantity, parseQuantity } from "../../apimachinery/quantity.ts";
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus, Pod, PodMetrics } from "../../resources/types.ts";
import { groupPods, requestsOf, type PodGroups, type UsageQuery } from "./pod-usage.ts";

/** By which share a figure may miss its target before anything changes, in either direction. */
export interface Tolerances {
  readonly up: number;
  readonly down: number;
}

export interface MetricInputs {
  /** What the workload's spec says. */
  readonly currentReplicas: number;
  /** What its status says. */
  readonly statusReplicas: number;
  readonly pods: readonly Pod[];
  readonly metrics: readonly PodMetrics[];
  readonly tolerances: Tolerances;
}

export interface MetricResult {
  readonly replicas: number;
  /** For messages: `cpu resource utilization (percentage of request)`. */
  readonly name: string;
  readonly status: MetricStatus;
}

/** Why a figure says nothing: the reason of the condition and the event. */
export class MetricError extends Error {
  readonly reason: string;
  /** For the event about all metrics together. */
  readonly summary: string;
  constructor(reason: string, message: string, summary: string) {
    super(message);
    this.name = "MetricError";
    this.reason = reason;
    this.summary = summary;
  }
}

/** How many replicas use of a resource asks for; undefined for metrics of other kinds. Throws a MetricError when it cannot be told. Pure. */
export function replicasOfResource(spec: MetricSpec, inputs: MetricInputs, nowMs: number): MetricResult | undefined {
  const { resource, containerResource } = spec;
  if (spec.type === "Resource" && resource !== undefined) {
    const { replicas, current } = byResource({ resource: resource.name, container: undefined }, resource.target, inputs, nowMs, "FailedGetResourceMetric");
    return { replicas, name: nameOf(resource.name, "resource", resource.target), status: { type: "Resource", resource: { name: resource.name, current } } };
  }
  if (spec.type === "ContainerResource" && containerResource !== undefined) {
    const { name, container, target } = containerResource;
    const { replicas, current } = byResource({ resource: name, container }, target, inputs, nowMs, "FailedGetContainerResourceMetric");
    return {
      replicas,
      name: nameOf(name, "container resource", target),
      status: { type: "ContainerResource", containerResource: { name, container, current } },
    };
  }
  return undefined;
}

function nameOf(resource: string, kind: string, target: MetricTarget): string {
  return target.averageValue === undefined ? `${resource} ${kind} utilization (percentage of request)` : `${resource} ${kind}`;
}

function byResource(
  query: UsageQuery,
  target: MetricTarget,
  inputs: MetricInputs,
  nowMs: number,
  reason: string,
): { readonly replicas: number; readonly current: MetricValueStatus } {
  const fail = (why: string) => {
    const message = `failed to get ${query.resource} ${target.averageValue === undefined ? "utilization" : "usage"}: ${why}`;
    return new MetricError(
      reason,
      message,
      `failed to get ${query.resource} ${query.container === undefined ? "" : "container "}resource metric value: ${message}`,
    );
  };
  const groups = groupPods(inputs.pods, inputs.metrics, query, nowMs);
  if (inputs.pods.length === 0) throw fail("no pods returned by selector while calculating replica count");
  if (inputs.metrics.length === 0) throw fail("unable to get metrics for resource " + query.resource + ": no metrics returned from resource metrics API");
  if (groups.ready === 0) throw fail("did not receive metrics for targeted pods (pods might be unready)");
  const average = sum(groups.usage) / groups.usage.size;
  if (target.averageValue !== undefined) {
    const goal = query.resource === "cpu" ? parseQuantity(target.averageValue) * 1000 : parseQuantity(target.averageValue);
    return {
      replicas: judgeUsage(
        groups,
        inputs,
        (usage) => sum(usage) / usage.size / goal,
        () => goal,
      ),
      current: { averageValue: quantityOf(query.resource, average) },
    };
  }
  let requests: ReadonlyMap<string, number>;
  try {
    requests = requestsOf(inputs.pods, query);
  } catch (error) {
    throw fail((error as Error).message); // requestsOf throws Errors only
  }
  const goal = target.averageUtilization ?? 0;
  const utilization = (usage: ReadonlyMap<string, number>) => {
    const asked = [...usage.keys()].reduce((total, name) => total + (requests.get(name) ?? 0), 0);
    return Math.floor((sum(usage) * 100) / asked);
  };
  const replicas = judgeUsage(
    groups,
    inputs,
    (usage) => utilization(usage) / goal,
    (name) => ((requests.get(name) ?? 0) * Math.max(100, goal)) / 100,
  );
  return { replicas, current: { averageUtilization: utilization(groups.usage), averageValue: quantityOf(query.resource, average) } };
}

/**
 * From use to replicas. Pods without figures are taken to use nothing when there should be more, and `full` when there should be fewer;
 * pods that start, nothing: so a guess never makes a change larger, only smaller. When it would turn the change round, nothing changes.
 */
export function judgeUsage(
  { usage, ready, unready, missing }: PodGroups,
  { currentReplicas, tolerances }: MetricInputs,
  ratioOf: (usage: ReadonlyMap<string, number>) => number,
  full: (name: string) => number,
): number {
  const ratio = ratioOf(usage);
  const hasStarting = unready.length > 0 && ratio > 1;
  if (!hasStarting && missing.length === 0) return isWithin(ratio, tolerances) ? currentReplicas : Math.ceil(rounded(ratio * ready));
  const guessed = new Map(usage);
  if (ratio !== 1) for (const name of missing) guessed.set(name, ratio < 1 ? full(name) : 0);
  if (hasStarting) for (const name of unready) guessed.set(name, 0);
  const next = ratioOf(guessed);
  if (isWithin(next, tolerances) || (ratio < 1 && next > 1) || (ratio > 1 && next < 1)) return currentReplicas;
  const replicas = Math.ceil(rounded(next * guessed.size));
  return (next < 1 && replicas > currentReplicas) || (next > 1 && replicas < currentReplicas) ? currentReplicas : replicas;
}

/** Whether a share of the target is near enough to it. */
export function isWithin(ratio: number, { up, down }: Tolerances): boolean {
  return ratio >= 1 - down && ratio <= 1 + up;
}

/** 3.0000000000000004 pods are three. */
export function rounded(value: number): number {
  return Number(value.toFixed(9));
}

function sum(usage: ReadonlyMap<string, number>): number {
  return [...usage.values()].reduce((total, value) => total + value, 0);
}

/** As upstream writes averages: cpu in thousandths, everything else in whole units. */
function quantityOf(resource: string, amount: number): string {
  return resource === "cpu"
    ? formatQuantity(Math.floor(amount) / 1000, "DecimalSI")
    : formatQuantity(Math.floor(amount), resource === "memory" ? "BinarySI" : "DecimalSI");
}
