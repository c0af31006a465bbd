import { badRequest } from "./status-error.ts";

/** As upstream reads flags in queries: there, and neither `false` nor `0`. Null is what is not there. */
export function queryFlag(text: string | null): boolean {
  return text !== null && text !== "0" && text.toLowerCase() !== "false";
}

/** A whole number of 64 bits. Throws 400, in Go's words, for what is none. */
export function queryInteger(text: string): number {
  const why = !/^[+-]?\d+$/.test(text) ? "invalid syntax" : BigInt.asIntN(64, BigInt(text)) !== BigInt(text) ? "value out of range" : undefined;
  if (why !== undefined) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`);
  return Number(text);
}
