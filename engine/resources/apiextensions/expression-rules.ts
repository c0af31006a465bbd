import { forbiddenField, invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { REQUEST_SIZE_MAX } from "../../cel/cost-estimate.ts";
import { minSize } from "../../cel/schema-type.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import { compileRules, selfType } from "./compiled-rules.ts";
import { goJson } from "../../lib/go-json.ts";
import type { ValidationRule } from "../types.ts";
import type { JsonSchema } from "./json-schema.ts";

/** Upstream's bounds for what one expression, and all of a schema together, may cost by the sizes that the schema states. */
const EXPRESSION_COST_MAX = 10_000_000;
const SCHEMA_COST_MAX = 100_000_000;

interface Place {
  readonly path: string;
  readonly isResource: boolean;
  /** How often the value can occur in an object; undefined where no schema around it says. */
  readonly times: number | undefined;
  /** The first place around it whose old and new values cannot be told to belong together. */
  readonly uncorrelatable: string | undefined;
}

/** Whether the expressions of a structural schema compile, and whether they may cost too much. */
export function expressionErrors(schema: JsonSchema, path: string, suppressCost: boolean): FieldError[] {
  const check = new Check(suppressCost);
  check.visit(schema, { path, isResource: true, times: 1, uncorrelatable: undefined });
  return [...check.errors, ...check.totalErrors(path)];
}

class Check {
  readonly errors: FieldError[] = [];
  readonly #suppressCost: boolean;
  readonly #costs: { readonly path: string; readonly cost: number }[] = [];

  constructor(suppressCost: boolean) {
    this.#suppressCost = suppressCost;
  }

  visit(schema: JsonSchema, place: Place): void {
    const { path } = place;
    const inside = { isResource: false, times: timesInside(schema, place.times) };
    const { items, properties = {}, additionalProperties } = schema;
    if (typeof additionalProperties === "object") this.visit(additionalProperties, { ...place, ...inside, path: `${path}.additionalProperties` });
    for (const [name, property] of Object.entries(properties)) this.visit(property, { ...place, ...inside, path: `${path}.properties[${name}]` });
    if (items !== undefined)
      this.visit(items, {
        ...place,
        ...inside,
        path: `${path}.items`,
        uncorrelatable: place.uncorrelatable ?? (schema["x-kubernetes-list-type"] === "map" ? undefined : path),
      });
    this.#checkRules(schema, place);
  }

  totalErrors(path: string): FieldError[] {
    const total = this.#costs.reduce((sum, { cost }) => sum + cost, 0);
    if (total <= SCHEMA_COST_MAX) return [];
    const expensive = this.#costs
      .filter(({ cost }) => cost >= SCHEMA_COST_MAX / 100)
      .sort((a, b) => b.cost - a.cost)
      .slice(0, 4);
    return [
      ...expensive.map((rule) => forbiddenField(rule.path, "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema")),
      forbiddenField(path, tooExpensive("x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema", total, SCHEMA_COST_MAX)),
    ];
  }

  #checkRules(schema: JsonSchema, { path, isResource, times, uncorrelatable }: Place): void {
    const repeats = times ?? Math.floor(REQUEST_SIZE_MAX / (minSize(schema as Schema) + 1)); // the parts that sizes follow from are the same
    const rules = schema["x-kubernetes-validations"] ?? [];
    if (rules.length > 0 && selfType(schema, isResource) === undefined) this.errors.push(untyped(`${path}.x-kubernetes-validations`));
    for (const [index, compiled] of compileRules(schema, isResource).entries()) {
      const at = `${path}.x-kubernetes-validations[${index}]`;
      const { rule, program, message } = compiled;
      if (program !== undefined) this.#observe(`${at}.rule`, "estimated rule cost", program.estimate.max * repeats);
      if (compiled.problem !== undefined) this.errors.push(invalidRule(`${at}.rule`, rule, compiled.problem));
      if (compiled.messageProblem !== undefined) this.errors.push(invalidRule(`${at}.messageExpression`, rule, compiled.messageProblem));
      else if (message !== undefined) this.#observe(`${at}.messageExpression`, "estimated messageExpression cost", message.estimate.max);
      if (compiled.usesOldSelf && uncorrelatable !== undefined)
        this.errors.push(invalidField(`${at}.rule`, rule.rule, `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable}`));
      if (!compiled.usesOldSelf && rule.optionalOldSelf !== undefined)
        this.errors.push(invalidField(`${at}.optionalOldSelf`, rule.optionalOldSelf, "may not be set if oldSelf is not used in rule"));
    }
  }

  #observe(path: string, what: string, cost: number): void {
    if (!this.#suppressCost && cost > EXPRESSION_COST_MAX) this.errors.push(forbiddenField(path, tooExpensive(what, cost, EXPRESSION_COST_MAX)));
    this.#costs.push({ path, cost });
  }
}

function untyped(field: string): FieldError {
  const why = "failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations";
  return { type: "InternalError", field, message: `Internal error: internal error: ${why}` };
}

/** Rules are shown as the fields of upstream's own type. */
function invalidRule(
  field: string,
  { rule, message = "", messageExpression = "", reason, fieldPath = "", optionalOldSelf }: ValidationRule,
  detail: string,
): FieldError {
  const shown = goJson({
    Rule: rule,
    Message: message,
    MessageExpression: messageExpression,
    Reason: reason ?? null,
    FieldPath: fieldPath,
    OptionalOldSelf: optionalOldSelf ?? null,
  });
  return { type: "FieldValueInvalid", field, message: `Invalid value: ${shown}: ${detail}` };
}

function timesInside({ type, additionalProperties, maxProperties, maxItems }: JsonSchema, times: number | undefined): number | undefined {
  const factor = type === "array" ? maxItems : type === "object" && additionalProperties !== undefined ? maxProperties : 1;
  return times === undefined || factor === undefined ? undefined : times * Math.max(0, factor);
}

function tooExpensive(what: string, cost: number, max: number): string {
  const factor = cost / max;
  const shown = factor > 100 ? "more than 100x" : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  return `${what} exceeds budget by factor of ${shown} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}
