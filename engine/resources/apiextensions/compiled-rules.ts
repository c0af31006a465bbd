import type { Schema } from "../../apimachinery/schema.ts";
import { CelCompileError } from "../../cel/cel-error.ts";
import { compileExpression, type CelProgram } from "../../cel/compile.ts";
import { resourceType, schemaType } from "../../cel/schema-type.ts";
import { BOOL, optionalOf, STRING, type CelType } from "../../cel/types.ts";
import type { ValidationRule } from "../types.ts";
import { findFieldPath } from "./field-path.ts";
import type { JsonSchema } from "./json-schema.ts";

/** A rule ready to be asked, or why it cannot be. An empty rule is neither. */
export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program?: CelProgram;
  readonly problem?: string;
  readonly message?: CelProgram;
  readonly messageProblem?: string;
  /** Whether it is about changes. */
  readonly usesOldSelf: boolean;
  /** Of the field to blame, relative to self; empty for self. */
  readonly fieldPath: string;
}

const compiled = new WeakMap<JsonSchema, readonly CompiledRule[]>();
const withRules = new WeakMap<JsonSchema, boolean>();

/** What rules see as `self` of a schema; undefined where they see nothing. A whole object also has its names. */
export function selfType(schema: JsonSchema, isResource: boolean): CelType | undefined {
  const plain = schema as Schema; // the parts that types are made of are the same
  return isResource || schema["x-kubernetes-embedded-resource"] === true ? resourceType(plain) : schemaType(plain);
}

/** The rules of one schema, not of those inside of it; compiled once per schema. */
export function compileRules(schema: JsonSchema, isResource: boolean): readonly CompiledRule[] {
  let rules = compiled.get(schema);
  if (rules === undefined) {
    const type = selfType(schema, isResource);
    rules = type === undefined ? [] : (schema["x-kubernetes-validations"] ?? []).map((rule) => compileRule(schema, rule, type));
    compiled.set(schema, rules);
  }
  return rules;
}

/** Whether the schema, or any inside of it, has rules. */
export function hasRules(schema: JsonSchema): boolean {
  let known = withRules.get(schema);
  if (known === undefined) {
    const { items, properties = {}, additionalProperties } = schema;
    const inner = [
      ...Object.values(properties),
      ...(items === undefined ? [] : [items]),
      ...(typeof additionalProperties === "object" ? [additionalProperties] : []),
    ];
    known = (schema["x-kubernetes-validations"] ?? []).length > 0 || inner.some(hasRules);
    withRules.set(schema, known);
  }
  return known;
}

function compileRule(schema: JsonSchema, rule: ValidationRule, self: CelType): CompiledRule {
  const base = { rule, usesOldSelf: false, fieldPath: fieldPathOf(schema, rule) };
  if (rule.rule.trim() === "") return base;
  const variables = { self, oldSelf: rule.optionalOldSelf === true ? optionalOf(self) : self };
  const program = compileOr(rule.rule, variables);
  if (typeof program === "string") return { ...base, problem: `compilation failed: ${program}` };
  if (!isType(program.resultType, BOOL)) return { ...base, problem: "cel expression must evaluate to a bool" };
  const ready = { ...base, program, usesOldSelf: program.uses("oldSelf") };
  if (!rule.messageExpression) return ready;
  const message = compileOr(rule.messageExpression, variables);
  if (typeof message === "string") return { ...ready, messageProblem: `messageExpression compilation failed: ${message}` };
  return isType(message.resultType, STRING) ? { ...ready, message } : { ...ready, messageProblem: "messageExpression must evaluate to a string" };
}

function fieldPathOf(schema: JsonSchema, { fieldPath }: ValidationRule): string {
  const found = fieldPath ? findFieldPath(fieldPath, schema) : undefined;
  return found?.is === "found" ? found.path : "";
}

function isType(type: CelType, wanted: CelType): boolean {
  return type.kind === "primitive" && wanted.kind === "primitive" && type.name === wanted.name;
}

function compileOr(source: string, variables: Readonly<Record<string, CelType>>): CelProgram | string {
  try {
    return compileExpression(source, { variables });
  } catch (error) {
    if (error instanceof CelCompileError) return error.message;
    throw error;
  }
}
