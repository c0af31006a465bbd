import { CelCompileError } from "../../cel/cel-error.ts";
import { duplicateField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameError } from "../../apimachinery/names.ts";
import { conditionPrograms, type ExpressionScope } from "./expression-environment.ts";
import type { MatchCondition, Variable } from "../types.ts";

const CONDITIONS_MAX = 64;
const RESERVED = new Set(["true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while"]);

/** Named conditions of a webhook or a policy. */
export function validateMatchConditions(conditions: readonly MatchCondition[], { hasParams }: Pick<ExpressionScope, "hasParams">, at: string): FieldError[] {
  const tooMany: FieldError[] = conditions.length > CONDITIONS_MAX ? [{ type: "FieldValueTooMany", field: at, message: `Too many: ${conditions.length}: must have at most ${CONDITIONS_MAX} items` }] : [];
  return [
    ...tooMany,
    ...conditions.flatMap(({ name, expression }, index) => {
      const problem = name === "" ? undefined : qualifiedNameError(name);
      return [
        ...(expression.trim() === "" ? [requiredField(`${at}[${index}].expression`)] : compileErrors(() => conditionPrograms(hasParams).get(expression), expression, `${at}[${index}].expression`)),
        ...(name === "" ? [requiredField(`${at}[${index}].name`)] : []),
        ...(problem === undefined ? [] : [invalidField(`${at}[${index}].name`, name, problem)]),
        ...(name !== "" && conditions.findIndex((other) => other.name === name) < index ? [duplicateField(`${at}[${index}].name`, name)] : []),
      ];
    }),
  ];
}

/** What is wrong with an expression, with its place in it. */
export function compileErrors(compile: () => unknown, expression: string, at: string): FieldError[] {
  try {
    compile();
    return [];
  } catch (error) {
    if (error instanceof CelCompileError) return [invalidField(at, expression, `compilation failed: ${error.message}`)];
    throw error;
  }
}

/** Named expressions of a policy. */
export function validateVariables(variables: readonly Variable[], at: string): FieldError[] {
  return variables.flatMap(({ name, expression }, index) => [
    ...(name.trim() === "" ? [requiredField(`${at}[${index}].name`, "name is not specified")] : isIdentifier(name) ? [] : [invalidField(`${at}[${index}].name`, name, "name is not a valid CEL identifier")]),
    ...(expression.trim() === "" ? [requiredField(`${at}[${index}].expression`, "expression is not specified")] : []),
  ]);
}

function isIdentifier(name: string): boolean {
  return /^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) && !RESERVED.has(name);
}
