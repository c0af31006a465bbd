import { duplicateField, invalidField, requiredField, tooLong, typeInvalid, unsupportedValue, type FieldError } from "./field-error.ts";
import { PathTrail } from "./path-trail.ts";
import { canonicalAmount, canonicalQuantity, parseQuantity } from "./quantity.ts";
import { schemaPlan, zeroOf, type SchemaPlan } from "./schema-plan.ts";
import type { Schema } from "./schema.ts";
import { timeProblem } from "./time-problem.ts";

export interface ConformOptions {
  /** Fill in defaults where the enclosing object exists. */
  readonly defaults: boolean;
  /**
   * Put the result in the form that is kept: without unknown fields, which are reported in any case, without what Kubernetes' Go types
   * leave out when it is empty or zero, with their nulls, and with quantities in their canonical text.
   */
  readonly prune: boolean;
  /** Leave nulls everywhere, or where a schema says that they are refused (`nullable: false`) and has no default to put there; else they count as absent. */
  readonly keepsNulls?: "all" | "refused";
  /** A field of the outermost object in which a required text, number, truth or moment that is missing has its zero value, as in upstream's typed decoding. */
  readonly zeroesWithin?: string;
  /** Prefix of all reported paths. */
  readonly path?: string;
}

export interface Conformed {
  /** The input itself when nothing had to change. */
  readonly value: unknown;
  /** Dotted paths of the first hundred fields that the schema does not know, as upstream's strict decoder names them. */
  readonly unknown: readonly string[];
  readonly errors: readonly FieldError[];
  /** Where lists were empty that are kept as null, step by step: who wrote them owns them. */
  readonly emptied: readonly Path[];
}

type Path = readonly (string | number)[];

/**
 * Validates, defaults and prunes a value in one pass over it, never over the schema alone (schemas may be cyclic).
 * Copies only what changes. A null where the schema does not allow one counts as absent, as in Kubernetes' JSON decoding.
 * A value of a wrong type is a FieldValueTypeInvalid, which servers answer with 400; everything else is a 422.
 */
export function conform(schema: Schema, value: unknown, options: ConformOptions): Conformed {
  const pass = new Pass(options);
  const result = pass.visit(schema, value);
  return { value: result, unknown: pass.unknown, errors: pass.errors, emptied: pass.emptied };
}

/** Of more unknown fields upstream says nothing. */
const UNKNOWN_MAX = 100;

type JsonObject = Record<string, unknown>;

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value !== "object" || value === null) return false;
  for (const _key in value) return false;
  return true;
}

/** Maps and lists of texts, bytes or amounts in Kubernetes' own kinds, where Go reads a null as an empty one, or as none. Custom resources have no protobuf tags. */
function isOfTexts(schema: Schema, { type, format }: Schema): boolean {
  return schema["x-protobuf-tag"] !== undefined && type === "string" && (format === undefined || format === "byte" || format === "quantity");
}

/** Maps of structs in Kubernetes' own kinds, where Go reads a null as an empty one. */
function isOfStructs(schema: Schema, { type, properties }: Schema): boolean {
  return schema["x-protobuf-tag"] !== undefined && type === "object" && properties !== undefined;
}

/** A status whose writer left out what must be there is taken as Go would have it, but for a choice or bytes, of which a zero is none. */
function zeroOfStatus(property: Schema): unknown {
  return property.type === "string" && (property.enum !== undefined || property.format === "byte") ? undefined : zeroOf(property);
}

/** Without what the schema does not know: to leave out a hundred thousand such fields one by one takes seconds. */
function knownOf(source: JsonObject, { properties }: SchemaPlan): JsonObject {
  const known: JsonObject = {};
  for (const name in source) if (properties.has(name)) known[name] = source[name];
  return known;
}

class Pass {
  readonly unknown: string[] = [];
  readonly errors: FieldError[] = [];
  readonly emptied: Path[] = [];
  readonly #options: ConformOptions;
  readonly #trail: PathTrail;

  constructor(options: ConformOptions) {
    this.#options = options;
    this.#trail = new PathTrail(options.path ?? "");
  }

  visit(schema: Schema, value: unknown): unknown {
    if (value === null && (schema.nullable === true || this.#keepsNull(schema))) return value;
    const other = schema["x-mainstay-or"];
    if (other !== undefined && (other === "array" ? Array.isArray(value) : typeof value === other)) return value;
    if (schema["x-kubernetes-int-or-string"] === true) {
      if (typeof value !== "string" && !(typeof value === "number" && value === (value | 0))) this.#wrongType(value, "integer or string");
      return value;
    }
    switch (schema.type) {
      case "object":
        return this.#visitObject(schema, value);
      case "array":
        return this.#visitArray(schema, value);
      case "string":
        return this.#visitString(schema, value);
      case "integer":
      case "number":
        this.#checkNumber(schema, value);
        return value;
      case "boolean":
        if (typeof value !== "boolean") this.#wrongType(value, "boolean");
        return value;
      default:
        return schema["x-mainstay-bare"] === true ? this.#visitBare(value) : value; // a schema without a type accepts anything
    }
  }

  #visitBare(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value))
      return value.map((item: unknown, index) => {
        this.#trail.enter(index, false);
        const visited = this.#visitBare(item);
        this.#trail.leave();
        return visited;
      });
    for (const name in value) if (this.unknown.length < UNKNOWN_MAX) this.unknown.push(this.#trail.dotted(name));
    return this.#options.prune ? {} : value;
  }

  #keepsNull(schema: Schema): boolean {
    const { keepsNulls } = this.#options;
    return keepsNulls === "all" || (keepsNulls === "refused" && schema.nullable === false && schema.default === undefined);
  }

  #visitObject(schema: Schema, value: unknown): unknown {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#wrongType(value, "object");
      return value;
    }
    const plan = schemaPlan(schema);
    const source = value as JsonObject; // checked above
    let copy: JsonObject | undefined;
    for (const name in source) {
      const child = source[name];
      const property = plan.properties.get(name);
      const childSchema = property ?? plan.additional;
      if (childSchema === undefined) {
        if (plan.keepsUnknown) continue;
        if (this.unknown.length < UNKNOWN_MAX) this.unknown.push(this.#trail.dotted(name));
        if (this.#options.prune) copy === undefined ? (copy = knownOf(source, plan)) : delete copy[name];
      } else if (name === "__proto__") {
        // As unreadable as a value of another type: nothing that comes after may look at it.
        this.errors.push({ ...invalidField(this.#trail.text(), name, "may not be used as a key"), type: "FieldValueTypeInvalid" });
      } else if (child === null && property === undefined && isOfTexts(schema, childSchema) && !this.#keepsNull(childSchema)) {
        (copy ??= { ...source })[name] = childSchema.format === "quantity" ? "0" : ""; // a key without a value is there all the same
      } else if (child === null && property === undefined && isOfStructs(schema, childSchema) && !this.#keepsNull(childSchema)) {
        (copy ??= { ...source })[name] = this.#emptyStruct(name, childSchema);
      } else if (child === null && childSchema["x-mainstay-null"] === true) {
        continue;
      } else if (child === undefined || (child === null && childSchema.nullable !== true && !this.#keepsNull(childSchema))) {
        delete (copy ??= { ...source })[name];
      } else if (!child && child === plan.omittedZero.get(name)) {
        if (this.#options.prune) delete (copy ??= { ...source })[name];
      } else {
        this.#trail.enter(name, property === undefined);
        const visited = this.visit(childSchema, child);
        this.#trail.leave();
        if (this.#options.prune && plan.omittedEmpty.has(name) && isEmpty(visited)) {
          if (childSchema["x-mainstay-null"] === true) this.emptied.push(this.#trail.path(name));
          delete (copy ??= { ...source })[name];
        } else if (!Object.is(visited, child)) (copy ??= { ...source })[name] = visited;
      }
    }
    if (this.#options.defaults && plan.defaults.length > 0) copy = this.#addDefaults(plan, source, copy);
    copy = this.#fillRequired(plan, source, copy);
    if (this.#options.prune) for (const name of plan.nulls) if ((copy ?? source)[name] === undefined) (copy ??= { ...source })[name] = null;
    return copy ?? source;
  }

  /**
   * What must be there and is not is reported; where defaults are filled in, Go's zero stands for it, so that the rest can be judged by
   * rules that count on it.
   */
  #fillRequired(plan: SchemaPlan, source: JsonObject, copy: JsonObject | undefined): JsonObject | undefined {
    const { zeroesWithin, defaults } = this.#options;
    const isZeroed = zeroesWithin !== undefined && this.#trail.isWithin(zeroesWithin);
    for (const name of plan.required) {
      if ((copy ?? source)[name] !== undefined) continue;
      const property = plan.properties.get(name);
      if (property?.["x-mainstay-unchecked"] === true) {
        const zero = defaults ? this.#uncheckedZero(name, property) : undefined;
        if (zero !== undefined && zero !== null) (copy ??= { ...source })[name] = zero;
        continue;
      }
      const taken = property === undefined ? undefined : isZeroed ? zeroOfStatus(property) : defaults ? this.#zeroTaken(name, property) : undefined;
      if (taken === undefined) this.errors.push(requiredField(this.#trail.text(name), property?.["x-mainstay-required-detail"]));
      const value = taken ?? (defaults && property?.["x-protobuf-tag"] !== undefined ? this.#emptyOf(property, name) : undefined);
      if (value !== undefined && value !== null) (copy ??= { ...source })[name] = value;
    }
    return copy;
  }

  /** Go has no way to miss a number, a flag or a struct: a zero that is allowed is taken, and of an empty struct the fields are asked for by name. */
  #zeroTaken(name: string, property: Schema): unknown {
    if (property["x-protobuf-tag"] === undefined) return undefined;
    if (property.type !== "object") return property.type === "string" || (property.minimum ?? 0) > 0 ? undefined : zeroOf(property);
    return property.properties === undefined || property["x-protobuf-presence"] === true ? undefined : this.#emptyStruct(name, property);
  }

  /** What the rules get to see where a property is missing that only they ask for: a pointer leads nowhere, and what is kept as null is nothing. */
  #uncheckedZero(name: string, property: Schema): unknown {
    if (property["x-protobuf-presence"] === true || property["x-mainstay-null"] === true) return undefined;
    return property.type === "object" ? this.#emptyStruct(name, property) : this.#emptyOf(property, name);
  }

  #emptyStruct(name: string, property: Schema): unknown {
    this.#trail.enter(name, false);
    const empty = this.visit(property, {});
    this.#trail.leave();
    return empty;
  }

  /** What Go has in a field that nobody has set, and for a pointer what it would lead to; nothing more is reported of it. */
  #emptyOf(property: Schema, name: string): unknown {
    if (property.type === "array") return [];
    if (property.type !== "object") return property["x-kubernetes-int-or-string"] === true ? 0 : property.format === "quantity" ? "0" : zeroOf(property);
    const reported = this.errors.length;
    const empty = this.#emptyStruct(name, property);
    this.errors.length = reported;
    return empty;
  }

  #addDefaults(plan: SchemaPlan, source: JsonObject, copy: JsonObject | undefined): JsonObject | undefined {
    for (const [name, property] of plan.defaults) {
      if ((copy ?? source)[name] !== undefined) continue;
      const fallback = property.default;
      this.#trail.enter(name, false);
      // A default object has defaults of its own inside, and nobody may share it.
      (copy ??= { ...source })[name] = typeof fallback === "object" ? this.visit(property, structuredClone(fallback)) : fallback;
      this.#trail.leave();
    }
    return copy;
  }

  #visitArray(schema: Schema, value: unknown): unknown {
    if (!Array.isArray(value)) {
      this.#wrongType(value, "array");
      return value;
    }
    const items = schema.items;
    let copy: unknown[] | undefined;
    if (items !== undefined) {
      for (let index = 0; index < value.length; index++) {
        this.#trail.enter(index, false);
        const visited = this.visit(items, value[index] === null ? this.#zeroItem(schema, items) : value[index]);
        this.#trail.leave();
        if (!Object.is(visited, value[index])) (copy ??= [...value])[index] = visited;
      }
    }
    const { minItems, maxItems } = schema;
    if (minItems !== undefined && value.length < minItems)
      this.errors.push(
        value.length === 0 ? requiredField(this.#trail.text()) : invalidField(this.#trail.text(), value.length, `must have at least ${minItems} items`),
      );
    if (maxItems !== undefined && value.length > maxItems)
      this.errors.push({
        type: "FieldValueTooMany",
        field: this.#trail.text(),
        message: `Too many: ${value.length}: must have at most ${maxItems} ${maxItems === 1 ? "item" : "items"}`,
      });
    if (value.length > 1) this.#checkUnique(schema, copy ?? value);
    return copy ?? value;
  }

  /** What Go has where a list says null; custom resources have no Go types. */
  #zeroItem(schema: Schema, items: Schema): unknown {
    if (schema["x-protobuf-tag"] === undefined || this.#keepsNull(items)) return null;
    return items.type === "object" && items.properties !== undefined ? {} : (zeroOf(items) ?? null);
  }

  /** Sets hold a value once, maps an item per key. Upstream names the key's field where there is one key. */
  #checkUnique(schema: Schema, items: readonly unknown[]): void {
    const listType = schema["x-kubernetes-list-type"];
    if ((listType !== "set" && listType !== "map") || schema["x-mainstay-allow-duplicates"] === true) return;
    const keys = schema["x-kubernetes-list-map-keys"] ?? [];
    const seen = new Set<unknown>();
    for (const [index, item] of items.entries()) {
      const fields = listType === "map" && typeof item === "object" && item !== null ? (item as JsonObject) : undefined;
      const identity = fields === undefined ? item : keys.length === 1 ? fields[keys[0] ?? ""] : Object.fromEntries(keys.map((key) => [key, fields[key]]));
      if (identity === undefined) continue; // the missing key has been reported
      const mark = typeof identity === "object" ? JSON.stringify(identity) : identity;
      if (seen.has(mark))
        this.errors.push(duplicateField(`${this.#trail.text()}[${index}]${fields !== undefined && keys.length === 1 ? `.${keys[0]}` : ""}`, identity));
      seen.add(mark);
    }
  }

  #visitString(schema: Schema, value: unknown): unknown {
    if (schema.format === "quantity") return this.#visitQuantity(schema, value);
    if (typeof value !== "string") {
      this.#wrongType(value, "string");
      return value;
    }
    const plan = schemaPlan(schema);
    if (!plan.constrainsText) return value;
    const { minLength, maxLength } = plan;
    const { format } = schema;
    if (plan.enum !== undefined && !plan.enum.has(value)) this.errors.push(unsupportedValue(this.#trail.text(), value, (schema.enum ?? []).map(String)));
    if (minLength !== undefined && value.length < minLength)
      this.errors.push(
        value === "" ? requiredField(this.#trail.text()) : invalidField(this.#trail.text(), value, `must be at least ${minLength} characters long`),
      );
    if (maxLength !== undefined && value.length > maxLength) this.errors.push(tooLong(this.#trail.text(), maxLength));
    if (plan.pattern !== undefined && !plan.pattern.test(value))
      this.errors.push(invalidField(this.#trail.text(), value, `must match the regular expression '${schema.pattern}'`));
    if (format === "byte" && !isBase64(value)) this.errors.push(typeInvalid(this.#trail.text(), value, "must be base64"));
    if (format !== "date-time" && format !== "micro-time") return value;
    if (timeProblem(value, format === "micro-time") !== undefined)
      this.errors.push(typeInvalid(this.#trail.text(), value, "must be a time such as 2026-01-31T12:00:00Z"));
    return this.#options.prune ? value.replace(",", ".") : value; // Go takes a comma in a time; nobody else can read it
  }

  /**
   * A number in YAML (`cpu: 1`) is stored as text, the only form the API gives back; what is to be kept is so in its canonical form.
   * Amounts in lists of resources are kept to thousandths, but for those that are exact.
   */
  #visitQuantity(schema: Schema, value: unknown): unknown {
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "bigint") {
      this.#wrongType(value, "quantity such as 500m or 1Gi");
      return value;
    }
    const text = String(value).trim();
    try {
      if (this.#options.prune) return this.#trail.isAtKey && schema["x-mainstay-exact"] !== true ? canonicalAmount(text) : canonicalQuantity(text);
      parseQuantity(text);
      return String(value);
    } catch {
      this.errors.push(
        typeInvalid(
          this.#trail.text(),
          value,
          "must be a quantity such as 500m or 1Gi: a number and one of the suffixes n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei",
        ),
      );
      return String(value);
    }
  }

  #checkNumber(schema: Schema, value: unknown): void {
    const isInteger = schema.type === "integer";
    if (typeof value === "bigint" && schema.format !== "int32") return;
    if (typeof value !== "number" || (isInteger ? !Number.isInteger(value) : !Number.isFinite(value)))
      return this.#wrongType(value, isInteger ? "integer" : "number");
    if (schema.format === "int32" && (value > 2147483647 || value < -2147483648)) return this.#wrongType(value, "32-bit integer");
    if (isInteger && Math.abs(value) > 2 ** 63) return this.#wrongType(value, "64-bit integer");
    const { minimum, maximum } = schema;
    const isTooSmall = minimum !== undefined && value < minimum;
    if (schema["x-mainstay-unchecked"] === true) return;
    if (isTooSmall || (maximum !== undefined && value > maximum)) {
      const range =
        maximum === undefined
          ? `greater than or equal to ${minimum}`
          : minimum === undefined
            ? `less than or equal to ${maximum}`
            : `between ${minimum} and ${maximum}, inclusive`;
      this.errors.push(invalidField(this.#trail.text(), value, `must be ${range}`));
    }
    if (schema.enum !== undefined && !schema.enum.includes(value)) this.errors.push(unsupportedValue(this.#trail.text(), value, schema.enum.map(String)));
  }

  #wrongType(value: unknown, expected: string): void {
    const article = /^[aeiou]/.test(expected) ? "an" : "a";
    // The usual mistake in YAML: `value: 1` or `value: on`.
    const remedy = expected === "string" && (typeof value === "number" || typeof value === "boolean") ? "; put it in quotes" : "";
    this.errors.push(typeInvalid(this.#trail.text(), value, `must be ${article} ${expected}${remedy}`));
  }
}

/** In groups of four, the last one filled up; line ends are nothing. */
function isBase64(text: string): boolean {
  const digits = text.replace(/[\r\n]/g, "");
  return digits.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(digits);
}
