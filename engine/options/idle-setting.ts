/** What upstream's programs can be told by a flag or a field, and what has nothing to change here. */
export interface IdleSetting {
  /** Why it means nothing, or what is asked for is not done. */
  readonly why: string;
  /** What already holds: these need no word, others are refused when `isStrict`. */
  readonly holds?: readonly string[];
  /** Whether another value would ask for what is not done, and would be missed. */
  readonly isStrict?: true;
}

/**
 * What is to be said of one that was given this value, by a flag or in a place of a file; undefined where nothing is. `isSame` is whether a
 * value that holds is the given one. Pure.
 */
export function judgeIdle(
  { why, holds = [], isStrict }: IdleSetting,
  origin: string,
  text: string,
  isSame = (one: string) => one === text,
): { readonly is: "told" | "refused"; readonly text: string } | undefined {
  if (holds.some(isSame)) return undefined;
  const right = holds.filter((one) => one !== "");
  return isStrict === true
    ? { is: "refused", text: `${origin} "${text}": ${right.length === 0 ? "cannot be done" : `must be ${right.join(" or ")}`}: ${why}` }
    : { is: "told", text: `${origin} changes nothing: ${why}` };
}
