import { asMember, EMPTY_SET, FieldSetBuilder, type FieldSet } from "./field-set.ts";
import { fieldElement, printElement } from "./field-set-element.ts";
import type { Schema } from "../schema.ts";
import { isMap, itemElement, schemaOfKey, shapeOf, type MapShape, type Shape } from "./server-side-apply-shape.ts";

/** An object that cannot be read by its schema. The message lists every problem, in upstream's words. */
export class FieldSetError extends Error {}

interface Walk {
  readonly builder: FieldSetBuilder;
  /** Problems found; undefined where duplicates and unknown fields are tolerated, as in stored objects. */
  readonly problems: string[] | undefined;
  readonly path: string[];
}

/**
 * The fields an intent states: leaves, map entries, list items, and empty or null objects; structs are not owned themselves.
 * Throws FieldSetError for fields that the schema does not know, and for list items with the same key or without one.
 */
export function fieldSetOfIntent(schema: Schema, intent: unknown): FieldSet {
  const walk: Walk = { builder: new FieldSetBuilder(), problems: [], path: [] };
  visit(schema, intent, walk);
  const problems = walk.problems ?? [];
  if (problems.length > 0) throw new FieldSetError(problems.length === 1 ? problems[0] : ["errors:", ...problems.map((problem) => `  ${problem}`)].join("\n"));
  return walk.builder.build();
}

/** The same for a stored object, which is taken as it is. */
export function fieldSetOfObject(schema: Schema | undefined, object: unknown): FieldSet {
  const walk: Walk = { builder: new FieldSetBuilder(), problems: undefined, path: [] };
  visit(schema, object, walk);
  return walk.builder.build();
}

function visit(schema: Schema | undefined, value: unknown, walk: Walk): void {
  const shape = shapeOf(schema, value);
  switch (shape.is) {
    case "leaf":
      walk.builder.add(walk.path);
      return;
    case "map":
      if (isMap(value)) visitMap(shape, value, walk);
      return;
    default:
      if (Array.isArray(value)) visitItems(shape, value, walk);
  }
}

function visitMap(shape: MapShape, map: Readonly<Record<string, unknown>>, walk: Walk): void {
  for (const key in map) {
    const value = map[key];
    if (value === undefined) continue;
    const isDeclared = shape.properties.has(key);
    walk.path.push(fieldElement(key));
    if (!isDeclared && shape.isClosed && walk.problems !== undefined) walk.problems.push(`${printPath(walk.path)}: field not declared in schema`);
    visit(schemaOfKey(shape, key), value, walk);
    if (!isDeclared || value === null || (isMap(value) && isEmpty(value))) walk.builder.add(walk.path);
    walk.path.pop();
  }
}

function visitItems(shape: Extract<Shape, { is: "set" | "keyed" }>, items: readonly unknown[], walk: Walk): void {
  const counts = new Map<string, number>();
  const elements = items.map((item) => {
    const element = itemElement(shape, item);
    if (element !== undefined) counts.set(element, (counts.get(element) ?? 0) + 1);
    return element;
  });
  for (let i = 0; i < items.length; i++) {
    const element = elements[i];
    if (element === undefined) {
      walk.problems?.push(`${printPath(walk.path)}: element ${i}: ${missingKey(shape, items[i])}`);
      continue;
    }
    walk.path.push(element);
    const count = counts.get(element) ?? 1;
    // Items that share a key are owned as one, without their fields.
    if (count === 1) visit(shape.is === "keyed" ? shape.item : undefined, items[i], walk);
    else if (walk.problems !== undefined && elements.indexOf(element) === i)
      walk.problems.push(`${printPath(walk.path.slice(0, -1))}: duplicate entries for key ${printElement(element)}`);
    walk.builder.add(walk.path);
    walk.path.pop();
  }
}

function missingKey(shape: Shape, item: unknown): string {
  if (item === null) return "associative list with keys may not have a null element";
  if (!isMap(item) || shape.is !== "keyed") return "associative list with keys may not have non-map elements";
  return `associative list with keys has an element that omits all key fields [${shape.keys.map((key) => JSON.stringify(key)).join(" ")}] (and doesn't have default value for any keys)`;
}

function printPath(path: readonly string[]): string {
  return path.map(printElement).join("");
}

function isEmpty(map: object): boolean {
  for (const _ in map) return false;
  return true;
}

/**
 * The set with every named field on the way to a member made a member: a struct is regarded as owned by whoever owns
 * something in it. Map keys and list items stay as they are.
 */
export function withNamedFields(schema: Schema | undefined, set: FieldSet): FieldSet {
  const shape = shapeOf(schema, EMPTY_SET);
  if (shape.is === "leaf" || shape.is === "set") return set;
  let result: Record<string, FieldSet> | undefined;
  for (const element in set) {
    if (element === ".") continue;
    const node = set[element] as FieldSet; // own key
    if (isEmpty(node)) continue;
    const key = element.startsWith("f:") ? element.slice(2) : undefined;
    const child = shape.is === "keyed" ? shape.item : key === undefined ? undefined : schemaOfKey(shape, key);
    const inner = withNamedFields(child, node);
    const isNamed = shape.is === "map" && key !== undefined && shape.properties.has(key);
    const changed = isNamed ? asMember(inner) : inner;
    if (changed !== node) (result ??= { ...set })[element] = changed;
  }
  return result ?? set;
}
