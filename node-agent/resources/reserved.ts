import { commaList } from "../../engine/lib/comma-list.ts";
import { formatQuantity, milliValue, parseQuantity } from "../../engine/apimachinery/quantity.ts";
import { thresholdAmount, type Threshold } from "./thresholds.ts";
import { isHugePages } from "../../engine/resources/huge-pages.ts";

/** What of the machine is not for pods: for its own processes, and for what eviction keeps free. In the units of quantities. */
export interface Reserved {
  readonly processes: Readonly<Record<string, string>>;
  readonly hard: readonly Threshold[];
}

const RESERVABLE = ["cpu", "memory", "ephemeral-storage", "pid"];

/** `cpu=200m,memory=500Mi`. Throws an Error that names what is wrong. */
export function parseReserved(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    commaList(text).map((part) => {
      const [name = "", amount = ""] = part.split("=");
      if (!RESERVABLE.includes(name)) throw new Error(`reserved "${part}": only ${RESERVABLE.join(", ")} can be reserved`);
      if (parseQuantity(amount) < 0) throw new Error(`reserved "${part}": the amount must not be negative`);
      return [name, amount] as const;
    }),
  );
}

/** Both lists as one. Pure. */
export function addReserved(...lists: readonly Readonly<Record<string, string>>[]): Readonly<Record<string, string>> {
  const sums: Record<string, number> = {};
  for (const list of lists) for (const [name, amount] of Object.entries(list)) sums[name] = (sums[name] ?? 0) + parseQuantity(amount);
  return Object.fromEntries(Object.entries(sums).map(([name, amount]) => [name, formatQuantity(amount, name === "cpu" ? "DecimalSI" : "BinarySI")]));
}

/** What pods can have: the machine without what is reserved and what hard evictions keep free. Memory in huge pages is no other memory. Pure. */
export function computeAllocatable(capacity: Readonly<Record<string, string>>, { processes, hard }: Reserved): Record<string, string> {
  const memory = parseQuantity(capacity["memory"] ?? "0");
  const disk = parseQuantity(capacity["ephemeral-storage"] ?? "0");
  const kept = (signal: Threshold["signal"], of: number) =>
    Math.max(0, ...hard.filter((threshold) => threshold.signal === signal).map((threshold) => thresholdAmount(threshold, of)));
  const hugePages = Object.entries(capacity).reduce((sum, [name, amount]) => (isHugePages(name) ? sum + parseQuantity(amount) : sum), 0);
  const freeMemory = memory - parseQuantity(processes["memory"] ?? "0") - kept("memory.available", memory) - hugePages;
  const freeDisk = disk - parseQuantity(processes["ephemeral-storage"] ?? "0") - kept("nodefs.available", disk);
  const freeCpu = milliValue(capacity["cpu"] ?? "0") - milliValue(processes["cpu"] ?? "0");
  return {
    ...capacity,
    cpu: formatQuantity(Math.max(0, freeCpu) / 1000, "DecimalSI"),
    memory: `${Math.max(0, Math.floor(freeMemory / 1024))}Ki`,
    "ephemeral-storage": String(Math.max(0, Math.floor(freeDisk))),
  };
}

/** The bound of the cgroup that holds all pods, so that together they cannot take what is reserved; -1 when nothing is. Pure. */
export function computePodsMemory(memoryBytes: number, { processes }: Reserved): number {
  const reserved = parseQuantity(processes["memory"] ?? "0");
  return reserved === 0 ? -1 : Math.max(0, Math.floor(memoryBytes - reserved));
}

/** Of a machine's processes, one in so many stays for its own programs, whatever is reserved. */
const KEPT_PIDS_SHARE = 20;

/**
 * How many processes all pods together may have. Without a bound one pod could take all that the machine can have, and then not even a program that
 * ends it could be begun. Pure.
 */
export function computePodsPids(capacity: number, { processes }: Reserved): number {
  return Math.max(1, capacity - Math.max(parseQuantity(processes["pid"] ?? "0"), Math.floor(capacity / KEPT_PIDS_SHARE)));
}
