import { duplicateField, invalidField, requiredField, tooLong, typeInvalid, unsupportedValue, type FieldError } from "./field-error.ts";
import { parseQuantity } from "./quantity.ts";
import type { Schema } from "./schema.ts";

export interface ConformOptions {
  /** Fill in defaults where the enclosing object exists. */
  readonly defaults: boolean;
  /** Leave unknown fields out of the result. They are reported in any case. */
  readonly prune: boolean;
  /** Prefix of all reported paths. */
  readonly path?: string;
}

export interface Conformed {
  /** The input itself when nothing had to change. */
  readonly value: unknown;
  /** Dotted paths of fields that the schema does not know, as upstream's strict decoder names them. */
  readonly unknown: readonly string[];
  readonly errors: readonly FieldError[];
}

/**
 * Validates, defaults and prunes a value in one pass over it, never over the schema alone (schemas may be cyclic).
 * Copies only what changes. A null where the schema does not allow one counts as absent, as in Kubernetes' JSON decoding.
 */
export function conform(schema: Schema, value: unknown, options: ConformOptions): Conformed {
  const pass = new Pass(options);
  const result = pass.visit(schema, value, options.path ?? "");
  return { value: result, unknown: pass.unknown, errors: pass.errors };
}

/** What a visit needs of a schema, computed once per schema object. */
interface Plan {
  readonly properties: ReadonlyMap<string, Schema>;
  readonly defaults: readonly (readonly [string, unknown])[];
  readonly required: readonly string[];
  readonly pattern: RegExp | undefined;
  readonly enum: ReadonlySet<unknown> | undefined;
  readonly additional: Schema | undefined;
  readonly keepsUnknown: boolean;
}

const plans = new WeakMap<Schema, Plan>();

function planOf(schema: Schema): Plan {
  let plan = plans.get(schema);
  if (plan === undefined) {
    const properties = new Map(Object.entries(schema.properties ?? {}));
    plan = {
      properties,
      defaults: [...properties].filter(([, property]) => property.default !== undefined).map(([name, property]) => [name, property.default] as const),
      required: schema.required ?? [],
      pattern: schema.pattern === undefined ? undefined : new RegExp(schema.pattern, "u"),
      enum: schema.enum === undefined ? undefined : new Set(schema.enum),
      additional: typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined,
      keepsUnknown: schema["x-kubernetes-preserve-unknown-fields"] === true || schema.additionalProperties === true || (schema.type === "object" && properties.size === 0 && schema.additionalProperties === undefined),
    };
    plans.set(schema, plan);
  }
  return plan;
}

type JsonObject = Record<string, unknown>;

class Pass {
  readonly unknown: string[] = [];
  readonly errors: FieldError[] = [];
  readonly #options: ConformOptions;

  constructor(options: ConformOptions) {
    this.#options = options;
  }

  visit(schema: Schema, value: unknown, path: string): unknown {
    if (schema["x-kubernetes-int-or-string"] === true) {
      if (typeof value !== "string" && !Number.isInteger(value)) this.#wrongType(path, value, "integer or string");
      return value;
    }
    switch (schema.type) {
      case "object":
        return this.#visitObject(schema, value, path);
      case "array":
        return this.#visitArray(schema, value, path);
      case "string":
        return this.#visitString(schema, value, path);
      case "integer":
      case "number":
        this.#checkNumber(schema, value, path);
        return value;
      case "boolean":
        if (typeof value !== "boolean") this.#wrongType(path, value, "boolean");
        return value;
      default:
        return value; // a schema without a type accepts anything
    }
  }

  #visitObject(schema: Schema, value: unknown, path: string): unknown {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#wrongType(path, value, "object");
      return value;
    }
    const plan = planOf(schema);
    const source = value as JsonObject; // checked above
    let copy: JsonObject | undefined;
    for (const name in source) {
      const child = source[name];
      const property = plan.properties.get(name) ?? plan.additional;
      const childPath = path === "" ? name : plan.properties.has(name) ? `${path}.${name}` : `${path}[${name}]`;
      if (property === undefined) {
        if (plan.keepsUnknown) continue;
        this.unknown.push(path === "" ? name : `${path}.${name}`);
        if (this.#options.prune) delete (copy ??= { ...source })[name];
        continue;
      }
      if ((child === null && property.nullable !== true) || child === undefined) {
        delete (copy ??= { ...source })[name];
        continue;
      }
      const visited = child === null ? null : this.visit(property, child, childPath);
      if (visited !== child) (copy ??= { ...source })[name] = visited;
    }
    copy = this.#addDefaults(plan, source, copy, path);
    const result = copy ?? source;
    for (const name of plan.required) if (result[name] === undefined) this.errors.push(requiredField(path === "" ? name : `${path}.${name}`));
    return result;
  }

  #addDefaults(plan: Plan, source: JsonObject, copy: JsonObject | undefined, path: string): JsonObject | undefined {
    if (!this.#options.defaults) return copy;
    for (const [name, fallback] of plan.defaults) {
      if ((copy ?? source)[name] !== undefined) continue;
      const property = plan.properties.get(name);
      // A default object has defaults of its own inside.
      const filled = property === undefined ? fallback : this.visit(property, structuredClone(fallback), path === "" ? name : `${path}.${name}`);
      (copy ??= { ...source })[name] = filled;
    }
    return copy;
  }

  #visitArray(schema: Schema, value: unknown, path: string): unknown {
    if (!Array.isArray(value)) {
      this.#wrongType(path, value, "array");
      return value;
    }
    const items = schema.items;
    let copy: unknown[] | undefined;
    if (items !== undefined) {
      for (let index = 0; index < value.length; index++) {
        const visited = this.visit(items, value[index], `${path}[${index}]`);
        if (visited !== value[index]) (copy ??= [...value])[index] = visited;
      }
    }
    if (schema.minItems !== undefined && value.length < schema.minItems) this.errors.push(invalidField(path, value.length, `must have at least ${schema.minItems} items`));
    if (schema.maxItems !== undefined && value.length > schema.maxItems) this.errors.push({ type: "FieldValueTooMany", field: path, message: `Too many: ${value.length}: must have at most ${schema.maxItems} items` });
    this.#checkUnique(schema, copy ?? value, path);
    return copy ?? value;
  }

  #checkUnique(schema: Schema, items: readonly unknown[], path: string): void {
    const listType = schema["x-kubernetes-list-type"];
    if (listType !== "set" && listType !== "map") return;
    const keys = schema["x-kubernetes-list-map-keys"] ?? [];
    const seen = new Set<string>();
    for (const [index, item] of items.entries()) {
      const identity = listType === "set" ? item : Object.fromEntries(keys.map((key) => [key, (item as JsonObject | null)?.[key]]));
      const text = JSON.stringify(identity);
      if (seen.has(text)) this.errors.push(duplicateField(`${path}[${index}]`, identity));
      seen.add(text);
    }
  }

  #visitString(schema: Schema, value: unknown, path: string): unknown {
    if (schema.format === "quantity") {
      if (typeof value !== "string" && typeof value !== "number") this.#wrongType(path, value, "quantity such as 500m or 1Gi");
      else this.#checkQuantity(value, path);
      // A number in YAML (`cpu: 1`) is stored as text, the only form the API gives back.
      return typeof value === "number" ? String(value) : value;
    }
    if (typeof value !== "string") {
      this.#wrongType(path, value, "string");
      return value;
    }
    const plan = planOf(schema);
    if (plan.enum !== undefined && !plan.enum.has(value)) this.errors.push(unsupportedValue(path, value, (schema.enum ?? []).map(String)));
    if (schema.minLength !== undefined && value.length < schema.minLength) this.errors.push(value === "" ? requiredField(path) : invalidField(path, value, `must be at least ${schema.minLength} characters long`));
    if (schema.maxLength !== undefined && value.length > schema.maxLength) this.errors.push(tooLong(path, schema.maxLength));
    if (plan.pattern !== undefined && !plan.pattern.test(value)) this.errors.push(invalidField(path, value, `must match the regular expression '${schema.pattern}'`));
    if (schema.format === "byte" && !/^[A-Za-z0-9+/\r\n]*={0,2}$/.test(value)) this.errors.push(typeInvalid(path, value, "must be base64"));
    if ((schema.format === "date-time" || schema.format === "micro-time") && !isTime(value)) this.errors.push(typeInvalid(path, value, "must be a time such as 2026-01-31T12:00:00Z"));
    return value;
  }

  #checkQuantity(value: string | number, path: string): void {
    try {
      parseQuantity(value);
    } catch {
      this.errors.push(typeInvalid(path, value, "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"));
    }
  }

  #checkNumber(schema: Schema, value: unknown, path: string): void {
    if (typeof value !== "number" || (schema.type === "integer" && !Number.isInteger(value))) return this.#wrongType(path, value, schema.type === "integer" ? "integer" : "number");
    if (schema.format === "int32" && (value > 2147483647 || value < -2147483648)) this.#wrongType(path, value, "32-bit integer");
    const { minimum, maximum } = schema;
    if (minimum !== undefined && value < minimum) this.errors.push(invalidField(path, value, maximum === undefined ? `must be greater than or equal to ${minimum}` : `must be between ${minimum} and ${maximum}, inclusive`));
    else if (maximum !== undefined && value > maximum) this.errors.push(invalidField(path, value, minimum === undefined ? `must be less than or equal to ${maximum}` : `must be between ${minimum} and ${maximum}, inclusive`));
    if (schema.enum !== undefined && !schema.enum.includes(value)) this.errors.push(unsupportedValue(path, value, schema.enum.map(String)));
  }

  #wrongType(path: string, value: unknown, expected: string): void {
    const article = /^[aeiou]/.test(expected) ? "an" : "a";
    this.errors.push(typeInvalid(path, value, `must be ${article} ${expected}`));
  }
}

function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
}
