import { goKind } from "../go-text.ts";
import type { Schema } from "../schema.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * What upstream says of the first value whose type the kind cannot hold, once a strategic merge patch is in place. Go's types are read
 * off the schema; undefined for values whose type is right and only their text is not.
 */
export function conversionProblem(schema: Schema, value: unknown): string | undefined {
  if (value === null || value === undefined || schema["x-mainstay-or"] !== undefined || schema["x-kubernetes-int-or-string"] === true) return undefined;
  const given = goKind(value);
  switch (schema.type) {
    case "object":
      if (given !== "map") return schema.additionalProperties === undefined ? `cannot restore struct from: ${given}` : `cannot restore map from ${given}`;
      return first(Object.entries(value as JsonObject), ([name, child]) => problemOf(schema.properties?.[name] ?? schema.additionalProperties, child)); // a map
    case "array":
      if (given !== "slice") return `cannot restore slice from ${given}`;
      return first(value as readonly unknown[], (item) => problemOf(schema.items, item)); // a slice
    case "string":
      if (schema.format === "quantity" || given === "string") return undefined;
      return given === "int64" ? "cannot convert int64 to string" : "unrecognized type: string";
    case "integer":
      if (given === "int64") return undefined;
      return given === "float64" ? `cannot convert float64 to ${schema.format ?? "int64"}` : `unrecognized type: ${schema.format ?? "int64"}`;
    case "boolean":
      return given === "bool" ? undefined : "unrecognized type: bool";
    default:
      return undefined;
  }
}

function problemOf(schema: Schema | boolean | undefined, value: unknown): string | undefined {
  return typeof schema === "object" ? conversionProblem(schema, value) : undefined;
}

function first<T>(values: readonly T[], problem: (value: T) => string | undefined): string | undefined {
  for (const value of values) {
    const found = problem(value);
    if (found !== undefined) return found;
  }
  return undefined;
}
