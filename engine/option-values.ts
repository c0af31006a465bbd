/** One option of a table that is behind --help, the MAINSTAY_… variables and the types. */
export interface OptionRowOf<Config> {
  readonly key: keyof Config;
  /** As commander takes it: `--api-port <port>`, `--no-agent`. */
  readonly flags: string;
  readonly description: string;
  readonly default?: string;
  /** How its value is read; throws what would be right. */
  readonly parse?: (text: string) => unknown;
  /** May be given several times, or once with commas. */
  readonly repeats?: true;
}

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
