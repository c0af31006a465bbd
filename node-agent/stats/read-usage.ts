import { readFile } from "node:fs/promises";
import path from "node:path";

/** What something has used up to now. */
export interface Usage {
  /** Since its beginning. */
  readonly cpuNanoseconds: number;
  readonly memoryBytes: number;
  /** Memory without pages of files that nothing has touched lately: what pressure cannot take back. */
  readonly workingSetBytes: number;
  readonly rssBytes: number;
}

export interface NodeUsage extends Usage {
  readonly availableBytes: number;
}

export const CGROUPS = "/sys/fs/cgroup";
/** The kernel counts in /proc in hundredths of a second, on every architecture (USER_HZ). */
const TICK_NANOSECONDS = 10_000_000;

/** A cgroup's usage under either version of cgroups; undefined when it is gone. */
export async function readCgroupUsage(cgroup: string, root = CGROUPS): Promise<Usage | undefined> {
  try {
    return await readUnified(path.join(root, cgroup)).catch(() => readV1(root, cgroup));
  } catch {
    return undefined; // its last process has ended
  }
}

/** The whole machine's, from /proc: it is there whatever the cgroups are. */
export async function readNodeUsage(): Promise<NodeUsage> {
  const [stat, memory] = await Promise.all([readFile("/proc/stat", "utf8"), readFile("/proc/meminfo", "utf8")]);
  return parseNodeUsage(stat, memory);
}

/** Pure part of `readNodeUsage`. Guests' time is part of user time and not counted again; idle and waiting are no usage. */
export function parseNodeUsage(stat: string, memory: string): NodeUsage {
  const [user = 0, nice = 0, system = 0, _idle, _wait, irq = 0, softirq = 0, steal = 0] = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? "").split(/\s+/).map(Number);
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(memory)?.[1] ?? 0) * 1024;
  const availableBytes = bytes("MemAvailable");
  return {
    cpuNanoseconds: (user + nice + system + irq + softirq + steal) * TICK_NANOSECONDS,
    memoryBytes: bytes("MemTotal") - bytes("MemFree"),
    workingSetBytes: bytes("MemTotal") - availableBytes,
    rssBytes: bytes("AnonPages"),
    availableBytes,
  };
}

async function readUnified(folder: string): Promise<Usage> {
  const read = (name: string) => readFile(path.join(folder, name), "utf8");
  const [cpu, current, stat] = await Promise.all([read("cpu.stat"), read("memory.current"), read("memory.stat")]);
  return usageOf(field(cpu, "usage_usec") * 1000, Number(current), field(stat, "inactive_file"), field(stat, "anon"));
}

async function readV1(root: string, cgroup: string): Promise<Usage> {
  const read = (controller: string, name: string) => readFile(path.join(root, controller, cgroup, name), "utf8");
  const [cpu, current, stat] = await Promise.all([read("cpuacct", "cpuacct.usage"), read("memory", "memory.usage_in_bytes"), read("memory", "memory.stat")]);
  return usageOf(Number(cpu), Number(current), field(stat, "total_inactive_file"), field(stat, "total_rss"));
}

function usageOf(cpuNanoseconds: number, memoryBytes: number, inactiveBytes: number, rssBytes: number): Usage {
  return { cpuNanoseconds, memoryBytes, workingSetBytes: Math.max(0, memoryBytes - inactiveBytes), rssBytes };
}

/** A number of a file of lines `name number`; 0 where it is not in it. */
export function field(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}
