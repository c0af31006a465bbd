import type { DesiredObject } from "./desired-state.ts";
import type { Variables } from "./substitute-variables.ts";

/** `${name}`, and Flux's `${name:=usual}`; `$${name}` is meant as it stands. With bounds, for it is looked for at every place of texts of any length. */
const REFERENCE = /(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_.-]{0,99}?)(?::?[=-][^}]{0,500})?\}/g;
/** Programs and files have such words of their own. */
const FREE_TEXT: ReadonlySet<string> = new Set(["command", "args", "data", "stringData", "binaryData"]);
const TOLD_MAX = 5;

/**
 * What looks like a variable of an application that has some, and is none: it is left as it stands, which a repository that was written
 * for another program hardly means. One line for each name, with the first place.
 */
export function findUndeclaredVariables(objects: readonly DesiredObject[], variables: Variables): readonly string[] {
  if (Object.keys(variables).length === 0) return [];
  const found = new Map<string, string>();
  for (const desired of objects) {
    if (desired.isConfidential === true) continue;
    const walk = (value: unknown, steps: readonly (string | number)[]): void => {
      if (typeof value === "string") {
        for (const [text, name = ""] of value.matchAll(REFERENCE))
          if (!Object.hasOwn(variables, name) && !found.has(text)) found.set(text, placeOf(desired, steps));
      } else if (Array.isArray(value)) value.forEach((item, index) => walk(item, [...steps, index]));
      else if (typeof value === "object" && value !== null)
        for (const [key, child] of Object.entries(value)) if (!FREE_TEXT.has(key)) walk(child, [...steps, key]);
    };
    walk(desired.object, []);
  }
  const lines = [...found].map(([text, place]) => `${place} ${text} is no variable of the application and is left as it stands`);
  return lines.length <= TOLD_MAX ? lines : [...lines.slice(0, TOLD_MAX), `${lines.length - TOLD_MAX} more that are no variables of the application`];
}

function placeOf({ file, line, locate }: DesiredObject, steps: readonly (string | number)[]): string {
  const place = locate?.(steps) ?? { file, line };
  return `${place.file}:${place.line}`;
}
