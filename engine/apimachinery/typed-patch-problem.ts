import { printElement, valueElement } from "./field-set-element.ts";
import type { Schema } from "./schema.ts";
import { isMap, itemElement, shapeOf } from "./server-side-apply-shape.ts";
import { goText } from "./unstructured-conversion.ts";

/** What upstream says of the first value of an applied object that has no place in the kind's schema, with its path; undefined when all have. Texts and numbers are told apart, what they say is not looked at. */
export function typedPatchProblem(schema: Schema, object: unknown): string | undefined {
  return problemOf(schema, object, []);
}

function problemOf(schema: Schema | undefined, value: unknown, path: readonly string[]): string | undefined {
  if (value === null || value === undefined || schema === undefined) return undefined;
  const problem = (text: string) => `${path.map(printElement).join("")}: ${text}`;
  if (schema["x-mainstay-or"] !== undefined) return undefined;
  if (schema.format === "quantity" || schema["x-kubernetes-int-or-string"] === true) {
    const isOurs = schema.format === "quantity" || schema["x-protobuf-tag"] !== undefined; // of custom kinds anything goes here, and is judged later
    return isOurs && typeof value === "object" ? problem(`expected any scalar, got &{${goText(value)}}`) : undefined;
  }
  switch (schema.type) {
    case "object":
      return isMap(value) ? mapProblem(schema, value, path) : problem(`expected map, got &{${goText(value)}}`);
    case "array":
      return Array.isArray(value) ? listProblem(schema, value, path) : problem(`expected list, got &{${goText(value)}}`);
    case "string":
      return typeof value === "string" ? undefined : problem(`expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`);
    case "integer":
    case "number":
      return typeof value === "number" || typeof value === "bigint" ? undefined : problem(`expected numeric (int or float), got ${goType(value)}`);
    case "boolean":
      return typeof value === "boolean" ? undefined : problem(`expected boolean, got &{${goText(value)}}`);
    default:
      return undefined;
  }
}

function mapProblem(schema: Schema, map: Readonly<Record<string, unknown>>, path: readonly string[]): string | undefined {
  const { properties, additionalProperties } = schema;
  const values = typeof additionalProperties === "object" ? additionalProperties : undefined;
  const isOpen = schema["x-kubernetes-preserve-unknown-fields"] === true || additionalProperties === true || values !== undefined || Object.keys(properties ?? {}).length === 0;
  for (const key in map) {
    const at = [...path, `f:${key}`];
    const known = properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (known === undefined && !isOpen) return `${at.map(printElement).join("")}: field not declared in schema`;
    const found = problemOf(known ?? values, map[key], at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function listProblem(schema: Schema, items: readonly unknown[], path: readonly string[]): string | undefined {
  const shape = shapeOf(schema, items);
  const seen = new Set<string>();
  const problem = (text: string) => `${path.map(printElement).join("")}: ${text}`;
  for (const [index, item] of items.entries()) {
    let element = `i:${index}`;
    if (shape.is === "set") element = valueElement(item);
    if (shape.is === "keyed") {
      if (item === null) return problem(`element ${index}: associative list with keys may not have a null element`);
      if (!isMap(item)) return problem(`element ${index}: associative list with keys may not have non-map elements`);
      const key = itemElement(shape, item);
      if (key === undefined) return problem(`element ${index}: associative list with keys has an element that omits all key fields [${shape.keys.map((name) => JSON.stringify(name)).join(" ")}] (and doesn't have default value for any keys)`);
      element = key;
    }
    if (seen.has(element)) return problem(`duplicate entries for key ${printElement(element)}`);
    seen.add(element);
    const found = problemOf(schema.items, item, [...path, element]);
    if (found !== undefined) return found;
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
  if (isMap(value)) return `map[string]interface {}{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${goSyntax(value[name])}`).join(", ")}}`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
