import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { DesiredObject } from "../manifests/desired-state.ts";
import { describeError } from "../../lib/log.ts";
import { isRun } from "../manifests/hook-policies.ts";
import type { Pod } from "../../resources/types.ts";
import { computeHealth, worstHealth, type HealthLookup, type HealthState, type ObjectHealth } from "./health.ts";
import type { Unit } from "../manifests/resolve-units.ts";

export interface UnitHealth {
  readonly state: HealthState;
  readonly reason: string;
  readonly ready: string;
  readonly images: readonly string[];
  readonly objects: readonly { readonly desired: DesiredObject; readonly health: ObjectHealth }[];
}

export interface UnitObservation {
  readonly unit: Unit;
  readonly objects: readonly DesiredObject[];
  readonly liveOf: (desired: DesiredObject) => KubeObject | undefined;
  /** Why the API shows no objects of its kind; undefined: it does. */
  readonly failureOf?: (desired: DesiredObject) => unknown;
  /** The revision this process wrote of an object; an older copy says nothing about the commit. */
  readonly writtenRevisionOf: (identity: string) => number;
  /** A Job that did what it was for and has been removed since, by its time to live or by hand. */
  readonly isFinished: (desired: DesiredObject) => boolean;
  /** Why the unit is not applied as the commit wants it: it waits for another one, or the server refused something. */
  readonly holdup: { readonly state: HealthState; readonly reason: string; readonly isWaiting: boolean } | undefined;
  /** How long it has been on its way, by a clock that nobody sets; undefined: it was well. */
  readonly progressingForMs: number | undefined;
  readonly lookup: HealthLookup;
}

/** A unit's health: its worst object, and the deadline after which being on the way is no longer good enough. */
export function computeUnitHealth(observation: UnitObservation, now: number): UnitHealth {
  const { unit, objects, holdup, progressingForMs = 0 } = observation;
  const all = objects.map((desired) => {
    const health = computeDesiredHealth(desired, observation, now);
    // What the unit may not create yet is not missing.
    if (health.state === "Missing" && (holdup?.isWaiting === true || holdup?.state === "Suspended"))
      return { desired, health: { ...health, state: holdup.state === "Suspended" ? ("Suspended" as const) : ("Progressing" as const), reason: holdup.reason } };
    return { desired, health };
  });
  const worst = worstHealth([...(holdup === undefined ? [] : [holdup]), ...all.map(({ health }) => health)]);
  const replicas = all.map(({ health }) => health.ready).filter((ready) => ready !== undefined);
  const ready = replicas.length === 0 ? "" : `${sum(replicas.map((count) => count.ready))}/${sum(replicas.map((count) => count.wanted))}`;
  const isLate = worst?.state === "Progressing" && progressingForMs > unit.deadlineMs;
  return {
    state: isLate ? "Degraded" : (worst?.state ?? "Healthy"),
    reason: isLate ? `not healthy within ${unit.deadlineMs / 1000} s: ${worst.reason}` : (worst?.reason ?? ""),
    ready,
    images: [...new Set(all.flatMap(({ health }) => health.images))].sort(),
    objects: all,
  };
}

/** One object's health, by the commit: what an older copy says is not about it. */
export function computeDesiredHealth(
  desired: DesiredObject,
  { liveOf, failureOf, writtenRevisionOf, isFinished, lookup }: Omit<UnitObservation, "unit" | "objects" | "holdup" | "progressingForMs">,
  now: number,
): ObjectHealth {
  const live = liveOf(desired);
  // What has done its work may go, at once or after its pods.
  if ((live === undefined || live.metadata.deletionTimestamp !== undefined) && isFinished(desired))
    return { state: "Healthy", reason: "", chain: [], images: [] };
  const failure = live === undefined ? failureOf?.(desired) : undefined;
  if (failure !== undefined) return { state: "Unknown", reason: `cannot be read now: ${describeError(failure)}`, chain: [], images: [] };
  const isSettling = Number(live?.metadata.resourceVersion ?? 0) < writtenRevisionOf(desired.identity);
  if (isSettling) return { state: "Progressing", reason: "just written", chain: [], images: [] };
  const health = computeHealth(live, lookup, now);
  // Of a pod that is a hook, the end counts.
  return health.state === "Healthy" && isRun(desired) && isRunningPod(live) ? { ...health, state: "Progressing", reason: "is running" } : health;
}

function isRunningPod(live: KubeObject | undefined): boolean {
  return live?.kind === "Pod" && (live as Pod).status?.phase !== "Succeeded"; // found by its kind
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, next) => total + next, 0);
}
