/** Indexes of an indexed Job as intervals, ascending and apart: the text form `1,3-5,7` of its status and policies. */
export type IndexSet = readonly (readonly [first: number, last: number])[];

/**
 * Reads the text form; indexes are below `count`. Throws an Error for anything but ascending intervals that do not overlap.
 */
export function parseIndexSet(text: string, count: number): IndexSet {
  if (text === "") return [];
  const intervals: (readonly [number, number])[] = [];
  for (const part of text.split(",")) {
    const limits = part.split("-");
    if (limits.length > 2)
      throw new Error(`the fragment ${JSON.stringify(part)} violates the requirement that an index interval can have at most two parts separated by '-'`);
    const [first, last] = [parseIndex(limits[0] ?? "", count, part), parseIndex(limits[1] ?? limits[0] ?? "", count, part)];
    if (limits.length === 2 && first >= last) throw new Error(`non-increasing order, previous: ${first}, current: ${last}`);
    const previous = intervals.at(-1);
    if (previous !== undefined && first <= previous[1]) throw new Error(`non-increasing order, previous: ${previous[1]}, current: ${first}`);
    intervals.push([first, last]);
  }
  return intervals;
}

function parseIndex(text: string, count: number, part: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`cannot convert string to integer for index: ${JSON.stringify(text)}`);
  const index = Number(text);
  if (index >= count) throw new Error(`too large index: ${JSON.stringify(part)}`);
  return index;
}

/** The text form, as upstream writes it: `1,3-5,7,8`, where two that are next to each other are no range. */
export function formatIndexSet(set: IndexSet): string {
  return set.map(([first, last]) => (first === last ? String(first) : `${first}${last === first + 1 ? "," : "-"}${last}`)).join(",");
}

export function indexCount(set: IndexSet): number {
  return set.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

export function hasIndex(set: IndexSet, index: number): boolean {
  return set.some(([first, last]) => first <= index && index <= last);
}

/** The set with more indexes in it. */
export function withIndexes(set: IndexSet, indexes: Iterable<number>): IndexSet {
  const added = [...indexes].filter((index) => !hasIndex(set, index)).map((index) => [index, index] as const);
  if (added.length === 0) return set;
  const merged: [number, number][] = [];
  for (const [first, last] of [...set, ...added].sort((a, b) => a[0] - b[0])) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

/** Where the two sets meet first; undefined when they have nothing in common. */
export function firstCommonIndex(left: IndexSet, right: IndexSet): number | undefined {
  for (const [first, last] of left)
    for (const [otherFirst, otherLast] of right) if (first <= otherLast && otherFirst <= last) return Math.max(first, otherFirst);
  return undefined;
}

/** How many indexes the two sets have in common. */
export function commonIndexCount(left: IndexSet, right: IndexSet): number {
  let count = 0;
  for (const [first, last] of left)
    for (const [otherFirst, otherLast] of right) count += Math.max(0, Math.min(last, otherLast) - Math.max(first, otherFirst) + 1);
  return count;
}
