import type { Schema } from "../../apimachinery/schema.ts";
import type { ValidationRule } from "../types.ts";

/** The schema of a custom kind as its author wrote it: OpenAPI version 3 with Kubernetes' extensions, so far as it is supported. */
export interface JsonSchema extends Omit<
  Schema,
  "properties" | "items" | "additionalProperties" | "type" | "x-kubernetes-list-type" | "x-kubernetes-map-type"
> {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly uniqueItems?: boolean;
  readonly allOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly not?: JsonSchema;
  readonly example?: unknown;
  readonly externalDocs?: unknown;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-map-type"?: string;
  readonly "x-kubernetes-validations"?: readonly ValidationRule[];
}

/** A schema inside of another, with how to get there; `nested` are those that only judge values and describe none. */
export interface Subschema {
  readonly schema: JsonSchema;
  readonly step: string;
  readonly isNested: boolean;
}

/** The schemas directly inside of one, in the notation of paths: `.properties[spec]`, `.allOf[0]`. */
export function subschemas(schema: JsonSchema): readonly Subschema[] {
  const out: Subschema[] = [];
  const add = (inner: JsonSchema | boolean | undefined, step: string, isNested = false) => {
    if (typeof inner === "object") out.push({ schema: inner, step, isNested });
  };
  add(schema.items, ".items");
  for (const [name, property] of Object.entries(schema.properties ?? {})) add(property, `.properties[${name}]`);
  add(schema.additionalProperties, ".additionalProperties");
  for (const junctor of ["allOf", "anyOf", "oneOf"] as const)
    for (const [index, branch] of (schema[junctor] ?? []).entries()) add(branch, `.${junctor}[${index}]`, true);
  add(schema.not, ".not", true);
  return out;
}

/** Whether something holds for the schema or any inside of it. */
export function someSchema(schema: JsonSchema, test: (schema: JsonSchema) => boolean): boolean {
  return test(schema) || subschemas(schema).some((inner) => someSchema(inner.schema, test));
}
