import { ownValue } from "../../lib/own-value.ts";

/** A JSON object while it is being built. Trees of these belong to one build and are copied before they leave it. */
export type JsonMap = Record<string, unknown>;

/** Where a value stands inside an object. */
export type Steps = readonly (string | number)[];

export function isMap(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** A scalar as it stands in a file; everything else has no text. */
export function textOf(value: unknown): string {
  return isScalar(value) ? String(value) : "";
}

/** What stands at a place; undefined where there is none. */
export function valueAt(root: unknown, steps: Steps): unknown {
  return steps.reduce<unknown>((value, step) => (isMap(value) ? ownValue(value, String(step)) : Array.isArray(value) ? value[Number(step)] : undefined), root);
}

/** The child map under a key, made when there is none. */
export function childMap(parent: JsonMap, key: string): JsonMap {
  const child = parent[key];
  if (isMap(child)) return child;
  const made: JsonMap = {};
  parent[key] = made;
  return made;
}

/** A map of scalars as text, as upstream rewrites labels and annotations: a null is the word. What holds no scalar is left out. */
export function stringMap(value: unknown): Record<string, string> {
  return isMap(value)
    ? Object.fromEntries(
        Object.entries(value)
          .filter(([, item]) => item === null || isScalar(item))
          .map(([key, item]) => [key, item === null ? "null" : textOf(item)]),
      )
    : {};
}
