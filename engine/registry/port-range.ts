/** Ports from the first to the last, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export const USUAL_NODE_PORTS: PortRange = { first: 30_000, last: 32_767 };

/** Reads `30000-32767`, or `30000+100` for the first and how many follow it. Throws what would be right. */
export function parsePortRange(text: string): PortRange {
  const [, first = "", sign = "", second = ""] = /^(\d+)(?:([-+])(\d+))?$/.exec(text.trim()) ?? [];
  const range = { first: Number(first), last: sign === "" ? Number(first) : sign === "+" ? Number(first) + Number(second) : Number(second) };
  if (first === "" || range.first < 1 || range.last < range.first || range.last > 65_535) throw new Error("must be a range of ports such as 30000-32767");
  return range;
}
