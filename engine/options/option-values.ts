import { parseGoDurationMs } from "../lib/go-duration.ts";

/** One option of a table that is behind --help, the MAINSTAY_… variables and the types. */
export interface OptionRowOf<Config> {
  readonly key: keyof Config;
  /** As commander takes it: `--api-port <port>`, `--no-agent`. */
  readonly flags: string;
  readonly description: string;
  readonly default?: string;
  /** How its value is read; throws what would be right. */
  readonly parse?: (text: string) => unknown;
  /** May be given several times, or once with commas; where the value itself has commas, once with lines. */
  readonly repeats?: true | "lines";
}

export function bool(text: string): boolean {
  if (text !== "true" && text !== "false") throw new Error("must be true or false");
  return text === "true";
}

export function oneOf(...values: readonly string[]): (text: string) => string {
  return (text) => {
    if (!values.includes(text)) throw new Error(`must be one of ${values.join(", ")}`);
    return text;
  };
}

/** A whole number, which may be below zero. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value)) throw new Error("must be a whole number");
  return value;
}

/** A whole number from 1. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error("must be a whole number from 1");
  return value;
}

/** A whole number; 0 mostly means that there is no bound. */
export function amount(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error("must be a whole number, 0 for no bound");
  return value;
}

/** A duration as Go writes it, such as 1h30m or 5m0s. */
export function durationMs(text: string): number {
  const ms = parseGoDurationMs(text);
  if (ms === undefined) throw new Error("must be a duration such as 30s, 5m or 1h30m");
  return ms;
}
