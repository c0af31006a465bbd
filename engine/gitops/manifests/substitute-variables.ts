import * as yaml from "js-yaml";
import { walkScalars } from "../sops/scalar-walk.ts";

/** Values of an application by name, as mainstay.yaml states them. */
export type Variables = Readonly<Record<string, string | number | boolean>>;

/** One place where a variable's value was put. */
export interface Substitution {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly value: string | number | boolean;
}

const REFERENCE = /(\$?)\$\{([A-Za-z_][A-Za-z0-9_.-]*)\}/g;

/**
 * Puts values where `${name}` stands in the scalars of a YAML or JSON text. Only declared names count: `${HOME}` in a script stays.
 * A scalar that is nothing but one reference takes over the value's type; inside text it becomes text; `$${name}` writes `${name}`.
 * Keys, comments, block scalars (`|`, `>`) and scalars over several lines are never touched, and every line stays where it is.
 * Bad text is returned as it is: whoever parses it says what is wrong.
 */
export function substituteVariables(text: string, variables: Variables, file: string): { readonly text: string; readonly uses: readonly Substitution[] } {
  const uses: Substitution[] = [];
  if (!text.includes("${") || Object.keys(variables).length === 0) return { text, uses };
  let result = "";
  let at = 0;
  const walked = walk(text);
  if (walked === undefined) return { text, uses };
  for (const scalar of walked.scalars) {
    const isBlock = scalar.style === yaml.SCALAR_STYLE.LITERAL_BLOCK || scalar.style === yaml.SCALAR_STYLE.FOLDED_BLOCK;
    const written = walked.text.slice(scalar.start, scalar.end);
    if (isBlock || written.includes("\n") || !scalar.text.includes("${")) continue;
    const value = substituteIn(scalar.text, variables, (name, used) => void uses.push({ file, line: scalar.line, name, value: used }));
    if (value === scalar.text) continue;
    result += walked.text.slice(at, scalar.start) + JSON.stringify(value);
    at = scalar.end;
  }
  return { text: uses.length === 0 && result === "" ? text : result + walked.text.slice(at), uses };
}

function walk(text: string): ReturnType<typeof walkScalars> | undefined {
  try {
    return walkScalars(text);
  } catch (error) {
    if (error instanceof yaml.YAMLException) return undefined;
    throw error;
  }
}

function substituteIn(text: string, variables: Variables, report: (name: string, value: string | number | boolean) => void): string | number | boolean {
  const whole = /^\$\{([A-Za-z_][A-Za-z0-9_.-]*)\}$/.exec(text)?.[1];
  const value = whole !== undefined && Object.hasOwn(variables, whole) ? variables[whole] : undefined;
  if (whole !== undefined && value !== undefined) {
    report(whole, value);
    return value;
  }
  return text.replace(REFERENCE, (match: string, escape: string, name: string) => {
    const inner = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (inner === undefined) return match;
    if (escape !== "") return match.slice(1);
    report(name, inner);
    return String(inner);
  });
}
