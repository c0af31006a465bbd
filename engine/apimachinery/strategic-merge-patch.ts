import { jsonEqual } from "../lib/freeze.ts";
import { applyMergePatch } from "./merge-patch.ts";
import type { Schema } from "./schema.ts";
import { badRequest } from "./status-error.ts";

type JsonObject = Readonly<Record<string, unknown>>;

const DIRECTIVE = "$patch";
const RETAIN_KEYS = "$retainKeys";
const DELETE_PRIMITIVES = "$deleteFromPrimitiveList/";
const ELEMENT_ORDER = "$setElementOrder/";

/**
 * Kubernetes' strategic merge patch: like a merge patch, but lists with a merge key are merged item by item, as the schema says.
 * Understands $patch (replace, delete, merge), $retainKeys, $setElementOrder and $deleteFromPrimitiveList.
 * (https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md)
 */
export function applyStrategicMergePatch(schema: Schema, target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) throw badRequest("a strategic merge patch must be an object");
  return mergeMap(schema, isObject(target) ? target : {}, patch);
}

function mergeMap(schema: Schema | undefined, target: JsonObject, patch: JsonObject): JsonObject {
  const directive = patch[DIRECTIVE];
  if (directive === "replace") return withoutDirectives(patch);
  if (directive === "delete") return {};
  if (directive !== undefined && directive !== "merge") throw badRequest(`unknown patch type: ${String(directive)}`);
  const result: Record<string, unknown> = retained(target, patch[RETAIN_KEYS]);
  for (const [name, value] of Object.entries(patch)) {
    if (name === DIRECTIVE || name === RETAIN_KEYS || name.startsWith(ELEMENT_ORDER)) continue;
    if (name === "__proto__") throw badRequest('a patch may not set "__proto__"');
    if (name.startsWith(DELETE_PRIMITIVES)) {
      const field = name.slice(DELETE_PRIMITIVES.length);
      const known = result[field];
      const gone = Array.isArray(value) ? value : [];
      if (Array.isArray(known)) result[field] = known.filter((item) => !gone.some((other) => jsonEqual(other, item)));
      continue;
    }
    if (value === null) delete result[name];
    else result[name] = mergeValue(fieldSchema(schema, name), result[name], value);
  }
  for (const [name, order] of Object.entries(patch)) {
    if (!name.startsWith(ELEMENT_ORDER) || !Array.isArray(order)) continue;
    const field = name.slice(ELEMENT_ORDER.length);
    const list = result[field];
    const given = patch[field];
    if (Array.isArray(list)) result[field] = reorder(fieldSchema(schema, field), list, order, Array.isArray(given) ? given : []);
  }
  return result;
}

function mergeValue(schema: Schema | undefined, target: unknown, patch: unknown): unknown {
  if (isObject(patch)) {
    if (schema === undefined) return applyMergePatch(target, withoutDirectives(patch));
    return mergeMap(schema, isObject(target) ? target : {}, patch);
  }
  if (!Array.isArray(patch)) return patch;
  const strategy = schema?.["x-kubernetes-patch-strategy"]?.split(",") ?? [];
  if (!strategy.includes("merge")) return patch.map(withoutNestedDirectives);
  const key = schema?.["x-kubernetes-patch-merge-key"];
  const known = Array.isArray(target) ? target : [];
  if (key === undefined) return [...known, ...patch.filter((item) => !known.some((other) => jsonEqual(other, item)))];
  return mergeItems(schema?.items, key, known, patch);
}

function mergeItems(schema: Schema | undefined, key: string, target: readonly unknown[], patch: readonly unknown[]): unknown[] {
  const items = patch.map((item) => {
    if (!isObject(item)) throw badRequest(`items of this list must be objects with "${key}"`);
    return item;
  });
  if (items.some((item) => item[DIRECTIVE] === "replace" && Object.keys(item).length === 1)) return items.filter((item) => item[DIRECTIVE] === undefined).map(withoutDirectives);
  let result: unknown[] = [...target];
  for (const item of items) {
    const identity = item[key];
    if (identity === undefined) throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const isIt = (other: unknown) => isObject(other) && jsonEqual(other[key], identity);
    if (item[DIRECTIVE] === "delete") result = result.filter((other) => !isIt(other));
    else if (item[DIRECTIVE] === "replace") result = [...result.filter((other) => !isIt(other)), withoutDirectives(item)];
    else {
      const at = result.findIndex(isIt);
      const merged = mergeMap(schema, at < 0 ? {} : (result[at] as JsonObject), item); // isIt has seen that it is an object
      if (at < 0) result.push(merged);
      else result[at] = merged;
    }
  }
  return result;
}

/** Items in the order that the patch asks for; those it does not know keep their place relative to their neighbours. */
function reorder(schema: Schema | undefined, list: readonly unknown[], order: readonly unknown[], given: readonly unknown[]): unknown[] {
  const key = schema?.["x-kubernetes-patch-merge-key"];
  const identity = (item: unknown) => JSON.stringify(key !== undefined && isObject(item) ? item[key] : item);
  const wanted = order.map(identity);
  const ordered = wanted.map((id) => list.find((item) => identity(item) === id)).filter((item) => item !== undefined);
  const others = list.filter((item) => !wanted.includes(identity(item)));
  if (others.length === 0) return ordered;
  const isNew = new Set(given.map(identity));
  const result: unknown[] = [];
  let next = 0;
  for (const item of list) {
    if (!wanted.includes(identity(item))) result.push(item);
    else if (!isNew.has(identity(item)) || next < ordered.length) result.push(ordered[next++]);
  }
  return [...result, ...ordered.slice(next)];
}

function retained(target: JsonObject, keys: unknown): Record<string, unknown> {
  if (!Array.isArray(keys)) return { ...target };
  return Object.fromEntries(Object.entries(target).filter(([name]) => keys.includes(name)));
}

function fieldSchema(schema: Schema | undefined, name: string): Schema | undefined {
  return schema?.properties?.[name] ?? (typeof schema?.additionalProperties === "object" ? schema.additionalProperties : undefined);
}

function withoutNestedDirectives(value: unknown): unknown {
  return isObject(value) ? withoutDirectives(value) : value;
}

function withoutDirectives(patch: JsonObject): JsonObject {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(patch)) {
    if (name === DIRECTIVE || name === RETAIN_KEYS || name.startsWith(ELEMENT_ORDER) || name.startsWith(DELETE_PRIMITIVES) || value === null) continue;
    result[name] = Array.isArray(value) ? value.map(withoutNestedDirectives) : withoutNestedDirectives(value);
  }
  return result;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
