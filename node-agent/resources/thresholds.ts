import { commaList } from "../../engine/lib/comma-list.ts";
import { parseQuantity } from "../../engine/apimachinery/quantity.ts";

/** What is measured; upstream's names. */
const SIGNALS = ["memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree", "pid.available"] as const;
export type Signal = (typeof SIGNALS)[number];

/** How much of a signal is left, and of how much. */
export interface Measurement {
  readonly available: number;
  readonly capacity: number;
}

export type Measurements = ReadonlyMap<Signal, Measurement>;

export type Bound = { readonly is: "amount"; readonly amount: number } | { readonly is: "share"; readonly share: number };

/** Below this amount or share the node is under pressure. */
export interface Threshold {
  readonly signal: Signal;
  readonly value: Bound;
  /** How far above it is far enough, once it was crossed. */
  readonly reclaim?: Bound;
  /** As written, for people: `10%`, `100Mi`. */
  readonly text: string;
  /** How long it must last before a pod has to go; 0 for hard ones. */
  readonly graceMs: number;
}

/**
 * Upstream's default hard thresholds, but for the room on disks: of a large one that other programs fill as well, a tenth free is much, and
 * so it is 5%, as in k3s.
 */
export const DEFAULT_EVICTION_HARD = "memory.available<100Mi,nodefs.available<5%,nodefs.inodesFree<5%,imagefs.available<5%,imagefs.inodesFree<5%";

/** `memory.available<100Mi,nodefs.available<10%`. Throws an Error that names what is wrong. */
export function parseThresholds(text: string, graceMs: ReadonlyMap<string, number> | undefined = undefined): readonly Threshold[] {
  return commaList(text).map((part): Threshold => {
    const [signal = "", value = ""] = part.split("<");
    if (!isSignal(signal)) throw new Error(`eviction threshold "${part}": the signal must be one of ${SIGNALS.join(", ")}`);
    const grace = graceMs === undefined ? 0 : graceMs.get(signal);
    if (grace === undefined) throw new Error(`eviction threshold "${part}": a soft threshold needs a grace period`);
    return { signal, value: parseValue(part, value), text: value, graceMs: grace };
  });
}

/** `memory.available=1m30s,…`. */
export function parseGracePeriods(text: string): ReadonlyMap<string, number> {
  return new Map(
    commaList(text).map((part) => {
      const [signal = "", value = ""] = part.split("=");
      const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(value);
      if (!isSignal(signal) || match === null || value === "")
        throw new Error(`eviction grace period "${part}": write it as <signal>=<duration>, such as memory.available=1m30s`);
      return [signal, (Number(match[1] ?? 0) * 3600 + Number(match[2] ?? 0) * 60 + Number(match[3] ?? 0)) * 1000] as const;
    }),
  );
}

/** `imagefs.available=2Gi,nodefs.available=5%`. Throws an Error that names what is wrong. */
export function parseMinimumReclaim(text: string): ReadonlyMap<Signal, Bound> {
  return new Map(
    commaList(text).map((part) => {
      const [signal = "", value = ""] = part.split("=");
      if (!isSignal(signal)) throw new Error(`minimum reclaim "${part}": the signal must be one of ${SIGNALS.join(", ")}`);
      return [signal, parseValue(part, value)] as const;
    }),
  );
}

/** The thresholds as they are written, with those of `defaults` for signals that they do not name. */
export function mergeThresholds(text: string, defaults: string): string {
  const named = new Set(parseThresholds(text).map(({ signal }) => signal));
  const missing = parseThresholds(defaults).filter(({ signal }) => !named.has(signal));
  return [...commaList(text), ...missing.map((threshold) => `${threshold.signal}<${threshold.text}`)].join(",");
}

/** The bound in the signal's own unit; with `enough`, where it is no longer crossed once it was. */
export function thresholdAmount({ value, reclaim }: Threshold, capacity: number, enough = false): number {
  const amountOf = (bound: Bound) => (bound.is === "amount" ? bound.amount : bound.share * capacity);
  return amountOf(value) + (enough && reclaim !== undefined ? amountOf(reclaim) : 0);
}

function parseValue(part: string, value: string): Bound {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(value)?.[1];
  if (percent !== undefined) {
    if (Number(percent) > 100) throw new Error(`eviction threshold "${part}": the share must be from 0% to 100%`);
    return { is: "share", share: Number(percent) / 100 };
  }
  try {
    const amount = parseQuantity(value);
    if (amount >= 0) return { is: "amount", amount };
  } catch (error) {
    throw new Error(`eviction threshold "${part}"`, { cause: error });
  }
  throw new Error(`eviction threshold "${part}": the amount must not be negative`);
}

function isSignal(text: string): text is Signal {
  return (SIGNALS as readonly string[]).includes(text);
}
