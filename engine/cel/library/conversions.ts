import { CelError } from "../cel-error.ts";
import { fn, method, traversal, type Library } from "../functions.ts";
import { parseDuration, parseTimestamp } from "../time-text.ts";
import { BOOL, BYTES, DOUBLE, DURATION, INT, STRING, TIMESTAMP, UINT } from "../types.ts";
import { Duration, Timestamp, Uint } from "../values.ts";
import { checkedInt, checkedUint, inTime } from "./operators.ts";

/** A double as Go prints it with %g at full precision. */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (Object.is(value, -0)) return "-0";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e21)) return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  return String(value);
}

function doubleToInt(value: number): bigint {
  if (!Number.isFinite(value)) throw new CelError("integer overflow");
  return checkedInt(BigInt(Math.trunc(value)));
}

const conversionError = (type: string) => new CelError(`type conversion error from 'string' to '${type}'`);

function textToInt(text: string): bigint {
  const value = /^[+-]?\d+$/.test(text) ? BigInt(text.replace("+", "")) : undefined;
  if (value === undefined || BigInt.asIntN(64, value) !== value) throw conversionError("int");
  return value;
}

function textToUint(text: string): Uint {
  const value = /^\d+$/.test(text) ? BigInt(text) : undefined;
  if (value === undefined || BigInt.asUintN(64, value) !== value) throw conversionError("uint");
  return checkedUint(value);
}

function textToDouble(text: string): number {
  if (/^[+-]?(inf|infinity)$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return Number.NaN;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) throw conversionError("double");
  return Number(text);
}

function textToBool(text: string): boolean {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  throw conversionError("bool");
}

function bytesToText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CelError("invalid UTF-8 in bytes, cannot convert to string");
  }
}

function timestampOf(text: string): Timestamp {
  const parsed = text.includes("T") || text.includes("t") ? parseTimestamp(text) : undefined;
  if (parsed === undefined) throw conversionError("google.protobuf.Timestamp");
  return inTime(parsed.nanos);
}

function durationOf(text: string): Duration {
  const parsed = parseDuration(text);
  if (parsed === undefined) throw conversionError("google.protobuf.Duration");
  return parsed;
}

const toNumbers: Library = [
  fn<readonly [bigint]>("int", [INT], INT, ([value]) => value),
  fn<readonly [Uint]>("int", [UINT], INT, ([value]) => checkedInt(value.value)),
  fn<readonly [number]>("int", [DOUBLE], INT, ([value]) => doubleToInt(value)),
  fn<readonly [string]>("int", [STRING], INT, ([value]) => textToInt(value), traversal()),
  fn<readonly [Timestamp]>("int", [TIMESTAMP], INT, ([value]) => floorDiv(value.nanos, 1_000_000_000n)),
  fn<readonly [Duration]>("int", [DURATION], INT, ([value]) => value.nanos),
  fn<readonly [Uint]>("uint", [UINT], UINT, ([value]) => value),
  fn<readonly [bigint]>("uint", [INT], UINT, ([value]) => checkedUint(value)),
  fn<readonly [number]>("uint", [DOUBLE], UINT, ([value]) => checkedUint(doubleToInt(value))),
  fn<readonly [string]>("uint", [STRING], UINT, ([value]) => textToUint(value), traversal()),
  fn<readonly [number]>("double", [DOUBLE], DOUBLE, ([value]) => value),
  fn<readonly [bigint]>("double", [INT], DOUBLE, ([value]) => Number(value)),
  fn<readonly [Uint]>("double", [UINT], DOUBLE, ([value]) => Number(value.value)),
  fn<readonly [string]>("double", [STRING], DOUBLE, ([value]) => textToDouble(value), traversal()),
];

const toText: Library = [
  fn<readonly [string]>("string", [STRING], STRING, ([value]) => value),
  fn<readonly [boolean]>("string", [BOOL], STRING, ([value]) => String(value)),
  fn<readonly [bigint]>("string", [INT], STRING, ([value]) => String(value)),
  fn<readonly [Uint]>("string", [UINT], STRING, ([value]) => String(value.value)),
  fn<readonly [number]>("string", [DOUBLE], STRING, ([value]) => doubleText(value)),
  fn<readonly [Uint8Array]>("string", [BYTES], STRING, ([value]) => bytesToText(value), traversal()),
  fn<readonly [Timestamp]>("string", [TIMESTAMP], STRING, ([value]) => value.toString()),
  fn<readonly [Duration]>("string", [DURATION], STRING, ([value]) => value.toString()),
  fn<readonly [Uint8Array]>("bytes", [BYTES], BYTES, ([value]) => value),
  fn<readonly [string]>("bytes", [STRING], BYTES, ([value]) => new Uint8Array(Buffer.from(value)), traversal()),
  fn<readonly [boolean]>("bool", [BOOL], BOOL, ([value]) => value),
  fn<readonly [string]>("bool", [STRING], BOOL, ([value]) => textToBool(value)),
];

const toTimes: Library = [
  fn<readonly [Timestamp]>("timestamp", [TIMESTAMP], TIMESTAMP, ([value]) => value),
  fn<readonly [string]>("timestamp", [STRING], TIMESTAMP, ([value]) => timestampOf(value), traversal()),
  fn<readonly [bigint]>("timestamp", [INT], TIMESTAMP, ([value]) => inTime(value * 1_000_000_000n)),
  fn<readonly [Duration]>("duration", [DURATION], DURATION, ([value]) => value),
  fn<readonly [string]>("duration", [STRING], DURATION, ([value]) => durationOf(value), traversal()),
  fn<readonly [bigint]>("duration", [INT], DURATION, ([value]) => new Duration(value)),
];

type Part = (date: Date) => number;
const PARTS: Readonly<Record<string, Part>> = {
  getFullYear: (date) => date.getUTCFullYear(),
  getMonth: (date) => date.getUTCMonth(),
  getDate: (date) => date.getUTCDate(),
  getDayOfMonth: (date) => date.getUTCDate() - 1,
  getDayOfWeek: (date) => date.getUTCDay(),
  getDayOfYear: (date) => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000),
  getHours: (date) => date.getUTCHours(),
  getMinutes: (date) => date.getUTCMinutes(),
  getSeconds: (date) => date.getUTCSeconds(),
  getMilliseconds: (date) => date.getUTCMilliseconds(),
};
const UNITS: Readonly<Record<string, bigint>> = { getHours: 3_600_000_000_000n, getMinutes: 60_000_000_000n, getSeconds: 1_000_000_000n };

/** The instant shifted so that its UTC parts are those of the zone. */
function inZone(time: Timestamp, zone: string): Date {
  const fixed = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (fixed !== null) return new Date(time.epochMs + (fixed[1] === "-" ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3])) * 60_000);
  try {
    const parts = new Intl.DateTimeFormat("en-US", {
      timeZone: zone === "" ? "UTC" : zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    }).formatToParts(new Date(time.epochMs));
    const at = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0);
    return new Date(Date.UTC(at("year"), at("month") - 1, at("day"), at("hour"), at("minute"), at("second"), ((time.epochMs % 1000) + 1000) % 1000));
  } catch {
    throw new CelError(`unknown time zone ${zone}`);
  }
}

const timeParts: Library = [
  ...Object.entries(PARTS).flatMap(([name, part]) => [
    method<readonly [Timestamp]>(name, [TIMESTAMP], INT, ([time]) => BigInt(part(new Date(time.epochMs)))),
    method<readonly [Timestamp, string]>(name, [TIMESTAMP, STRING], INT, ([time, zone]) => BigInt(part(inZone(time, zone)))),
  ]),
  ...Object.entries(UNITS).map(([name, unit]) => method<readonly [Duration]>(name, [DURATION], INT, ([duration]) => duration.nanos / unit)),
  method<readonly [Duration]>("getMilliseconds", [DURATION], INT, ([duration]) => (duration.nanos / 1_000_000n) % 1000n),
];

function floorDiv(value: bigint, by: bigint): bigint {
  return value % by < 0n ? value / by - 1n : value / by;
}

/** From one type to another, and the parts of times. */
export const conversionLibrary: Library = [...toNumbers, ...toText, ...toTimes, ...timeParts];
