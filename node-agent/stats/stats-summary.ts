import { formatTime } from "../../engine/lib/clock.ts";
import type { Usage, NodeUsage } from "./read-usage.ts";
import { renderFamily as family } from "./render-family.ts";
import type { PodUsage, UsageSample } from "./usage-sampler.ts";
import type { VolumeFigures, VolumeReading } from "./volume-stats.ts";

/** Processor time, in upstream's shape. The rate is left out while there is nothing to compare with. */
export interface CpuStats {
  readonly time: string;
  readonly usageNanoCores?: number;
  readonly usageCoreNanoSeconds: number;
}

export interface MemoryStats {
  readonly time: string;
  readonly availableBytes?: number;
  readonly usageBytes: number;
  readonly workingSetBytes: number;
  readonly rssBytes: number;
}

interface Stats {
  readonly startTime: string;
  readonly cpu: CpuStats;
  readonly memory: MemoryStats;
}

/** Room in a pod's volume. */
export type VolumeStats = VolumeFigures & {
  readonly time: string;
  readonly name: string;
  readonly pvcRef?: { readonly name: string; readonly namespace: string };
};

/** What `/stats/summary` answers: upstream's form (stats/v1alpha1), with processors, memory and volumes. */
export interface StatsSummary {
  readonly node: Stats & { readonly nodeName: string };
  readonly pods: readonly (Stats & {
    readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string };
    readonly containers: readonly (Stats & { readonly name: string })[];
    readonly volume?: readonly VolumeStats[];
  })[];
  /** Over which time the rates were taken; absent without any. An addition of ours. */
  readonly windowSeconds?: number;
}

/** Shorter times say nothing about a rate. */
const RATE_MS_MIN = 1_000;

/** Rates and totals from two looks. Pure. Containers that began after the earlier look are rated from their beginning. */
export function computeSummary(
  nodeName: string,
  bootMs: number,
  current: UsageSample,
  before: UsageSample | undefined,
  volumes: readonly VolumeReading[] = [],
): StatsSummary {
  const volumesOfPods = Map.groupBy(volumes, ({ podUid }) => podUid);
  const time = formatTime(current.atMs);
  const stats = (usage: Usage | NodeUsage, earlier: Usage | undefined, startTime: string, sinceMs = before?.atMs): Stats => ({
    startTime,
    cpu: {
      time,
      ...(earlier === undefined || sinceMs === undefined || current.atMs - sinceMs < RATE_MS_MIN || usage.cpuNanoseconds < earlier.cpuNanoseconds
        ? {}
        : { usageNanoCores: Math.round(((usage.cpuNanoseconds - earlier.cpuNanoseconds) * 1000) / (current.atMs - sinceMs)) }),
      usageCoreNanoSeconds: usage.cpuNanoseconds,
    },
    memory: {
      time,
      ...("availableBytes" in usage ? { availableBytes: usage.availableBytes } : {}),
      usageBytes: usage.memoryBytes,
      workingSetBytes: usage.workingSetBytes,
      rssBytes: usage.rssBytes,
    },
  });
  /** What began after the earlier look had used nothing at its beginning. */
  const containerStats = (container: PodUsage["containers"][number], old: PodUsage | undefined): Stats => {
    const earlier = old?.containers.find(({ id }) => id === container.id)?.usage;
    const startTime = formatTime(container.startedAtMs);
    return earlier === undefined
      ? stats(container.usage, { ...container.usage, cpuNanoseconds: 0 }, startTime, container.startedAtMs)
      : stats(container.usage, earlier, startTime);
  };
  return {
    node: { nodeName, ...stats(current.node, before?.node, formatTime(bootMs)) },
    pods: [...current.pods.values()].map(({ name, namespace, uid, startedAt, usage, containers }) => {
      const old = before?.pods.get(uid);
      return {
        podRef: { name, namespace, uid },
        ...stats(usage, old?.usage, startedAt),
        containers: containers.map((container) => ({ name: container.name, ...containerStats(container, old) })),
        ...(volumesOfPods.has(uid)
          ? { volume: (volumesOfPods.get(uid) ?? []).map(({ podUid: _uid, figures, ...volume }) => ({ time, ...figures, ...volume })) }
          : {}),
      };
    }),
    ...(before === undefined ? {} : { windowSeconds: (current.atMs - before.atMs) / 1000 }),
  };
}

/** What `/metrics/resource` answers, in the text format of Prometheus. Pure. */
export function renderResourceMetrics({ node, pods }: StatsSummary): string {
  const seconds = (stats: Stats) => stats.cpu.usageCoreNanoSeconds / 1e9;
  const bytes = (stats: Stats) => stats.memory.workingSetBytes;
  const containers = pods.flatMap((pod) =>
    pod.containers.map((container) => ({ labels: `{container="${container.name}",namespace="${pod.podRef.namespace}",pod="${pod.podRef.name}"}`, container })),
  );
  const ofPods = pods.map((pod) => ({ labels: `{namespace="${pod.podRef.namespace}",pod="${pod.podRef.name}"}`, pod }));
  return `${[
    ...family(
      "container_cpu_usage_seconds_total",
      "Processor time that the container has used.",
      "counter",
      containers.map(({ labels, container }) => `${labels} ${seconds(container)} ${Date.parse(container.cpu.time)}`),
    ),
    ...family(
      "container_memory_working_set_bytes",
      "Memory of the container that cannot be taken back.",
      "gauge",
      containers.map(({ labels, container }) => `${labels} ${bytes(container)} ${Date.parse(container.memory.time)}`),
    ),
    ...family(
      "container_start_time_seconds",
      "When the container started.",
      "gauge",
      containers.map(({ labels, container }) => `${labels} ${Date.parse(container.startTime) / 1000}`),
    ),
    ...family("node_cpu_usage_seconds_total", "Processor time that the machine has used.", "counter", [` ${seconds(node)} ${Date.parse(node.cpu.time)}`]),
    ...family("node_memory_working_set_bytes", "Memory of the machine that cannot be taken back.", "gauge", [
      ` ${bytes(node)} ${Date.parse(node.memory.time)}`,
    ]),
    ...family(
      "pod_cpu_usage_seconds_total",
      "Processor time that the pod has used.",
      "counter",
      ofPods.map(({ labels, pod }) => `${labels} ${seconds(pod)} ${Date.parse(pod.cpu.time)}`),
    ),
    ...family(
      "pod_memory_working_set_bytes",
      "Memory of the pod that cannot be taken back.",
      "gauge",
      ofPods.map(({ labels, pod }) => `${labels} ${bytes(pod)} ${Date.parse(pod.memory.time)}`),
    ),
    ...family("resource_scrape_error", "Whether the figures could not be read.", "gauge", [" 0"]),
  ].join("\n")}\n`;
}
