import "./json.ts"; // where whole numbers of 64 bits are written

/** JSON as Go's encoder writes a struct: fields in the order in which they stand, and escaped whatever could end a script in a page. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * JSON as Go's encoder writes maps: the same, with keys in order at every depth. Hashes depend on each byte. With an indent, which is a number of
 * spaces, every item has a line of its own.
 */
export function sortedGoJson(value: unknown, indent = 0): string {
  return written(value, " ".repeat(indent), indent === 0 ? "" : "\n");
}

/** `line` is the break and the indent before the brackets' end. */
function written(value: unknown, step: string, line: string): string {
  if (typeof value !== "object" || value === null) return goJson(value ?? null);
  if (Array.isArray(value))
    return bracketed(
      "[]",
      value.map((item) => written(item, step, line + step)),
      step,
      line,
    );
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return bracketed(
    "{}",
    fields.map(([key, field]) => `${goJson(key)}:${step === "" ? "" : " "}${written(field, step, line + step)}`),
    step,
    line,
  );
}

function bracketed(brackets: "[]" | "{}", items: readonly string[], step: string, line: string): string {
  if (items.length === 0) return brackets;
  return `${brackets[0]}${line}${step}${items.join(`,${line}${step}`)}${line}${brackets[1]}`;
}
