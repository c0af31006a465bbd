import { joinProblems } from "../../apimachinery/status-error.ts";
import { CelCompileError, CelError } from "../../cel/cel-error.ts";
import { CALL_COST_MAX } from "../../cel/compile.ts";
import type { ProgramCache } from "../../cel/program-cache.ts";
import type { MatchCondition } from "../../resources/types.ts";

/** Upstream's budget for all match conditions of one webhook or policy together. */
const CONDITIONS_COST_MAX = 2_500_000;

export const OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run";

/** What conditions say of a request. Errors count only when no condition is false. */
export type ConditionsOutcome = { readonly is: "match" } | { readonly is: "no match" } | { readonly is: "error"; readonly message: string };

/** Whether all conditions are true. One that is false decides at once, whatever others failed with. */
export async function evaluateConditions(
  conditions: readonly MatchCondition[],
  programs: ProgramCache,
  bindings: Readonly<Record<string, unknown>>,
): Promise<ConditionsOutcome> {
  const errors: string[] = [];
  let budget = CONDITIONS_COST_MAX;
  for (const { expression } of conditions) {
    try {
      const { value, cost } = await programs.get(expression).evaluateLater(bindings);
      budget -= cost;
      if (value === false && budget >= 0) return { is: "no match" };
    } catch (error) {
      if (error instanceof CelError && error.isFatal) budget -= CALL_COST_MAX;
      errors.push(expressionFailure(expression, error));
    }
    if (budget < 0) return { is: "error", message: OUT_OF_BUDGET };
  }
  if (errors.length === 0) return { is: "match" };
  return { is: "error", message: joinProblems(errors) };
}

/** A failure in upstream's words. Rethrows what is no failure of the expression. */
export function expressionFailure(expression: string, error: unknown): string {
  if (error instanceof CelCompileError) return `compilation error: compilation failed: ${error.message}`;
  if (error instanceof CelError) return `expression '${expression}' resulted in error: ${error.message}`;
  throw error;
}
