import { readFile, readlink } from "node:fs/promises";
import path from "node:path";
import {
  parseInterfaces,
  readCgroupFigures,
  readInterfaces,
  type CgroupFigures,
  type DiskFigures,
  type InterfaceFigures,
  type TrafficFigures,
} from "./container-figures.ts";
import type { Usage } from "./read-usage.ts";
import { renderFamily } from "./render-family.ts";
import type { PodUsage, UsageSample } from "./usage-sampler.ts";

/** One of what cAdvisor tells of: the machine, a pod, its sandbox (of which only the network is told), or a container. */
export interface CadvisorRow {
  readonly labels: CadvisorLabels;
  readonly startedAtMs: number;
  readonly usage?: Usage;
  readonly figures?: CgroupFigures;
  readonly interfaces?: readonly InterfaceFigures[];
}

/** Upstream's labels; what one does not have is an empty text. */
export interface CadvisorLabels {
  readonly container: string;
  /** The cgroup's path. */
  readonly id: string;
  readonly image: string;
  /** The id that the runtime knows it by. */
  readonly name: string;
  readonly namespace: string;
  readonly pod: string;
}

export interface MachineFacts {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly startedAtMs: number;
}

/** A look at the network, disks and limits of what a sample shows. */
export async function lookForCadvisor({ node, pods }: UsageSample, machine: MachineFacts, sandboxImage: string): Promise<readonly CadvisorRow[]> {
  const root: CadvisorRow = {
    labels: { container: "", id: "/", image: "", name: "", namespace: "", pod: "" },
    startedAtMs: machine.startedAtMs,
    usage: node,
    interfaces: parseInterfaces(await readFile("/proc/net/dev", "utf8").catch(() => "")),
  };
  return [root, ...(await Promise.all([...pods.values()].map((pod) => rowsOf(pod, sandboxImage)))).flat()];
}

async function rowsOf(pod: PodUsage, sandboxImage: string): Promise<CadvisorRow[]> {
  const id = path.join("/", pod.cgroup);
  const labels: CadvisorLabels = { container: "", id, image: "", name: "", namespace: pod.namespace, pod: pod.name };
  const startedAtMs = Date.parse(pod.startedAt);
  const sandbox = path.join(id, pod.sandboxId);
  const [figures, interfaces, containers] = await Promise.all([
    readCgroupFigures(id),
    readInterfaces(sandbox),
    Promise.all(
      pod.containers.map(async ({ name, image, id: containerId, ...container }): Promise<CadvisorRow> => {
        const cgroup = path.join(id, containerId);
        const own = { ...labels, container: name, id: cgroup, image, name: containerId };
        return withFigures({ labels: own, startedAtMs: container.startedAtMs, usage: container.usage }, await readCgroupFigures(cgroup));
      }),
    ),
  ]);
  return [
    withFigures({ labels, startedAtMs, usage: pod.usage }, figures),
    { labels: { ...labels, id: sandbox, image: sandboxImage, name: pod.sandboxId }, startedAtMs, interfaces },
    ...containers,
  ];
}

function withFigures(row: CadvisorRow, figures: CgroupFigures | undefined): CadvisorRow {
  return figures === undefined ? row : { ...row, figures };
}

/** How programs call the block devices that are numbered so in the rows; those that the machine does not know keep their number. */
export async function nameDevices(rows: readonly CadvisorRow[]): Promise<ReadonlyMap<string, string>> {
  const numbers = new Set(rows.flatMap(({ figures }) => [...(figures?.disks.keys() ?? [])]));
  return new Map(
    await Promise.all(
      [...numbers].map(async (number) => {
        const link = await readlink(`/sys/dev/block/${number}`).catch(() => undefined);
        return [number, link === undefined ? number : `/dev/${path.basename(link)}`] as const;
      }),
    ),
  );
}

/** What `/metrics/cadvisor` answers, in the text format of Prometheus: the part of cAdvisor's metrics that dashboards are built on. Pure. */
export function renderCadvisorMetrics(rows: readonly CadvisorRow[], devices: ReadonlyMap<string, string>, machine: MachineFacts, atMs: number): string {
  const metric = (name: string, help: string, type: "counter" | "gauge", samplesOf: (row: CadvisorRow) => readonly Sample[]) =>
    renderFamily(
      name,
      help,
      type,
      rows.flatMap((row) => samplesOf(row).map(({ value, labels }) => `${labelText({ ...row.labels, ...labels })} ${value} ${atMs}`)),
    );
  const one = (value: number | undefined, labels?: Sample["labels"]): readonly Sample[] => (value === undefined ? [] : [{ value, ...(labels && { labels }) }]);
  const ofDisks = (value: (disk: DiskFigures) => number) => (row: CadvisorRow) =>
    [...(row.figures?.disks ?? [])].map(([number, disk]) => ({ value: value(disk), labels: { device: devices.get(number) ?? number } }));
  const ofNetwork = (direction: "received" | "transmitted", figure: keyof TrafficFigures) => (row: CadvisorRow) =>
    (row.interfaces ?? []).map((each) => ({ value: each[direction][figure], labels: { interface: each.name } }));
  const network = (["received", "transmitted"] as const).flatMap((direction) => {
    const word = direction === "received" ? "receive" : "transmit";
    return [
      ...metric(`container_network_${word}_bytes_total`, `Bytes ${direction}.`, "counter", ofNetwork(direction, "bytes")),
      ...metric(`container_network_${word}_packets_total`, `Packets ${direction}.`, "counter", ofNetwork(direction, "packets")),
      ...metric(`container_network_${word}_packets_dropped_total`, `Packets dropped that were to be ${direction}.`, "counter", ofNetwork(direction, "dropped")),
      ...metric(`container_network_${word}_errors_total`, `Errors in packets ${direction}.`, "counter", ofNetwork(direction, "errors")),
    ];
  });
  return `${[
    ...metric("container_cpu_usage_seconds_total", "Processor time used.", "counter", ({ usage }) =>
      one(usage && usage.cpuNanoseconds / 1e9, { cpu: "total" }),
    ),
    ...metric("container_cpu_user_seconds_total", "Processor time used by programs.", "counter", ({ figures }) => one(figures?.userSeconds)),
    ...metric("container_cpu_system_seconds_total", "Processor time used by the kernel.", "counter", ({ figures }) => one(figures?.systemSeconds)),
    ...metric("container_cpu_cfs_periods_total", "Periods in which its share was measured.", "counter", ({ figures }) => one(figures?.quota?.periods)),
    ...metric("container_cpu_cfs_throttled_periods_total", "Periods in which its share was used up.", "counter", ({ figures }) =>
      one(figures?.quota?.throttledPeriods),
    ),
    ...metric("container_cpu_cfs_throttled_seconds_total", "Time that it had to wait for its next share.", "counter", ({ figures }) =>
      one(figures?.quota?.throttledSeconds),
    ),
    ...metric("container_memory_cache", "Memory of files.", "gauge", ({ figures }) => one(figures?.cacheBytes)),
    ...metric("container_memory_mapped_file", "Memory of files that are mapped.", "gauge", ({ figures }) => one(figures?.mappedBytes)),
    ...metric("container_memory_rss", "Memory that is no file's.", "gauge", ({ usage }) => one(usage?.rssBytes)),
    ...metric("container_memory_swap", "Memory that was swapped out.", "gauge", ({ figures }) => one(figures?.swapBytes)),
    ...metric("container_memory_usage_bytes", "All memory in use, files included.", "gauge", ({ usage }) => one(usage?.memoryBytes)),
    ...metric("container_memory_working_set_bytes", "Memory that cannot be taken back.", "gauge", ({ usage }) => one(usage?.workingSetBytes)),
    ...metric(
      "container_fs_reads_bytes_total",
      "Bytes read from devices.",
      "counter",
      ofDisks((disk) => disk.readBytes),
    ),
    ...metric(
      "container_fs_reads_total",
      "Reads from devices.",
      "counter",
      ofDisks((disk) => disk.reads),
    ),
    ...metric(
      "container_fs_writes_bytes_total",
      "Bytes written to devices.",
      "counter",
      ofDisks((disk) => disk.writtenBytes),
    ),
    ...metric(
      "container_fs_writes_total",
      "Writes to devices.",
      "counter",
      ofDisks((disk) => disk.writes),
    ),
    ...network,
    ...metric("container_last_seen", "When it was looked at.", "gauge", ({ usage }) => one(usage && Math.floor(atMs / 1000))),
    ...metric("container_spec_cpu_period", "Microseconds in which its share is measured.", "gauge", ({ figures }) => one(figures?.quota?.periodUs)),
    ...metric("container_spec_cpu_quota", "Microseconds of each period that it may use.", "gauge", ({ figures }) => one(figures?.quota?.quotaUs)),
    ...metric("container_spec_memory_limit_bytes", "Memory that it may use; 0 for no limit.", "gauge", ({ figures }) => one(figures?.memoryLimitBytes)),
    ...metric("container_start_time_seconds", "When it started.", "gauge", ({ usage, startedAtMs }) => one(usage && startedAtMs / 1000)),
    ...renderFamily("machine_cpu_cores", "Processors of the machine.", "gauge", [` ${machine.cpus}`]),
    ...renderFamily("machine_memory_bytes", "Memory of the machine.", "gauge", [` ${machine.memoryBytes}`]),
  ].join("\n")}\n`;
}

interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${pairs.map(([name, value]) => `${name}="${value.replace(/[\\"]/g, "\\$&")}"`).join(",")}}`;
}
