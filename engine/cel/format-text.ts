import { CelError } from "./cel-error.ts";
import { doubleText } from "./library/conversions.ts";
import { Duration, isCelMap, Timestamp, TypeValue, typeNameOf, Uint } from "./values.ts";

const CLAUSE = /^(?:\.(\d+))?([sdfebxXo])/;

/** `"%d of %s".format([1, "x"])`, by the clauses of CEL's string extensions. */
export function formatText(pattern: string, args: readonly unknown[]): string {
  let out = "";
  let next = 0;
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern[at];
    if (letter !== "%") {
      out += letter;
      continue;
    }
    if (pattern[at + 1] === "%") {
      out += "%";
      at++;
      continue;
    }
    const clause = CLAUSE.exec(pattern.slice(at + 1));
    if (clause === null) throw new CelError(`could not parse formatting clause: unrecognized formatting clause "${pattern[at + 1] ?? ""}"`);
    if (next >= args.length) throw new CelError(`index ${next} out of range`);
    out += formatClause(clause[2] ?? "", args[next++], clause[1] === undefined ? 6 : Number(clause[1]));
    at += clause[0].length;
  }
  return out;
}

function formatClause(verb: string, value: unknown, precision: number): string {
  const whole = typeof value === "bigint" ? value : value instanceof Uint ? value.value : undefined;
  switch (verb) {
    case "s":
      return plainText(value);
    case "d":
      if (whole !== undefined) return String(whole);
      if (typeof value === "number" && !Number.isFinite(value)) return doubleText(value).replace("+Inf", "Infinity").replace("-Inf", "-Infinity");
      break;
    case "f":
    case "e":
      if (typeof value === "number" && !Number.isFinite(value)) return doubleText(value).replace("Inf", "Infinity").replace("+", "");
      if (typeof value === "number" || whole !== undefined)
        return verb === "f"
          ? Number(whole ?? value).toFixed(precision)
          : Number(whole ?? value)
              .toExponential(precision)
              .replace(/e([+-])(\d)$/, "e$10$2");
      break;
    case "b":
      if (typeof value === "boolean") return value ? "1" : "0";
      if (whole !== undefined) return whole.toString(2);
      break;
    case "o":
      if (whole !== undefined) return whole.toString(8);
      break;
    case "x":
    case "X": {
      const hex =
        whole !== undefined ? whole.toString(16) : typeof value === "string" || value instanceof Uint8Array ? Buffer.from(value).toString("hex") : undefined;
      if (hex !== undefined) return verb === "X" ? hex.toUpperCase() : hex;
    }
  }
  throw new CelError(`error during formatting: %${verb} clause cannot be used on ${typeNameOf(value)}`);
}

function plainText(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return doubleText(value);
  if (typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (value === null) return "null";
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("utf8");
  if (value instanceof Timestamp || value instanceof Duration) return value.toString();
  if (value instanceof TypeValue) return value.name;
  if (Array.isArray(value)) return `[${value.map(plainText).join(", ")}]`;
  if (isCelMap(value))
    return `{${[...value.keys()]
      .map((key) => [plainText(key), plainText(value.get(key))] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${key}: ${item}`)
      .join(", ")}}`;
  throw new CelError(
    `error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ${typeNameOf(value)}`,
  );
}
