import path from "node:path";
import { parseQuantity } from "../engine/apimachinery/quantity.ts";
import { dnsSubdomainError } from "../engine/apimachinery/names.ts";
import { parsePair, type IpFamily } from "../engine/lib/net/ip-address.ts";
import { durationMs } from "../engine/options/option-values.ts";

export function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new Error("must be a port number from 0 to 65535");
  return value;
}

export function whole(min: number, max = 2_147_483_647): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < min || value > max) throw new Error(`must be a whole number from ${min} to ${max}`);
    return value;
  };
}

export function atLeast(ms: number, written: string): (text: string) => number {
  return (text) => {
    const value = durationMs(text);
    if (value < ms) throw new Error(`must be ${written} or more`);
    return value;
  };
}

export function zeroOrSecond(text: string): number {
  const value = durationMs(text);
  if (value !== 0 && value < 1_000) throw new Error("must be 0s, or 1s or more");
  return value;
}

export function restartPeriod(text: string): number {
  const value = durationMs(text);
  if (value < 1_000 || value > 300_000) throw new Error("must be from 1s to 300s");
  return value;
}

export function bytes(text: string): number {
  const value = parseQuantity(text);
  if (!(value > 0)) throw new Error("must be an amount of bytes above 0, such as 10Mi");
  return value;
}

export function absolutePath(text: string): string {
  if (!/^\/[\x20-\x7e]*$/.test(text) || /\/\/|\/\.\.?(?:\/|$)|.\/$/.test(text)) throw new Error("must be an absolute path without detours, in ASCII");
  return text;
}

export function manifestPath(text: string): string | undefined {
  return text === "" ? undefined : path.resolve(text);
}

export function domain(text: string): string {
  const problem = dnsSubdomainError(text);
  if (problem !== undefined) throw new Error(problem);
  return text;
}

/** What stands for one family or for both, each part as it is written canonically. */
export function pairOf(parse: (part: string) => { readonly family: IpFamily; readonly text: string } | undefined, kind: string): (text: string) => string {
  return (text) =>
    parsePair(text, parse, kind)
      .map((part) => part.text)
      .join(",");
}
