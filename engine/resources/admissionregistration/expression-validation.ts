import { CelCompileError } from "../../cel/cel-error.ts";
import { KEYWORDS } from "../../cel/reserved-words.ts";
import { duplicateField, invalidField, requiredField, tooMany, type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameError } from "../../apimachinery/names.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import { conditionPrograms, type ExpressionScope } from "./expression-environment.ts";
import type { Compiled, CompiledVariable } from "./policy-expressions.ts";
import type { MatchCondition, Variable } from "../types.ts";

const CONDITIONS_MAX = 64;

/** Named conditions of a webhook or a policy. */
export function validateMatchConditions(conditions: readonly MatchCondition[], { hasParams }: Pick<ExpressionScope, "hasParams">, at: string): FieldError[] {
  const repeats = repeatsOf(conditions, ({ name }) => name);
  return [
    ...(conditions.length > CONDITIONS_MAX ? [tooMany(at, conditions.length, CONDITIONS_MAX)] : []),
    ...conditions.flatMap(({ name, expression }, index) => {
      const problem = name === "" ? undefined : qualifiedNameError(name);
      return [
        ...(expression.trim() === ""
          ? [requiredField(`${at}[${index}].expression`)]
          : compileError(compileCondition(expression, hasParams), `${at}[${index}].expression`)),
        ...(name === "" ? [requiredField(`${at}[${index}].name`)] : []),
        ...(problem === undefined ? [] : [invalidField(`${at}[${index}].name`, name, problem)]),
        ...(name !== "" && repeats[index] === true ? [duplicateField(`${at}[${index}].name`, name)] : []),
      ];
    }),
  ];
}

/** What is wrong with an expression, with its place in it. */
export function compileError(compiled: Compiled | undefined, at: string): FieldError[] {
  return compiled === undefined || !("error" in compiled) ? [] : [invalidField(at, compiled.source, compileFailure(compiled.error))];
}

/** A result of a wrong type is said as upstream says it, without a place. */
function compileFailure({ issues, message }: CelCompileError): string {
  const [wrongResult] = issues.filter((issue) => issue.message.startsWith("must evaluate to "));
  if (wrongResult === undefined) return `compilation failed: ${message}`;
  const [, wanted = "", given = ""] = /^must evaluate to (.*), got (.*)$/.exec(wrongResult.message) ?? [];
  const types = wanted.split(" or ").map((type) => (type === "null" ? "null_type" : type));
  return `must evaluate to ${types.length === 1 ? wanted : `one of [${types.join(" ")}]`} but got ${given}`;
}

function compileCondition(expression: string, hasParams: boolean): Compiled {
  try {
    return { source: expression, program: conditionPrograms(hasParams).get(expression) };
  } catch (error) {
    if (error instanceof CelCompileError) return { source: expression, error };
    throw error;
  }
}

/** Named expressions of a policy. */
export function validateVariables(variables: readonly Variable[], compiled: readonly CompiledVariable[], at: string): FieldError[] {
  return variables.flatMap(({ name, expression }, index) => [
    ...(name.trim() === ""
      ? [requiredField(`${at}[${index}].name`, "name is not specified")]
      : isIdentifier(name)
        ? []
        : [invalidField(`${at}[${index}].name`, name, "must be a valid CEL identifier")]),
    ...(expression.trim() === ""
      ? [requiredField(`${at}[${index}].expression`, "expression is not specified")]
      : compileError(compiled[index]?.expression, `${at}[${index}].expression`)),
  ]);
}

function isIdentifier(name: string): boolean {
  return /^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) && !KEYWORDS.has(name);
}
