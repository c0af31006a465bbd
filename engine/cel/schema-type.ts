import type { Schema } from "../apimachinery/schema.ts";
import { REQUEST_SIZE_MAX } from "./cost-estimate.ts";
import { escapeFieldName, unescapeFieldName } from "./field-names.ts";
import { BOOL, DOUBLE, DYN, INT, STRING, type CelType, type ObjectType } from "./types.ts";

const types = new WeakMap<Schema, CelType | "none">();
const roots = new WeakMap<Schema, ObjectType>();

/**
 * What expressions see of a schema: undefined where they may not look (a part that keeps unknown fields and declares no type).
 * int-or-string is dyn; date, date-time, duration and byte are their own types; lists know how their items are told apart.
 */
export function schemaType(schema: Schema): CelType | undefined {
  const known = types.get(schema);
  if (known !== undefined) return known === "none" ? undefined : known;
  const type = build(schema);
  types.set(schema, type ?? "none");
  return type;
}

/** The type of a whole object: of its metadata, expressions see name and generateName, and of these they are sure. */
export function resourceType(schema: Schema): ObjectType {
  const known = roots.get(schema);
  if (known !== undefined) return known;
  const text = buildText({ type: "string" });
  const metadata: ObjectType = { kind: "object", name: "object.metadata", field: (field) => (field === "name" || field === "generateName" ? text : undefined) };
  const fixed: Readonly<Record<string, CelType>> = { apiVersion: text, kind: text, metadata };
  const fields = fieldsOf(schema);
  const type: ObjectType = { kind: "object", name: "object", field: (field) => (Object.hasOwn(fixed, field) ? fixed[field] : fields(field)) };
  roots.set(schema, type);
  return type;
}

function build(schema: Schema): CelType | undefined {
  if (schema["x-kubernetes-int-or-string"] === true) return DYN;
  switch (schema.type) {
    case "array": {
      const items = schema.items === undefined ? undefined : typeOfPart(schema.items);
      if (items === undefined) return undefined;
      const listType = schema["x-kubernetes-list-type"];
      const keyed = listType === "map" || listType === "set" ? { listType, keys: listType === "map" ? (schema["x-kubernetes-list-map-keys"] ?? []) : [] } : {};
      return {
        kind: "list",
        items,
        bounds: { max: Math.max(0, schema.maxItems ?? Math.floor((REQUEST_SIZE_MAX - 2) / (minSize(schema.items) + 1))) },
        ...keyed,
      };
    }
    case "object":
      return buildObject(schema);
    case "string":
      return buildText(schema);
    case "boolean":
      return BOOL;
    case "integer":
      return INT;
    case "number":
      return DOUBLE;
    default:
      return undefined;
  }
}

function typeOfPart(schema: Schema): CelType | undefined {
  return schema["x-kubernetes-embedded-resource"] === true ? resourceType(schema) : schemaType(schema);
}

function buildObject(schema: Schema): CelType | undefined {
  const { additionalProperties } = schema;
  if (typeof additionalProperties === "object") {
    const value = typeOfPart(additionalProperties);
    if (value === undefined) return undefined;
    return {
      kind: "map",
      key: STRING,
      value,
      bounds: { max: Math.max(0, schema.maxProperties ?? Math.floor((REQUEST_SIZE_MAX - 2) / (minSize(additionalProperties) + 6))) },
    };
  }
  return { kind: "object", name: "object", field: fieldsOf(schema) };
}

/** Types of fields are found when they are asked for: schemas may be cyclic. */
function fieldsOf(schema: Schema): (name: string) => CelType | undefined {
  return (name) => {
    const { properties } = schema;
    if (properties === undefined) return undefined;
    const json = Object.hasOwn(properties, name) && escapeFieldName(name) === name ? name : unescapeFieldName(name);
    const property = Object.hasOwn(properties, json) ? properties[json] : undefined;
    return property === undefined ? undefined : typeOfPart(property);
  };
}

const FORMATS: ReadonlyMap<string | undefined, CelType> = new Map([
  ["date", { kind: "primitive", name: "google.protobuf.Timestamp", bounds: { max: 12 } }],
  ["date-time", { kind: "primitive", name: "google.protobuf.Timestamp", bounds: { max: 32 } }],
  ["duration", { kind: "primitive", name: "google.protobuf.Duration", bounds: { max: 32 } }],
]);

function buildText(schema: Schema): CelType {
  const known = FORMATS.get(schema.format);
  if (known !== undefined) return known;
  const unbounded = REQUEST_SIZE_MAX - 2; // its quotes are part of the request
  if (schema.format === "byte") return { kind: "primitive", name: "bytes", bounds: { max: Math.max(0, schema.maxLength ?? unbounded) } };
  const longest =
    schema.enum === undefined || schema.enum.length === 0
      ? undefined
      : Math.max(0, ...schema.enum.map((value) => (typeof value === "string" ? value.length : 0)));
  // A character may take four bytes.
  const max = schema.maxLength === undefined ? (longest ?? unbounded) : Math.max(0, schema.maxLength) * 4;
  return { kind: "primitive", name: "string", bounds: { max } };
}

const LEAST_TEXTS: ReadonlyMap<string | undefined, number> = new Map([
  ["duration", 3],
  ["date", 12],
  ["date-time", 21],
]);

/** The least bytes that a value takes in a request: bounds how many of them there can be. What has a default need not be there. */
export function minSize(schema: Schema | undefined): number {
  if (schema?.["x-kubernetes-int-or-string"] === true) return 1;
  switch (schema?.type) {
    case "string":
      return LEAST_TEXTS.get(schema.format) ?? 2;
    case "array":
      return 2;
    case "boolean":
      return 4;
    case "object":
      if (typeof schema.additionalProperties === "object") return 2;
      return (
        2 +
        (schema.required ?? []).reduce(
          (sum, name) =>
            sum +
            (schema.properties?.[name] === undefined || schema.properties[name].default !== undefined ? 0 : name.length + 4 + minSize(schema.properties[name])),
          0,
        )
      );
    default:
      return 1;
  }
}
