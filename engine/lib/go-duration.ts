const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration as Go writes it, such as `1h30m`, `5m0s` or `0`, in milliseconds; undefined for anything else. */
export function parseGoDurationMs(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined;
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)].reduce((sum, [, value, unit]) => sum + Number(value) * (UNITS_MS[unit ?? ""] ?? 0), 0);
}
