import { printElement, valueElement } from "./field-set-element.ts";
import { schemaPlan } from "./schema-plan.ts";
import type { Schema } from "./schema.ts";
import { isMap, itemElement, shapeOf } from "./server-side-apply-shape.ts";
import { goText } from "./unstructured-conversion.ts";

/**
 * What upstream says of the first value of an applied object that has no place in the kind's schema, with its path; undefined when all have.
 * Texts and numbers are told apart, what they say is not looked at. Every object that is applied comes here, so a place is put into words on
 * the way back from a problem only, before what is said of its part.
 */
export function typedPatchProblem(schema: Schema | undefined, value: unknown): string | undefined {
  if (value === null || value === undefined || schema === undefined) return undefined;
  if (schema["x-mainstay-or"] !== undefined) return undefined;
  if (schema.format === "quantity" || schema["x-kubernetes-int-or-string"] === true) {
    const isOurs = schema.format === "quantity" || schema["x-protobuf-tag"] !== undefined; // of custom kinds anything goes here, and is judged later
    return isOurs && typeof value === "object" ? `: expected any scalar, got &{${goText(value)}}` : undefined;
  }
  switch (schema.type) {
    case "object":
      return isMap(value) ? mapProblem(schema, value) : `: expected map, got &{${goText(value)}}`;
    case "array":
      return Array.isArray(value) ? listProblem(schema, value) : `: expected list, got &{${goText(value)}}`;
    case "string":
      return typeof value === "string" ? undefined : `: expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`;
    case "integer":
    case "number":
      return typeof value === "number" || typeof value === "bigint" ? undefined : `: expected numeric (int or float), got ${goType(value)}`;
    case "boolean":
      return typeof value === "boolean" ? undefined : `: expected boolean, got &{${goText(value)}}`;
    default:
      return undefined;
  }
}

function mapProblem(schema: Schema, map: Readonly<Record<string, unknown>>): string | undefined {
  const { properties, additional, keepsUnknown } = schemaPlan(schema);
  for (const key in map) {
    const known = properties.get(key) ?? additional;
    const found = known === undefined && !keepsUnknown ? ": field not declared in schema" : typedPatchProblem(known, map[key]);
    if (found !== undefined) return printElement(`f:${key}`) + found;
  }
  return undefined;
}

function listProblem(schema: Schema, items: readonly unknown[]): string | undefined {
  const shape = shapeOf(schema, items);
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    let element: string | undefined;
    if (shape.is === "keyed") {
      if (item === null) return `: element ${index}: associative list with keys may not have a null element`;
      if (!isMap(item)) return `: element ${index}: associative list with keys may not have non-map elements`;
      element = itemElement(shape, item);
      if (element === undefined)
        return `: element ${index}: associative list with keys has an element that omits all key fields [${shape.keys.map((name) => JSON.stringify(name)).join(" ")}] (and doesn't have default value for any keys)`;
    } else if (shape.is === "set") element = valueElement(item);
    if (element !== undefined && seen.size === seen.add(element).size) return `: duplicate entries for key ${printElement(element)}`;
    const found = typedPatchProblem(schema.items, item);
    if (found !== undefined) return printElement(element ?? `i:${index}`) + found;
  }
  return undefined;
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return "[]interface {}";
  if (typeof value === "boolean") return "bool";
  return typeof value === "string" ? "string" : "map[string]interface {}";
}

/** A value as Go's `%#v` shows it. */
function goSyntax(value: unknown): string {
  if (value === null) return "interface {}(nil)";
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(", ")}}`;
  if (isMap(value))
    return `map[string]interface {}{${Object.keys(value)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${goSyntax(value[name])}`)
      .join(", ")}}`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
