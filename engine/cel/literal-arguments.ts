import type { Expr } from "./ast.ts";
import { CelError, type CelIssue } from "./cel-error.ts";
import { compileRegex } from "./regex.ts";
import { parseDuration, parseTimestamp } from "./time-text.ts";

/** Texts that an expression states itself and that cannot be what they are used as: it would fail whenever it is asked. */
export function literalIssues(parts: Iterable<Expr>): readonly CelIssue[] {
  return [...parts].flatMap((part) => {
    const text = part.is === "call" ? part.args[0] : undefined;
    if (part.is !== "call" || text?.is !== "literal" || typeof text.value !== "string" || isFitting(part, text.value)) return [];
    return [{ message: `invalid ${part.name} argument`, at: text.at }];
  });
}

function isFitting({ name, target }: Extract<Expr, { is: "call" }>, text: string): boolean {
  if (target !== undefined) return name !== "matches" || isPattern(text);
  return (name !== "duration" || parseDuration(text) !== undefined) && (name !== "timestamp" || parseTimestamp(text) !== undefined);
}

function isPattern(text: string): boolean {
  try {
    compileRegex(text);
    return true;
  } catch (error) {
    if (error instanceof CelError) return false;
    throw error;
  }
}
