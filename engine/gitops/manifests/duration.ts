/** `1h30m`, `10s`, `250ms` in milliseconds; undefined when absent or not of that form. */
export function parseDurationMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^(\d+(ms|s|m|h))+$/.test(text)) return undefined;
  const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  // The expression above admits these units only.
  return [...text.matchAll(/(\d+)(ms|s|m|h)/g)].reduce((sum, match) => sum + Number(match[1]) * units[match[2] as keyof typeof units], 0);
}
