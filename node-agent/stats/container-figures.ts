import { readFile } from "node:fs/promises";
import path from "node:path";
import { CGROUPS, field } from "./read-usage.ts";

/** What a cgroup has used beside processor time and memory as a whole, since its beginning. Durations are in seconds. */
export interface CgroupFigures {
  readonly userSeconds: number;
  readonly systemSeconds: number;
  /** How it was held to its share of the processors; undefined where it is not. */
  readonly quota: Quota | undefined;
  readonly cacheBytes: number;
  readonly mappedBytes: number;
  readonly swapBytes: number;
  /** 0 where there is none. */
  readonly memoryLimitBytes: number;
  /** By the device's number, such as `254:0`. */
  readonly disks: ReadonlyMap<string, DiskFigures>;
}

export interface Quota {
  readonly quotaUs: number;
  readonly periodUs: number;
  readonly periods: number;
  readonly throttledPeriods: number;
  readonly throttledSeconds: number;
}

export interface DiskFigures {
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly reads: number;
  readonly writes: number;
}

/** What went through a network interface. */
export interface InterfaceFigures {
  readonly name: string;
  readonly received: TrafficFigures;
  readonly transmitted: TrafficFigures;
}

export interface TrafficFigures {
  readonly bytes: number;
  readonly packets: number;
  readonly errors: number;
  readonly dropped: number;
}

/** The kernel counts in hundredths of a second, on every architecture (USER_HZ). */
const TICKS_PER_SECOND = 100;
/** From here on a limit of memory is none: the kernel rounds the largest number there is. */
const UNLIMITED_BYTES = 2 ** 62;
/** Interfaces that are no traffic of a pod's own, by the beginnings of their names; as cAdvisor has it. */
const LEFT_OUT = ["lo", "veth", "docker", "nerdctl"];

/** Under either version of cgroups; undefined when the cgroup is gone. A file that a kernel does not have counts nothing. */
export async function readCgroupFigures(cgroup: string, root = CGROUPS): Promise<CgroupFigures | undefined> {
  try {
    return await readUnified(path.join(root, cgroup)).catch(() => readV1(root, cgroup));
  } catch {
    return undefined; // its last process has ended
  }
}

/** What the processes of a cgroup see of their network; nothing when none of them runs. */
export async function readInterfaces(cgroup: string, root = CGROUPS, proc = "/proc"): Promise<readonly InterfaceFigures[]> {
  try {
    const processes = await readFile(path.join(root, cgroup, "cgroup.procs"), "utf8").catch(() =>
      readFile(path.join(root, "pids", cgroup, "cgroup.procs"), "utf8"),
    );
    const [pid = ""] = processes.split("\n", 1);
    return pid === "" ? [] : parseInterfaces(await readFile(path.join(proc, pid, "net/dev"), "utf8"));
  } catch {
    return []; // it has ended
  }
}

/** Pure. From the form of `/proc/net/dev`. */
export function parseInterfaces(text: string): readonly InterfaceFigures[] {
  return text.split("\n").flatMap((line) => {
    const [, name = "", rest = ""] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    const numbers = rest.split(/\s+/).map(Number);
    if (name === "" || numbers.length < 16 || LEFT_OUT.some((prefix) => name.toLowerCase().startsWith(prefix))) return [];
    const traffic = (at: number): TrafficFigures => {
      const [bytes = 0, packets = 0, errors = 0, dropped = 0] = numbers.slice(at);
      return { bytes, packets, errors, dropped };
    };
    return [{ name, received: traffic(0), transmitted: traffic(8) }];
  });
}

async function readUnified(folder: string): Promise<CgroupFigures> {
  const read = (name: string) => readFile(path.join(folder, name), "utf8");
  const [cpu, memory, max, cpuMax, swap, io] = await Promise.all([
    read("cpu.stat"),
    read("memory.stat"),
    optional(read("memory.max")),
    optional(read("cpu.max")),
    optional(read("memory.swap.current")),
    optional(read("io.stat")),
  ]);
  const [quotaUs = 0, periodUs = 0] = cpuMax.split(/\s+/).map(Number);
  return {
    userSeconds: field(cpu, "user_usec") / 1e6,
    systemSeconds: field(cpu, "system_usec") / 1e6,
    quota: quotaOf(quotaUs, periodUs, cpu, field(cpu, "throttled_usec") / 1e6),
    cacheBytes: field(memory, "file"),
    mappedBytes: field(memory, "file_mapped"),
    swapBytes: Number(swap),
    memoryLimitBytes: limitOf(Number(max)),
    disks: new Map(
      io.split("\n").flatMap((line) => {
        const [device = "", ...pairs] = line.split(" ");
        const amounts = new Map(pairs.map((pair) => pair.split("=") as [string, string])); // io.stat has pairs only
        const amount = (name: string) => Number(amounts.get(name) ?? 0);
        const figures = { readBytes: amount("rbytes"), writtenBytes: amount("wbytes"), reads: amount("rios"), writes: amount("wios") };
        return device === "" ? [] : [[device, figures] as const];
      }),
    ),
  };
}

async function readV1(root: string, cgroup: string): Promise<CgroupFigures> {
  const read = (controller: string, name: string) => readFile(path.join(root, controller, cgroup, name), "utf8");
  const [times, memory, cpu, quotaUs, periodUs, limit, bytes, operations] = await Promise.all([
    read("cpuacct", "cpuacct.stat"),
    read("memory", "memory.stat"),
    optional(read("cpu", "cpu.stat")),
    optional(read("cpu", "cpu.cfs_quota_us")),
    optional(read("cpu", "cpu.cfs_period_us")),
    optional(read("memory", "memory.limit_in_bytes")),
    optional(read("blkio", "blkio.throttle.io_service_bytes_recursive")),
    optional(read("blkio", "blkio.throttle.io_serviced_recursive")),
  ]);
  return {
    userSeconds: field(times, "user") / TICKS_PER_SECOND,
    systemSeconds: field(times, "system") / TICKS_PER_SECOND,
    quota: quotaOf(Number(quotaUs), Number(periodUs), cpu, field(cpu, "throttled_time") / 1e9),
    cacheBytes: field(memory, "total_cache"),
    mappedBytes: field(memory, "total_mapped_file"),
    swapBytes: field(memory, "total_swap"),
    memoryLimitBytes: limitOf(Number(limit)),
    disks: disksOfV1(bytes, operations),
  };
}

function disksOfV1(bytes: string, operations: string): ReadonlyMap<string, DiskFigures> {
  const [amounts, counts] = [bytes, operations].map(
    (text) => new Map([...text.matchAll(/^(\d+:\d+) (Read|Write) (\d+)$/gm)].map(([, device, kind, amount]) => [`${device} ${kind}`, Number(amount)])),
  );
  const devices = new Set([...(amounts ?? []), ...(counts ?? [])].map(([key]) => key.split(" ")[0] ?? ""));
  return new Map(
    [...devices].map((device) => [
      device,
      {
        readBytes: amounts?.get(`${device} Read`) ?? 0,
        writtenBytes: amounts?.get(`${device} Write`) ?? 0,
        reads: counts?.get(`${device} Read`) ?? 0,
        writes: counts?.get(`${device} Write`) ?? 0,
      },
    ]),
  );
}

/** No number (`max`), none at all and -1 are no quota. */
function quotaOf(quotaUs: number, periodUs: number, cpu: string, throttledSeconds: number): Quota | undefined {
  if (!(quotaUs > 0)) return undefined;
  return { quotaUs, periodUs, periods: field(cpu, "nr_periods"), throttledPeriods: field(cpu, "nr_throttled"), throttledSeconds };
}

function limitOf(bytes: number): number {
  return bytes < UNLIMITED_BYTES ? bytes : 0;
}

function optional(read: Promise<string>): Promise<string> {
  return read.catch(() => "");
}
