import { duplicateField, forbiddenField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { CelError } from "../../cel/cel-error.ts";
import { CALL_COST_MAX, type CelProgram } from "../../cel/compile.ts";
import { fromJson } from "../../cel/json-value.ts";
import { Optional } from "../../cel/values.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { ValidationRule } from "../types.ts";
import { compileRules, hasRules, selfType, type CompiledRule } from "./compiled-rules.ts";
import type { JsonSchema } from "./json-schema.ts";
import { isJsonObject, type OldValue } from "./value-errors.ts";
import { oldItemOf } from "./value-validation.ts";

/** Upstream's budget for all rules of one object. */
const OBJECT_COST_MAX = 10_000_000;
const MESSAGE_BYTES_MAX = 5 * 1024;
const OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run";

export interface RuleOptions {
  /** The value before an update. */
  readonly old?: unknown;
  /** Where the value is; the whole object when empty. */
  readonly path?: string;
  /** Whether values that are as they were are blamed for nothing; they are not, unless told otherwise. */
  readonly ratchets?: boolean;
  /** Told of what is wrong and may stay. */
  readonly warn?: ((text: string) => void) | undefined;
}

/** Asks every x-kubernetes-validations rule of a schema about an object whose shape is right. Rules about changes are asked where there is an old value. */
export function validateRules(schema: JsonSchema, object: unknown, { old, path = "", ratchets = true, warn }: RuleOptions = {}): FieldError[] {
  const run = new Run(ratchets, warn);
  run.visit(schema, { value: object, old: old === undefined ? undefined : { value: old }, path, isResource: path === "", isUnchanged: false });
  return run.errors;
}

interface Place {
  readonly value: unknown;
  readonly old: OldValue | undefined;
  readonly path: string;
  readonly isResource: boolean;
  /** Something that encloses it is as it was, and cannot be told apart further: what was wrong before may stay. */
  readonly isUnchanged: boolean;
}

class Run {
  readonly errors: FieldError[] = [];
  readonly #ratchets: boolean;
  readonly #warn: RuleOptions["warn"];
  #budget = OBJECT_COST_MAX;

  constructor(ratchets: boolean, warn: RuleOptions["warn"]) {
    this.#ratchets = ratchets;
    this.#warn = warn;
  }

  visit(schema: JsonSchema, place: Place): void {
    const { value } = place;
    if (value === null || value === undefined || this.#budget < 0 || !hasRules(schema)) return;
    const isUnchanged = place.isUnchanged || (place.old !== undefined && jsonEqual(value, place.old.value));
    this.#askRules(schema, { ...place, isUnchanged });
    if (Array.isArray(value)) {
      const { items } = schema;
      if (items === undefined) return;
      const oldItem = oldItemOf(schema, place.old?.value);
      for (const [index, item] of value.entries())
        this.visit(items, { value: item, old: oldItem(item), path: `${place.path}[${index}]`, isResource: false, isUnchanged });
    } else if (isJsonObject(value)) this.#visitFields(schema, value, { ...place, isUnchanged });
  }

  #visitFields(schema: JsonSchema, value: Readonly<Record<string, unknown>>, { old, path, isUnchanged }: Place): void {
    const before = isJsonObject(old?.value) ? old.value : undefined;
    const { properties = {}, additionalProperties } = schema;
    for (const [name, child] of Object.entries(value)) {
      const isProperty = Object.hasOwn(properties, name);
      const property = isProperty ? properties[name] : typeof additionalProperties === "object" ? additionalProperties : undefined;
      if (property === undefined) continue;
      const inner = isProperty ? (path === "" ? name : `${path}.${name}`) : `${path}[${name}]`;
      this.visit(property, {
        value: child,
        old: before !== undefined && Object.hasOwn(before, name) ? { value: before[name] } : undefined,
        path: inner,
        isResource: false,
        isUnchanged: isUnchanged && old !== undefined,
      });
    }
  }

  #askRules(schema: JsonSchema, place: Place): void {
    const rules = compileRules(schema, place.isResource);
    const type = selfType(schema, place.isResource);
    if (rules.length === 0 || type === undefined) return;
    if (this.#budget <= 0) return this.#stop(schema, place.path, OUT_OF_BUDGET);
    const oldSelf = place.old === undefined || place.old.value === null ? undefined : place.old.value;
    for (const compiled of rules) {
      const isOptional = compiled.rule.optionalOldSelf === true;
      if (compiled.problem !== undefined) this.#refuse(schema, place.path, `rule compile error: ${compiled.problem}`);
      if (compiled.program === undefined || (compiled.usesOldSelf && oldSelf === undefined && !isOptional)) continue;
      const bindings = { self: place.value, oldSelf: isOptional ? (oldSelf === undefined ? Optional.none : new Optional(fromJson(oldSelf, type))) : oldSelf };
      const isTrue = this.#ask(schema, place, compiled, compiled.program, bindings);
      if (this.#budget < 0) return;
      if (isTrue !== false) continue;
      const detail = this.#messageOf(compiled, bindings, schema, place.path);
      if (detail === undefined) return;
      const where = compiled.fieldPath === "" ? place.path : place.path === "" ? compiled.fieldPath : `${place.path}.${compiled.fieldPath}`;
      const error = errorOf(compiled.rule, where, place.value, detail);
      if (this.#ratchets && !compiled.usesOldSelf && place.isUnchanged) this.#warn?.(`${error.field}: ${error.message}`);
      else this.errors.push(error);
    }
  }

  /** Undefined when the rule could not be answered; then that has been said. */
  #ask(schema: JsonSchema, { path }: Place, { rule }: CompiledRule, program: CelProgram, bindings: Readonly<Record<string, unknown>>): boolean | undefined {
    try {
      const { value, cost } = program.evaluate(bindings, { costMax: CALL_COST_MAX });
      this.#budget -= cost;
      if (this.#budget < 0) this.#stop(schema, path, OUT_OF_BUDGET);
      return value === true;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      const text = rule.message ? rule.message.trim() : rule.rule.trim();
      if (error.isFatal)
        this.#stop(schema, path, `'${error.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${text}`);
      else if (error.message.startsWith("no such overload"))
        this.#refuse(schema, path, `'${error.message}': call arguments did not match a supported operator, function or macro signature for rule: ${text}`);
      else this.#refuse(schema, path, `${error.message} evaluating rule: ${text}`);
      return undefined;
    }
  }

  /** Undefined when the budget is spent. An expression that gives no proper text counts as absent. */
  #messageOf({ rule, message }: CompiledRule, bindings: Readonly<Record<string, unknown>>, schema: JsonSchema, path: string): string | undefined {
    const fallback = rule.message ? rule.message.trim() : `failed rule: ${rule.rule.trim()}`;
    if (message === undefined) return fallback;
    try {
      const { value, cost } = message.evaluate(bindings, { costMax: CALL_COST_MAX });
      this.#budget -= cost;
      if (this.#budget < 0) {
        this.#stop(schema, path, "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run");
        return undefined;
      }
      const text = typeof value === "string" ? value.trim() : "";
      return text === "" || text.includes("\n") || Buffer.byteLength(text) > MESSAGE_BYTES_MAX ? fallback : text;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      if (!error.isFatal) return fallback;
      this.#stop(
        schema,
        path,
        `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${JSON.stringify(rule.messageExpression)}`,
      );
      return undefined;
    }
  }

  /** Of objects and lists, the type stands for the value. */
  #refuse(schema: JsonSchema, path: string, detail: string): void {
    this.errors.push({
      type: "FieldValueInvalid",
      field: path === "" ? "<nil>" : path,
      message: `Invalid value: ${JSON.stringify(schema.type ?? "")}: ${detail}`,
    });
  }

  #stop(schema: JsonSchema, path: string, detail: string): void {
    this.#refuse(schema, path, detail);
    this.#budget = -1;
  }
}

function errorOf({ reason }: ValidationRule, path: string, value: unknown, detail: string): FieldError {
  const field = path === "" ? "<nil>" : path;
  const isWhole = typeof value === "object";
  switch (reason) {
    case "FieldValueForbidden":
      return forbiddenField(field, detail);
    case "FieldValueRequired":
      return requiredField(field, detail);
    case "FieldValueDuplicate":
      return isWhole ? { type: "FieldValueDuplicate", field, message: "Duplicate value" } : duplicateField(field, value);
    default:
      return { type: "FieldValueInvalid", field, message: `Invalid value: ${isWhole ? "" : `${JSON.stringify(value)}: `}${detail}` };
  }
}
