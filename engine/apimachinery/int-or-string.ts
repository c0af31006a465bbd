/** An absolute number or a percentage such as `25%` of `total`. Throws an Error for other text. */
export function scaledValue(value: number | string, total: number, roundUp: boolean): number {
  if (typeof value === "number") return value;
  const match = /^(\d+)%$/.exec(value);
  if (match === null) throw new Error(`invalid value ${JSON.stringify(value)}: it must be a whole number or a percentage such as "25%"`);
  const exact = (Number(match[1]) * total) / 100;
  return roundUp ? Math.ceil(exact) : Math.floor(exact);
}
