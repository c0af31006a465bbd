import { compileRegex } from "../../cel/regex.ts";

/** Whether the pattern of a schema, in Go's syntax, is found in the text; in linear time. A pattern that is none is found nowhere. */
export function hasPattern(pattern: string, text: string): boolean {
  return patternProblem(pattern) === undefined && compileRegex(pattern).test(text);
}

/** Why this is no pattern; undefined when it is one. */
export function patternProblem(pattern: string): string | undefined {
  try {
    compileRegex(pattern);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
