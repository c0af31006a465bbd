import type { RE2JS } from "@bufbuild/re2";
import { loadRe2 } from "../../lib/late-modules.ts";
import { BuildFault } from "./kustomize-error.ts";

/** Go's pattern language (RE2), which cannot be made to run for ever whatever a repository brings. An absent pattern fits everything. */
export class Pattern {
  readonly #expression: RE2JS | undefined;

  constructor(source: string | undefined) {
    this.#expression = source === undefined || source === "" ? undefined : compile(`^(?:${source})$`, source);
  }

  /** Whether the whole text fits. */
  fits(text: string): boolean {
    return this.#expression === undefined || this.#expression.test(text);
  }
}

/** A pattern that may fit anywhere in a text. */
export function compilePattern(source: string): (text: string) => boolean {
  const expression = compile(source);
  return (text) => expression.test(text);
}

function compile(source: string, shown = source): RE2JS {
  try {
    return loadRe2().RE2JS.compile(source);
  } catch (error) {
    throw new BuildFault(`${shown} is no pattern: ${error instanceof Error ? error.message : String(error)}`);
  }
}
