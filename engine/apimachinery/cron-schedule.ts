import type { CronTime } from "cron";
import { loadCron } from "../lib/late-modules.ts";
import { createZone, type Zone } from "./time-zone.ts";

/** From an instant to the first one after it that is due, in milliseconds since the epoch; undefined when none ever is, as for 30 February. */
export type CronSchedule = (afterMs: number) => number | undefined;

interface FieldRule {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: readonly FieldRule[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: DAYS },
];

const DESCRIPTORS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/** A field's values, and whether it says nothing: only then does the other one of the two day fields decide alone. */
interface FieldValues {
  readonly values: ReadonlySet<number>;
  readonly isStar: boolean;
}

/**
 * Reads the five fields of cron, a descriptor such as `@daily`, or `@every 1h30m`, by the rules of the parser that Kubernetes uses
 * (robfig/cron), whose sentences the errors are. A time that daylight saving skips is not due; one that it repeats is due twice.
 * Throws an Error for anything else.
 */
export function parseCronSchedule(text: string, timeZone = "UTC"): CronSchedule {
  const zone = createZone(timeZone);
  if (text === "") throw new Error("empty spec string");
  if (text.startsWith("@every ")) return everyDuration(text.slice("@every ".length), text);
  const spec = text.startsWith("@") ? DESCRIPTORS[text] : text;
  if (spec === undefined) throw new Error(`unrecognized descriptor: ${text}`);
  const parts = spec.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) throw new Error(`expected exactly 5 fields, found ${parts.length}: [${parts.join(" ")}]`);
  const fields = FIELDS.map((rule, index) => parseField(parts[index] ?? "", rule));
  let time: CronTime | undefined;
  return (afterMs) => nextInstant((time ??= new (loadCron().CronTime)(["0", ...normalized(fields)].join(" "), "UTC")), zone, afterMs);
}

/**
 * The library's own time zones are not used: around a change of the clock they differ from upstream. It is asked for the next time
 * on a clock that never changes, which is then read with the offset that holds there.
 */
function nextInstant(time: CronTime, zone: Zone, afterMs: number): number | undefined {
  for (let fromMs = afterMs; ;) {
    const offset = zone.offsetAt(fromMs);
    const wall = nextWall(time, fromMs + offset);
    if (wall === undefined) return undefined;
    const found = wall - offset;
    if (zone.offsetAt(found) === offset) return found;
    // The clock changes before that; nothing is due until then, and from there on the new offset holds.
    fromMs = zone.changeBetween(fromMs, found) - 1;
    const changed = nextWall(time, fromMs + zone.offsetAt(fromMs + 1));
    if (changed === undefined) return undefined;
    const candidate = changed - zone.offsetAt(fromMs + 1);
    if (zone.offsetAt(candidate) === zone.offsetAt(fromMs + 1)) return candidate;
    fromMs = zone.changeBetween(fromMs + 1, candidate) - 1;
  }
}

function nextWall(time: CronTime, wallMs: number): number | undefined {
  try {
    return time.getNextDateFrom(new Date(wallMs), "UTC").toMillis();
  } catch {
    return undefined; // the library's way to say that there is no such date within years
  }
}

/** The fields as the library reads them. It takes a day field with all values for one that says nothing. */
function normalized(fields: readonly FieldValues[]): string[] {
  const [dayOfMonth, dayOfWeek] = [fields[2], fields[4]];
  const isEither = dayOfMonth?.isStar === false && dayOfWeek?.isStar === false;
  const isEveryDay = isEither && (dayOfMonth.values.size === 31 || dayOfWeek.values.size === 7);
  return fields.map(({ values, isStar }, index) =>
    isStar || (isEveryDay && (index === 2 || index === 4)) ? "*" : [...values].sort((a, b) => a - b).join(","),
  );
}

function parseField(text: string, rule: FieldRule): FieldValues {
  const values = new Set<number>();
  let isStar = false;
  for (const part of text.split(",").filter((each) => each !== "")) {
    const range = parseRange(part, rule);
    isStar ||= range.isStar;
    for (let value = range.first; value <= range.last; value += range.step) values.add(value);
  }
  return { values, isStar: isStar && values.size === rule.max - rule.min + 1 };
}

function parseRange(text: string, rule: FieldRule): { first: number; last: number; step: number; isStar: boolean } {
  const [span = "", stepText, ...moreSlashes] = text.split("/");
  const [low = "", high, ...moreHyphens] = span.split("-");
  if (moreHyphens.length > 0) throw new Error(`too many hyphens: ${text}`);
  if (moreSlashes.length > 0) throw new Error(`too many slashes: ${text}`);
  const isAny = low === "*" || low === "?";
  const first = isAny ? rule.min : parseValue(low, rule);
  const step = stepText === undefined ? 1 : parseNumber(stepText);
  // A single value with a step goes on to the end of the range.
  const last = isAny ? rule.max : high !== undefined ? parseValue(high, rule) : stepText === undefined ? first : rule.max;
  if (first < rule.min) throw new Error(`beginning of range (${first}) below minimum (${rule.min}): ${text}`);
  if (last > rule.max) throw new Error(`end of range (${last}) above maximum (${rule.max}): ${text}`);
  if (first > last) throw new Error(`beginning of range (${first}) beyond end of range (${last}): ${text}`);
  if (step === 0) throw new Error(`step of range should be a positive number: ${text}`);
  return { first, last, step, isStar: isAny && step === 1 };
}

function parseValue(text: string, rule: FieldRule): number {
  const index = rule.names.indexOf(text.toLowerCase());
  return index >= 0 ? index + rule.min : parseNumber(text);
}

function parseNumber(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = Number(text);
  if (value < 0) throw new Error(`negative number (${value}) not allowed: ${text}`);
  return value;
}

const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Every so often from whenever one asks, in whole seconds. */
function everyDuration(text: string, spec: string): CronSchedule {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text)
    throw new Error(`failed to parse duration ${spec}: time: invalid duration ${JSON.stringify(text)}`);
  const delayMs = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ""] ?? 0), 0);
  const wholeMs = Math.max(1000, Math.floor(delayMs / 1000) * 1000);
  return (afterMs) => Math.floor(afterMs / 1000) * 1000 + wholeMs;
}
