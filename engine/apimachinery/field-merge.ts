import { jsonEqual } from "../lib/freeze.ts";
import { childSchema, isGranularMap, itemSegment, type FieldSet } from "./field-set.ts";
import type { Schema } from "./schema.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** Lays an applied intent over a live value by the schema's list and map types. Copies only what changes; null means "not said". */
export function mergeIntent(schema: Schema | undefined, live: unknown, intent: unknown): unknown {
  if (intent === null || intent === undefined) return live;
  if (isGranularMap(schema, intent)) {
    const base = (typeof live === "object" && live !== null && !Array.isArray(live) ? live : {}) as JsonObject; // checked here
    let copy: Record<string, unknown> | undefined = live === base ? undefined : {};
    for (const [name, value] of Object.entries(intent)) {
      if (value === null || value === undefined) continue;
      const merged = mergeIntent(childSchema(schema, name), base[name], value);
      if (merged !== base[name]) (copy ??= { ...base })[name] = merged;
    }
    return copy ?? base;
  }
  if (Array.isArray(intent) && Array.isArray(live)) {
    const listType = schema?.["x-kubernetes-list-type"];
    if (listType === "set") return [...live, ...intent.filter((item) => !live.some((known) => jsonEqual(known, item)))];
    if (listType === "map" && schema !== undefined) return mergeItems(schema, live, intent);
  }
  return jsonEqual(live, intent) ? live : intent;
}

/** Items are matched by their keys. When the intent names all of them, its order counts; else new ones follow the known. */
function mergeItems(schema: Schema, live: readonly unknown[], intent: readonly unknown[]): unknown {
  const wanted = new Map(intent.map((item) => [itemSegment(schema, item), item]));
  const known = new Map(live.map((item) => [itemSegment(schema, item), item]));
  const merged = new Map<string, unknown>();
  const order = [...known.keys()].every((key) => wanted.has(key)) ? wanted.keys() : [...known.keys(), ...[...wanted.keys()].filter((key) => !known.has(key))];
  for (const key of order) merged.set(key, wanted.has(key) ? mergeIntent(schema.items, known.get(key), wanted.get(key)) : known.get(key));
  const result = [...merged.values()];
  return result.length === live.length && result.every((item, index) => item === live[index]) ? live : result;
}

/**
 * Takes fields out of a value. A list item goes as a whole when it is itself in the set, unless `others` still own something in it.
 * Maps that end empty go too.
 */
export function removeFields(schema: Schema | undefined, value: unknown, gone: FieldSet, others: FieldSet, path: readonly string[] = []): unknown {
  if (!gone.hasBelow(path)) return value;
  if (isGranularMap(schema, value)) {
    const copy: Record<string, unknown> = {};
    for (const [name, child] of Object.entries(value)) {
      const at = [...path, `f:${name}`];
      if (gone.has(at)) continue;
      const rest = removeFields(childSchema(schema, name), child, gone, others, at);
      if (rest !== undefined) copy[name] = rest;
    }
    return Object.keys(copy).length === 0 && Object.keys(value).length > 0 && path.length > 0 ? undefined : copy;
  }
  if (!Array.isArray(value) || schema === undefined) return value;
  if (schema["x-kubernetes-list-type"] === "set") {
    const rest: unknown[] = value.filter((item) => !gone.has([...path, `v:${JSON.stringify(item)}`]));
    return rest.length === 0 && value.length > 0 ? undefined : rest;
  }
  const rest = value.flatMap((item: unknown) => {
    const at = [...path, itemSegment(schema, item)];
    if (gone.has([...at, "."]) && !others.hasBelow(at)) return [];
    const remaining = removeFields(schema.items, item, gone, others, at);
    return remaining === undefined ? [] : [remaining];
  });
  return rest.length === 0 && value.length > 0 ? undefined : rest;
}
