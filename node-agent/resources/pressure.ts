import { thresholdAmount, type Measurements, type Signal, type Threshold } from "./thresholds.ts";

/** What a node can be short of, as its conditions call it. */
export type Pressure = "MemoryPressure" | "DiskPressure" | "PIDPressure";

/** What is kept from one look to the next; derived anew within a grace period after a restart. */
export interface PressureState {
  /** Since when each threshold has been crossed without a break. */
  readonly crossedSinceMs: ReadonlyMap<Threshold, number>;
  /** When each pressure was last seen. */
  readonly lastSeenMs: ReadonlyMap<Pressure, number>;
}

export interface PressureVerdict {
  readonly state: PressureState;
  readonly pressures: ReadonlySet<Pressure>;
  /** Crossed for long enough that something has to go; memory first, as its shortage kills soonest. */
  readonly due: readonly Threshold[];
}

export const NO_PRESSURE: PressureState = { crossedSinceMs: new Map(), lastSeenMs: new Map() };

const PRESSURE_OF: Readonly<Record<Signal, Pressure>> = {
  "memory.available": "MemoryPressure",
  "nodefs.available": "DiskPressure",
  "nodefs.inodesFree": "DiskPressure",
  "imagefs.available": "DiskPressure",
  "imagefs.inodesFree": "DiskPressure",
  "pid.available": "PIDPressure",
};
const URGENCY: readonly Pressure[] = ["MemoryPressure", "DiskPressure", "PIDPressure"];

/**
 * Judges a look at the machine. A pressure is told of for a while after it has gone, so that it does not come and go with every pod; a threshold
 * that was due stays crossed until so much more is free as it says. Pure.
 */
export function judgePressure(
  thresholds: readonly Threshold[],
  measured: Measurements,
  before: PressureState,
  nowMs: number,
  transitionMs: number,
): PressureVerdict {
  const crossed = thresholds.filter((threshold) => {
    const measurement = measured.get(threshold.signal);
    const sinceMs = before.crossedSinceMs.get(threshold);
    const wasDue = sinceMs !== undefined && nowMs - sinceMs >= threshold.graceMs;
    return measurement !== undefined && measurement.available < thresholdAmount(threshold, measurement.capacity, wasDue);
  });
  const crossedSinceMs = new Map(crossed.map((threshold) => [threshold, before.crossedSinceMs.get(threshold) ?? nowMs]));
  const now = new Set(crossed.map(({ signal }) => PRESSURE_OF[signal]));
  const lastSeenMs = new Map([...before.lastSeenMs].filter(([, seenMs]) => nowMs - seenMs < transitionMs));
  for (const pressure of now) lastSeenMs.set(pressure, nowMs);
  const due = crossed.filter((threshold) => nowMs - (crossedSinceMs.get(threshold) ?? nowMs) >= threshold.graceMs);
  const urgency = ({ signal }: Threshold) => URGENCY.indexOf(PRESSURE_OF[signal]);
  return {
    state: { crossedSinceMs, lastSeenMs },
    pressures: new Set(lastSeenMs.keys()),
    due: [...due].sort((a, b) => urgency(a) - urgency(b) || a.graceMs - b.graceMs),
  };
}

/** The resource that people know a signal by. */
export function resourceOf(signal: Signal): "memory" | "ephemeral-storage" | "pids" | "inodes" {
  if (signal === "memory.available") return "memory";
  if (signal === "pid.available") return "pids";
  return signal.endsWith("inodesFree") ? "inodes" : "ephemeral-storage";
}
