import type { RE2JS } from "@bufbuild/re2";
import { loadRe2 } from "../lib/late-modules.ts";
import { CelError } from "./cel-error.ts";

const CACHE_MAX = 1_000;
const compiled = new Map<string, RE2JS>();

/** A regular expression that runs in linear time. Throws a CelError for a pattern that is none. */
export function compileRegex(pattern: string): RE2JS {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  try {
    const regex = loadRe2().RE2JS.compile(pattern);
    if (compiled.size >= CACHE_MAX) compiled.clear();
    compiled.set(pattern, regex);
    return regex;
  } catch (error) {
    throw new CelError(error instanceof Error ? error.message : String(error));
  }
}
