import { printElement, valueElement } from "../server-side-apply/field-set-element.ts";
import { withoutReason, type StatusError } from "../status-error.ts";
import { schemaPlan } from "../schema-plan.ts";
import type { Schema } from "../schema.ts";
import { isMap, itemElement, shapeOf } from "../server-side-apply/server-side-apply-shape.ts";
import { goText, goType } from "../go-text.ts";

/** Upstream tells of all; nobody reads more than this. */
const PROBLEMS_MAX = 100;

/**
 * What upstream says of the values of an applied object that have no place in the kind's schema, each with its path; undefined when all
 * have. Texts and numbers are told apart, what they say is not looked at. Of the fields that a map does not know one is told of, as upstream
 * looks no further then; which one, and what it finds before, is chance there.
 */
export function typedPatchProblem(schema: Schema | undefined, value: unknown): string | undefined {
  const problems = problemsOf(schema, value).slice(0, PROBLEMS_MAX);
  return problems.length < 2 ? problems[0] : ["errors:", ...problems.map((problem) => `  ${problem}`)].join("\n");
}

const NONE: readonly string[] = [];

/** Every object that is applied comes here, so a place is put into words on the way back from a problem only, before what is said of its part. */
function problemsOf(schema: Schema | undefined, value: unknown): readonly string[] {
  if (value === null || value === undefined || schema === undefined) return NONE;
  if (schema["x-mainstay-or"] !== undefined) return NONE;
  if (schema.format === "quantity" || schema["x-kubernetes-int-or-string"] === true) {
    const isOurs = schema.format === "quantity" || schema["x-protobuf-tag"] !== undefined; // of custom kinds anything goes here, and is judged later
    return isOurs && typeof value === "object" ? [`: expected any scalar, got &{${goText(value)}}`] : NONE;
  }
  switch (schema.type) {
    case "object":
      return isMap(value) ? mapProblems(schema, value) : [`: expected map, got &{${goText(value)}}`];
    case "array":
      return Array.isArray(value) ? listProblems(schema, value) : [`: expected list, got &{${goText(value)}}`];
    case "string":
      return textProblems(schema, value);
    case "integer":
    case "number":
      return typeof value === "number" || typeof value === "bigint" ? NONE : [`: expected numeric (int or float), got ${goType(value)}`];
    case "boolean":
      return typeof value === "boolean" ? NONE : [`: expected boolean, got &{${goText(value)}}`];
    default:
      return NONE;
  }
}

/** The failure of an apply whose intent fits no type, which upstream gives no reason; `where` names the object and its kind. */
export function untypedPatch(where: string, problem: string): StatusError {
  return withoutReason(`failed to create typed patch object (${where}): ${problem}`);
}

/** A text with a form of its own, such as a time, may be any value here that has no parts. */
function textProblems({ format }: Schema, value: unknown): readonly string[] {
  if (format !== undefined && format !== "byte") return typeof value === "object" ? [`: expected any scalar, got &{${goText(value)}}`] : NONE;
  return typeof value === "string" ? NONE : [`: expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`];
}

function mapProblems(schema: Schema, map: Readonly<Record<string, unknown>>): readonly string[] {
  const { properties, additional, keepsUnknown } = schemaPlan(schema);
  let problems: string[] | undefined;
  let unknown: string | undefined;
  for (const key in map) {
    const known = properties.get(key) ?? additional;
    if (known === undefined) {
      // An object of which no field is described is a map of anything here, though all of it is pruned later.
      if (!keepsUnknown && properties.size > 0) unknown ??= `${printElement(`f:${key}`)}: field not declared in schema`;
      continue;
    }
    const found = problemsOf(known, map[key]);
    if (found.length > 0) problems = withPlace(problems, printElement(`f:${key}`), found);
    if ((problems?.length ?? 0) > PROBLEMS_MAX) break;
  }
  if (unknown !== undefined) (problems ??= []).push(unknown);
  return problems ?? NONE;
}

function listProblems(schema: Schema, items: readonly unknown[]): readonly string[] {
  const shape = shapeOf(schema, items);
  const seen = new Set<string>();
  let problems: string[] | undefined;
  for (const [index, item] of items.entries()) {
    if ((problems?.length ?? 0) > PROBLEMS_MAX) break;
    let element: string | undefined;
    if (shape.is === "keyed") {
      element = itemElement(shape, item);
      // Of what has no key no place can be told, nor of what comes after it.
      if (element === undefined) return [...(problems ?? []), `: element ${index}: associative list with keys ${keyProblem(shape.keys, item)}`];
    } else if (shape.is === "set") {
      if (item === null) return [...(problems ?? []), `: element ${index}: associative list without keys has an element that's an explicit null`];
      element = valueElement(item);
    }
    if (element !== undefined && seen.size === seen.add(element).size) problems = [...(problems ?? []), `: duplicate entries for key ${printElement(element)}`];
    const found = problemsOf(schema.items, item);
    if (found.length > 0) problems = withPlace(problems, printElement(element ?? `i:${index}`), found);
  }
  return problems ?? NONE;
}

function withPlace(problems: string[] | undefined, place: string, found: readonly string[]): string[] {
  const all = problems ?? [];
  for (const problem of found) all.push(place + problem);
  return all;
}

function keyProblem(keys: readonly string[], item: unknown): string {
  if (item === null) return "may not have a null element";
  if (!isMap(item)) return "may not have non-map elements";
  return `has an element that omits all key fields [${keys.map((name) => JSON.stringify(name)).join(" ")}] (and doesn't have default value for any keys)`;
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
