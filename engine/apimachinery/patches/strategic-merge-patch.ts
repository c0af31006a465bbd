import { jsonEqual } from "../../lib/freeze.ts";
import { schemaPlan } from "../schema-plan.ts";
import type { Schema } from "../schema.ts";
import { badRequest } from "../status-error.ts";
import { ELEMENT_ORDER, badDirective, badElementOrder, badType, deletePrimitives, mergeLists, orderList, type ListField } from "./strategic-merge-list.ts";

type JsonMap = Readonly<Record<string, unknown>>;

/** `$patch: replace|delete` decides about the map or list item it stands in. */
const DIRECTIVE = "$patch";
/** `$retainKeys: [a, b]` removes all other keys of the map. */
const RETAIN_KEYS = "$retainKeys";
/** `$deleteFromPrimitiveList/<field>: [x]` removes items of a list of scalars. */
const DELETE_FROM_LIST = "$deleteFromPrimitiveList";

/**
 * Strategic merge patch as kubectl sends it: merge keys and strategies come from the schema's `x-kubernetes-patch-*`. What the
 * schema does not know is merged as by a merge patch. Copies only what changes; a patch that changes nothing returns the target.
 *
 * Throws upstream's failures for patches that contradict themselves or miss a merge key.
 */
export function applyStrategicMergePatch(schema: Schema, target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) throw badRequest("error decoding patch: a strategic merge patch must be an object");
  return mergeMaps(schema, isMap(target) ? target : {}, patch);
}

/** A map as it is being patched: the target's until the first change. */
class Draft {
  readonly #target: JsonMap;
  #copy: Record<string, unknown> | undefined;

  constructor(target: JsonMap) {
    this.#target = target;
  }

  get map(): JsonMap {
    return this.#copy ?? this.#target;
  }

  get(key: string): unknown {
    return Object.hasOwn(this.map, key) ? this.map[key] : undefined;
  }

  set(key: string, value: unknown): void {
    if (value === undefined) this.delete(key);
    else if (value !== this.get(key)) (this.#copy ??= { ...this.#target })[key] = value;
  }

  delete(key: string): void {
    if (Object.hasOwn(this.map, key)) delete (this.#copy ??= { ...this.#target })[key];
  }
}

function mergeMaps(schema: Schema | undefined, target: JsonMap, patch: JsonMap): JsonMap {
  if (Object.hasOwn(patch, "__proto__")) throw badRequest('a patch may not set "__proto__"');
  const directive = patch[DIRECTIVE];
  if (directive !== undefined) return byDirective(directive, patch);
  const draft = new Draft(target);
  if (patch[RETAIN_KEYS] !== undefined) retainKeys(draft, patch, patch[RETAIN_KEYS]);
  const ordered = new Set<string>();
  for (const key of Object.keys(patch)) {
    if (!key.startsWith(ELEMENT_ORDER)) continue;
    const field = fieldOf(key, ELEMENT_ORDER) ?? badElementOrder();
    if (applyElementOrder(schema, draft, field, patch[field], patch[key])) ordered.add(field);
  }
  for (const key of Object.keys(patch)) {
    if (key === RETAIN_KEYS || key.startsWith(ELEMENT_ORDER) || ordered.has(key)) continue;
    if (key.startsWith(DELETE_FROM_LIST)) deleteFromList(schema, draft, key, patch[key]);
    else draft.set(key, mergeField(schema, key, draft.get(key), patch[key]));
  }
  return draft.map;
}

function byDirective(directive: unknown, patch: JsonMap): JsonMap {
  if (directive === "delete") return {};
  if (directive !== "replace") throw badDirective(directive, patch);
  const { [DIRECTIVE]: _, ...rest } = patch;
  return withoutDirectives(rest) as JsonMap; // a map without the marker stays a map
}

function retainKeys(draft: Draft, patch: JsonMap, list: unknown): void {
  const kept = new Set<unknown>(Array.isArray(list) ? list : undefined);
  const isListed = (key: string): boolean =>
    kept.has(key) || key === RETAIN_KEYS || patch[key] === null || key.startsWith(DELETE_FROM_LIST) || key.startsWith(ELEMENT_ORDER);
  if (!Array.isArray(list) || !Object.keys(patch).every(isListed)) throw badRequest("invalid patch format of retainKeys");
  for (const key of Object.keys(draft.map)) if (!kept.has(key)) draft.delete(key);
}

/** Merges and orders one list; false when there is no such list on either side, or the field is null in the patch. */
function applyElementOrder(schema: Schema | undefined, draft: Draft, field: string, patched: unknown, order: unknown): boolean {
  if (!Array.isArray(order)) throw badType([], order);
  const current = draft.get(field);
  if (patched === null || (current === undefined && patched === undefined)) return false;
  for (const list of [current, patched]) if (list !== undefined && list !== null && !Array.isArray(list)) throw badType([], list);
  const list = listField(schema, field);
  const live = Array.isArray(current) ? (current as readonly unknown[]) : undefined;
  const changes = Array.isArray(patched) ? (patched as readonly unknown[]) : undefined;
  draft.set(field, orderList(list, live, changes, order as readonly unknown[]));
  return true;
}

function deleteFromList(schema: Schema | undefined, draft: Draft, key: string, items: unknown): void {
  const field = fieldOf(key, DELETE_FROM_LIST);
  if (field === undefined) throw badRequest("invalid patch format of primitive list");
  const current = draft.get(field);
  if (items === null) draft.delete(field);
  // What is no list takes nothing from one; items that are no primitives are merged, as upstream merges them.
  else if (Array.isArray(current) && Array.isArray(items))
    draft.set(field, deletePrimitives(current, items) ?? mergeLists(listField(schema, field), current, items));
}

/** The field's value after the patch; undefined when it is gone. */
function mergeField(schema: Schema | undefined, key: string, current: unknown, patched: unknown): unknown {
  if (patched === null) return undefined;
  if (isMap(current) && isMap(patched)) {
    const child = childSchema(schema, key);
    if (mergeStrategy(child) !== "replace") return mergeMaps(child, current, patched);
    return keepEqual(current, withoutDirectives(patched));
  }
  if (Array.isArray(current) && Array.isArray(patched)) {
    const list = listField(schema, key);
    return keepEqual(current, list.merges ? mergeLists(list, current, patched) : withoutNulls(patched));
  }
  return keepEqual(current, withoutDirectives(patched));
}

/** Identity tells callers what changed, so equal values keep it. */
function keepEqual(current: unknown, next: unknown): unknown {
  return jsonEqual(current, next) ? current : next;
}

function listField(schema: Schema | undefined, key: string): ListField {
  const list = childSchema(schema, key);
  const items = list?.items;
  return {
    merges: mergeStrategy(list) === "merge",
    mergeKey: list?.["x-kubernetes-patch-merge-key"],
    mergeItem: (current, patched) => mergeMaps(items, current, patched),
    newItem: withoutDirectives,
  };
}

function childSchema(schema: Schema | undefined, key: string): Schema | undefined {
  if (schema === undefined) return undefined;
  const plan = schemaPlan(schema);
  return plan.properties.get(key) ?? plan.additional;
}

/** The strategy besides `retainKeys`, which matters only to those who make patches. */
function mergeStrategy(schema: Schema | undefined): string | undefined {
  return schema?.["x-kubernetes-patch-strategy"]?.split(",").find((strategy) => strategy !== "retainKeys");
}

function fieldOf(key: string, prefix: string): string | undefined {
  return key[prefix.length] === "/" ? key.slice(prefix.length + 1) : undefined;
}

/**
 * A value that meets nothing to be merged with: nulls and directives mean nothing there, and a map or item that was to be
 * deleted or replaced is not there either. Undefined when the value itself goes.
 */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return mapChanged(value, (item) => (item === null ? item : withoutDirectives(item)));
  if (!isMap(value)) return value;
  if (value[DIRECTIVE] !== undefined) return undefined;
  return mapEntries(value, (key, item) =>
    item === null || key === RETAIN_KEYS || key.startsWith(ELEMENT_ORDER) || key.startsWith(DELETE_FROM_LIST) ? undefined : withoutDirectives(item),
  );
}

/** A list that replaces another is taken literally; only nulls in it count as absent fields, as when it is decoded. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return mapChanged(value, (item) => (item === null ? item : withoutNulls(item)));
  return isMap(value) ? mapEntries(value, (_, item) => (item === null ? undefined : withoutNulls(item))) : value;
}

function mapChanged(list: readonly unknown[], change: (item: unknown) => unknown): readonly unknown[] {
  const items = list.map(change).filter((item) => item !== undefined);
  return items.length === list.length && items.every((item, i) => item === list[i]) ? list : items;
}

function mapEntries(map: JsonMap, change: (key: string, value: unknown) => unknown): JsonMap {
  if (Object.hasOwn(map, "__proto__")) throw badRequest('a patch may not set "__proto__"');
  const draft = new Draft(map);
  for (const key of Object.keys(map)) draft.set(key, change(key, map[key]));
  return draft.map;
}

function isMap(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
