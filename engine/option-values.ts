/** How values of options are read; each function throws what would be right. */

/** What stands between commas. */
export function list(text: string): readonly string[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
}

export function bool(text: string): boolean {
  if (text !== "true" && text !== "false") throw new Error("must be true or false");
  return text === "true";
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration as Go writes it, such as 1h30m or 5m0s. */
export function durationMs(text: string): number {
  if (text === "0") return 0;
  if (!/^(\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) throw new Error("must be a duration such as 30s, 5m or 1h30m");
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)].reduce((sum, [, value, unit]) => sum + Number(value) * (UNITS_MS[unit ?? ""] ?? 0), 0);
}
