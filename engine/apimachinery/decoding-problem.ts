import { goJsonType } from "./go-text.ts";
import type { Schema } from "./schema.ts";
import { quantityProblem } from "./quantity-problem.ts";
import { timeProblem } from "./time-problem.ts";

/** Types of the metadata package; its version is 1 whatever a kind's is. */
const META_TYPES: ReadonlySet<string> = new Set([
  "ObjectMeta",
  "OwnerReference",
  "ManagedFieldsEntry",
  "LabelSelector",
  "LabelSelectorRequirement",
  "Condition",
  "ListMeta",
  "Status",
  "StatusDetails",
  "StatusCause",
]);

/** Where the walk is: the struct whose field it looks into, and the names of the fields on the way, as Go's decoder counts them. */
interface Place {
  readonly struct: string;
  readonly fields: readonly string[];
}

/**
 * What upstream's JSON decoder says of the first value, in the order of the text, that Go's type of the kind cannot hold; its types are read off the
 * schema. Undefined where it would find nothing. `version` is the kind's: Go's package names end in it.
 */
export function decodingProblem(schema: Schema, value: unknown, version: string): string | undefined {
  return new Decoder(version).visit(schema, value, { struct: schema.title ?? "", fields: [] });
}

class Decoder {
  readonly #version: string;

  constructor(version: string) {
    this.#version = version;
  }

  visit(schema: Schema, value: unknown, place: Place): string | undefined {
    if (value === null || value === undefined || schema["x-mainstay-or"] !== undefined) return undefined;
    if (schema["x-kubernetes-int-or-string"] === true) return typeof value === "string" || isWhole(value, "int32") ? undefined : misfit(value, "int32", place);
    switch (schema.type) {
      case "object":
        return isMap(value) ? this.#fieldsOf(schema, value, place) : misfit(value, this.#typeName(schema), place);
      case "array":
        return Array.isArray(value) ? first(value, (item) => this.visit(schema.items ?? {}, item, place)) : misfit(value, this.#typeName(schema), place);
      case "string":
        return this.#text(schema, value, place);
      case "boolean":
        return typeof value === "boolean" ? undefined : misfit(value, "bool", place);
      case "integer":
        return isWhole(value, schema.format) ? undefined : misfit(value, this.#typeName(schema), place);
      case "number":
        return typeof value === "number" ? undefined : misfit(value, "float64", place);
      default:
        return undefined;
    }
  }

  #fieldsOf(schema: Schema, value: Readonly<Record<string, unknown>>, place: Place): string | undefined {
    return first(Object.entries(value), ([name, child]) => {
      const property = schema.properties?.[name];
      if (property !== undefined) return this.visit(property, child, { struct: schema.title ?? place.struct, fields: [...place.fields, name] });
      return typeof schema.additionalProperties === "object" ? this.visit(schema.additionalProperties, child, place) : undefined;
    });
  }

  #text({ format }: Schema, value: unknown, place: Place): string | undefined {
    if (format === "quantity") return quantityProblem(value);
    if (typeof value !== "string") return misfit(value, format === "byte" ? "[]uint8" : "string", place);
    if (format === "byte") return base64Problem(value);
    return format === "date-time" || format === "micro-time" ? timeProblem(value, format === "micro-time") : undefined;
  }

  #typeName(schema: Schema): string {
    const { type, format, title, items, additionalProperties } = schema;
    if (type === "array") return `[]${this.#typeName(items ?? {})}`;
    if (type === "object" && typeof additionalProperties === "object")
      return additionalProperties.format === "quantity" ? "v1.ResourceList" : `map[string]${this.#typeName(additionalProperties)}`;
    if (type === "object") return `${META_TYPES.has(title ?? "") ? "v1" : this.#version}.${title ?? ""}`;
    if (type === "integer") return format ?? "int64";
    if (type === "number") return "float64";
    return type === "boolean" ? "bool" : format === "byte" ? "[]uint8" : "string";
  }
}

/** Of numbers, Go shows those that no type of whole numbers can hold. */
function misfit(value: unknown, type: string, { struct, fields }: Place): string {
  const given = typeof value === "number" && /^u?int\d*$/.test(type) ? `number ${value}` : goJsonType(value);
  const place = fields.length === 0 ? "Go value" : `Go struct field ${struct}.${fields.join(".")}`;
  return `json: cannot unmarshal ${given} into ${place} of type ${type}`;
}

function isWhole(value: unknown, format = "int64"): boolean {
  if (typeof value === "bigint") return format !== "int32";
  if (typeof value !== "number" || !Number.isInteger(value)) return false;
  return format === "int32" ? value === (value | 0) : Math.abs(value) <= 2 ** 63;
}

/** The byte that Go's decoder stumbles over; line ends are nothing to it. */
function base64Problem(text: string): string | undefined {
  const stray = text.search(/[^A-Za-z0-9+/=\r\n]/);
  const padding = text.search(/=/);
  const at = (index: number) => `illegal base64 data at input byte ${index}`;
  if (stray >= 0 && (padding < 0 || stray < padding)) return at(stray);
  const digits = text.slice(0, padding < 0 ? undefined : padding).replace(/[\r\n]/g, "").length % 4;
  const rest = padding < 0 ? "" : text.slice(padding).replace(/[\r\n]/g, "");
  if (digits === 0 && rest === "") return undefined;
  if (padding < 0) return at(text.length - digits);
  const wanted = digits < 2 ? 0 : 4 - digits;
  if (wanted === 0) return at(padding);
  if (rest.length < wanted) return at(text.length);
  return rest.slice(0, wanted) === "=".repeat(wanted) && rest.length === wanted ? undefined : at(padding + wanted);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function first<T>(values: readonly T[], problem: (value: T) => string | undefined): string | undefined {
  for (const value of values) {
    const found = problem(value);
    if (found !== undefined) return found;
  }
  return undefined;
}
