const compiled = new Map<string, RegExp>();
const PATTERNS_MAX = 5_000;

/**
 * A pattern of a schema as a regular expression of this language. Schemas are written for Go, whose syntax differs in a few places:
 * flags at the front, `\A` and `\z`, named groups, character classes by name. Throws a SyntaxError for what is none.
 */
export function compilePattern(pattern: string): RegExp {
  const flags = /^\(\?([imsU]+)\)/.exec(pattern);
  const source = pattern
    .slice(flags?.[0].length ?? 0)
    .replace(/\(\?P</g, "(?<")
    .replace(/\\A/g, "^")
    .replace(/\\z/g, "$")
    .replace(/\[:(\w+):\]/g, (whole, name: string) => CLASSES[name] ?? whole);
  const given = [...(flags?.[1] ?? "")].filter((flag) => flag !== "U").join("");
  try {
    return new RegExp(source, `u${given}`);
  } catch {
    return new RegExp(source, given); // full Unicode refuses needless escapes, which Go accepts
  }
}

const CLASSES: Readonly<Record<string, string>> = { alnum: "0-9A-Za-z", alpha: "A-Za-z", digit: "0-9", lower: "a-z", upper: "A-Z", space: "\\t\\n\\v\\f\\r ", word: "0-9A-Za-z_", xdigit: "0-9A-Fa-f", punct: "!-\\/:-@\\[-`{-~", blank: "\\t ", cntrl: "\\x00-\\x1f\\x7f", graph: "!-~", print: " -~", ascii: "\\x00-\\x7f" };

/** Whether the pattern is found in the text. A pattern that cannot be compiled is found nowhere. */
export function hasPattern(pattern: string, text: string): boolean {
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    try {
      expression = compilePattern(pattern);
    } catch {
      return false;
    }
    if (compiled.size >= PATTERNS_MAX) compiled.clear();
    compiled.set(pattern, expression);
  }
  return expression.test(text);
}
