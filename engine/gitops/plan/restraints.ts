import { parseCronSchedule, type CronSchedule } from "../../apimachinery/cron-schedule.ts";
import type { Application, ApplicationHold } from "../../resources/types.ts";
import type { DesiredObject } from "../manifests/desired-state.ts";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import { structuralPathOf } from "../../apimachinery/field-path.ts";
import type { SyncWindow, Unit } from "../manifests/resolve-units.ts";

/** Why something is left as it is for now. `untilMs`: when that ends by time alone. */
export interface Restraint {
  readonly why: string;
  readonly untilMs: number | undefined;
}

/** What Git must leave alone at this moment: suspended units, closed windows, and what someone holds. */
export interface Restraints {
  ofObject(unit: string, kind: string, namespace: string | undefined, name: string): Restraint | undefined;
  /** Whether all fields of a unit's objects are what Git says: nobody holds or ignores any. */
  isPlain(unit: string): boolean;
  /** Fields that keep their live value: held ones, and those that the unit ignores. */
  liveFieldsOf(desired: DesiredObject): readonly (readonly (string | number)[])[];
  /** When the answers change by time alone; Infinity: not at all. */
  readonly nextChangeMs: number;
}

export const NO_RESTRAINTS: Restraints = { ofObject: () => undefined, isPlain: () => true, liveFieldsOf: () => [], nextChangeMs: Infinity };

export function computeRestraints(units: readonly Unit[], applications: readonly Application[], now: number): Restraints {
  const ofUnit = new Map<string, Restraint>();
  const holds = new Map<string, readonly ApplicationHold[]>();
  let nextChangeMs = Infinity;
  const at = (ms: number | undefined) => void (nextChangeMs = Math.min(nextChangeMs, ms ?? Infinity));
  for (const { metadata, spec } of applications) {
    const active = activeHolds(spec?.holds, now);
    if (active.length === 0) continue;
    const name = metadata.name ?? "";
    holds.set(name, active);
    for (const hold of active) at(Date.parse(hold.until));
    const whole = active.find((hold) => hold.object === undefined && hold.field === undefined);
    if (whole !== undefined) ofUnit.set(name, { why: describeHold(whole), untilMs: Date.parse(whole.until) });
  }
  for (const unit of units) {
    const window = unit.windows === undefined ? undefined : computeWindow(unit.windows, now);
    at(window?.changesMs);
    if (unit.suspend === true) ofUnit.set(unit.name, { why: "suspended in mainstay.yaml", untilMs: undefined });
    else if (window?.closed !== undefined && !ofUnit.has(unit.name)) ofUnit.set(unit.name, window.closed);
  }
  const ignored = new Map(units.map((unit) => [unit.name, unit.ignore ?? []]));
  return {
    nextChangeMs,
    ofObject(unit, kind, namespace, name) {
      const whole = ofUnit.get(unit);
      if (whole !== undefined) return whole;
      const hold = holds
        .get(unit)
        ?.find((candidate) => candidate.field === undefined && candidate.object !== undefined && namesObject(candidate.object, kind, namespace, name));
      return hold === undefined ? undefined : { why: describeHold(hold), untilMs: Date.parse(hold.until) };
    },
    isPlain: (unit) => (ignored.get(unit) ?? []).length === 0 && (holds.get(unit) ?? []).every((hold) => hold.field === undefined),
    liveFieldsOf({ unit, object }) {
      const { namespace, name = "" } = object.metadata;
      const rules = (ignored.get(unit) ?? [])
        .filter((rule) => (rule.kind ?? object.kind) === object.kind && (rule.name ?? name) === name)
        .flatMap((rule) => rule.fields);
      const held = (holds.get(unit) ?? []).flatMap((hold) =>
        hold.field !== undefined && (hold.object === undefined || namesObject(hold.object, object.kind, namespace, name)) ? [hold.field] : [],
      );
      return [...rules, ...held].map(fieldSteps);
    },
  };
}

/** Holds that have not run out; one whose time nobody can read holds nothing. */
export function activeHolds(holds: readonly ApplicationHold[] | undefined, now: number): readonly ApplicationHold[] {
  return (holds ?? []).filter((hold) => Date.parse(hold.until) > now);
}

/** `held until 2026-08-22 12:00 UTC by alice: looking into it`. */
export function describeHold(hold: ApplicationHold): string {
  const what = [hold.object, hold.field].filter((part) => part !== undefined).join(" ");
  return `${what === "" ? "" : `${what} `}held until ${hold.until.slice(0, 16).replace("T", " ")} UTC${hold.by === undefined ? "" : ` by ${hold.by}`}${hold.reason === undefined || hold.reason === "" ? "" : `: ${hold.reason}`}`;
}

/** `Kind/name` or `Kind/namespace/name`. */
function namesObject(text: string, kind: string, namespace: string | undefined, name: string): boolean {
  return text === `${kind}/${name}` || text === `${kind}/${namespace ?? ""}/${name}`;
}

/** `spec.replicas`, `spec.containers[name="web"].image`, or a JSON pointer. */
function fieldSteps(field: string): readonly (string | number)[] {
  if (!field.startsWith("/")) return structuralPathOf(field);
  return field
    .slice(1)
    .split("/")
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step.replaceAll("~1", "/").replaceAll("~0", "~")));
}

interface WindowState {
  readonly closed: Restraint | undefined;
  readonly changesMs: number | undefined;
}

/** A window that denies wins; where some allow, it is closed outside of all of them. */
export function computeWindow(windows: readonly SyncWindow[], now: number): WindowState {
  let changesMs = Infinity;
  let denied: { readonly untilMs: number; readonly schedule: string } | undefined;
  let isAllowed = !windows.some((window) => window.kind === "allow");
  let opensMs = Infinity;
  for (const window of windows) {
    const due = scheduleOf(window);
    const startMs = due(now - window.durationMs);
    const isActive = startMs !== undefined && startMs <= now;
    const nextMs = isActive ? latestEnd(due, startMs, window.durationMs, now) : (startMs ?? Infinity);
    changesMs = Math.min(changesMs, nextMs);
    if (window.kind === "allow") {
      if (isActive) isAllowed = true;
      else opensMs = Math.min(opensMs, nextMs);
    } else if (isActive && (denied === undefined || nextMs > denied.untilMs)) denied = { untilMs: nextMs, schedule: window.schedule };
  }
  const change = Number.isFinite(changesMs) ? changesMs : undefined;
  if (denied !== undefined)
    return { closed: { why: `a sync window (${denied.schedule}) is closed until ${shortTime(denied.untilMs)}`, untilMs: denied.untilMs }, changesMs: change };
  if (isAllowed) return { closed: undefined, changesMs: change };
  return {
    closed: {
      why: Number.isFinite(opensMs)
        ? `outside of its sync windows; the next opens at ${shortTime(opensMs)}`
        : "outside of its sync windows, and none will ever open",
      untilMs: Number.isFinite(opensMs) ? opensMs : undefined,
    },
    changesMs: change,
  };
}

/** Windows that follow each other without a gap are one. */
function latestEnd(due: CronSchedule, startMs: number, durationMs: number, now: number): number {
  let start = startMs;
  for (let next = due(start); next !== undefined && next <= now; next = due(start)) start = next;
  return start + durationMs;
}

const schedules = new BoundedCache<CronSchedule>(1_000);

function scheduleOf({ schedule, timeZone }: SyncWindow): CronSchedule {
  const key = `${timeZone} ${schedule}`;
  const known = schedules.get(key) ?? parseCronSchedule(schedule, timeZone);
  schedules.set(key, known);
  return known;
}

function shortTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
