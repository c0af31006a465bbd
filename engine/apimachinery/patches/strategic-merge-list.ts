import { goKind, goText, goType } from "../go-text.ts";
import { badRequest, withoutReason, type StatusError } from "../status-error.ts";

type JsonMap = Readonly<Record<string, unknown>>;

/** `$setElementOrder/<field>: [...]` states the order of a list's items, by merge key or by value. */
export const ELEMENT_ORDER = "$setElementOrder";

/** A list as its field's schema describes it. */
export interface ListField {
  /** Whether items are merged; otherwise the patch's list replaces the other. */
  readonly merges: boolean;
  /** The field that tells items apart; absent for lists of scalars. */
  readonly mergeKey: string | undefined;
  readonly mergeItem: (current: JsonMap, patched: JsonMap) => JsonMap;
  /** The form of an item that is in the patch alone; undefined when nothing is left of it. */
  readonly newItem: (patched: unknown) => unknown;
}

/** Upstream's failures over a patch that contradicts itself have no reason, and the code 500, but for a few. */
export function badDirective(directive: unknown, map: unknown): StatusError {
  const told = typeof directive === "string" ? directive : `%!s(${goType(directive)}=${goText(directive)})`;
  return withoutReason(`unknown patch type: ${told} in map: ${goText(map)}`);
}

/** The same of a value that is not of the type of another one. */
export function badType(wanted: object, given: unknown): StatusError {
  return withoutReason(`expected a ${goType(wanted)}, but received a ${goType(given)}`);
}

export function badElementOrder(): never {
  throw badRequest("invalid patch format of setElementOrder list");
}

/**
 * A merging list after a patch. Items of the patch come in the patch's order, the others in their own; where the two meet,
 * an item stays before those it was before.
 */
export function mergeLists(list: ListField, current: readonly unknown[], patched: readonly unknown[]): readonly unknown[] {
  return mergeWithOrder(list, current, patched).items;
}

interface OrderedMerge {
  readonly items: readonly unknown[];
  /** What an element order that comes with the patch takes for the order before it. */
  readonly orderBefore: readonly unknown[];
}

function mergeWithOrder(list: ListField, current: readonly unknown[], patched: readonly unknown[]): OrderedMerge {
  if (current.length === 0 && patched.length === 0) return { items: current, orderBefore: current };
  if (!areMaps(current, patched)) {
    const own = new Set(patched);
    const rest = unique(current).filter((item) => !own.has(item));
    return { items: interleave(rest, unique(patched), positions(current, identity)), orderBefore: current };
  }
  const merged = mergeKeyed(list, current, patched);
  const isPatched = new Set(merged.patchedKeys);
  const keyOf = keyReader(list);
  const rest = merged.items.filter((item) => !isPatched.has(keyOf(item)));
  const own = sortBy(
    merged.items.filter((item) => isPatched.has(keyOf(item))),
    positions(merged.patchedKeys, identity),
    keyOf,
  );
  return {
    items: interleave(rest, own, positions(merged.base, keyOf), keyOf),
    // Upstream deletes and appends in place, so new items fill the room that deleted ones left and count as old ones there.
    orderBefore: merged.replaces ? current : merged.items.slice(0, current.length),
  };
}

interface KeyedMerge {
  /** In the order of `base`, then the new ones. */
  readonly items: readonly unknown[];
  readonly replaces: boolean;
  /** The current items after deletions and replacement: they state the order of what the patch does not name. */
  readonly base: readonly unknown[];
  readonly patchedKeys: readonly unknown[];
}

function mergeKeyed(list: ListField, current: readonly unknown[], patched: readonly unknown[]): KeyedMerge {
  const keyOf = keyReader(list);
  const ownKey = (item: unknown) => (item as JsonMap)[list.mergeKey ?? ""];
  const gone = new Set<unknown>();
  let replaces = false;
  const changes: JsonMap[] = [];
  for (const item of patched as readonly JsonMap[]) {
    // callers have checked that all items are maps
    const directive = item["$patch"];
    if (directive === undefined) changes.push(item);
    else if (directive === "replace") replaces = true;
    else if (directive === "delete") gone.add(keyOf(item));
    else if (directive === "merge") throw withoutReason("merging lists cannot yet be specified in the patch");
    else throw badDirective(directive, item);
  }
  if (replaces) {
    const items = changes.map(list.newItem);
    return { items, replaces, base: items, patchedKeys: [] };
  }
  const base = gone.size === 0 ? current : current.filter((item) => !gone.has(ownKey(item)));
  const items = [...base];
  const place = positions(items, ownKey);
  for (const change of changes) {
    const key = keyOf(change);
    const at = place.get(key);
    if (at !== undefined) items[at] = list.mergeItem(items[at] as JsonMap, change);
    else {
      // A key that is null stays one: upstream's decoding takes it for none.
      const added = key === null ? { ...(list.newItem(change) as JsonMap), [list.mergeKey ?? ""]: null } : list.newItem(change);
      if (ownKey(added) === key) place.set(key, items.length);
      items.push(added);
    }
  }
  return { items, replaces, base, patchedKeys: changes.map(keyOf) };
}

/** Merges (if both are there) and puts the items that `order` names into that order. */
export function orderList(
  list: ListField,
  current: readonly unknown[] | undefined,
  patched: readonly unknown[] | undefined,
  order: readonly unknown[],
): readonly unknown[] {
  if (patched !== undefined) checkOrder(list, patched, order);
  const { items: merged, orderBefore } = joined(list, current, patched);
  if (merged.length === 0) return merged;
  const keyOf = list.mergeKey === undefined ? identity : keyReader(list);
  const place = positions(order, keyOf);
  const named = sortBy(
    merged.filter((item) => place.has(keyOf(item))),
    place,
    keyOf,
  );
  const rest = merged.filter((item) => !place.has(keyOf(item)));
  const result = interleave(rest, named, positions(orderBefore, keyOf), keyOf);
  return current !== undefined && result.length === current.length && result.every((item, i) => item === current[i]) ? current : result;
}

function joined(list: ListField, current: readonly unknown[] | undefined, patched: readonly unknown[] | undefined): OrderedMerge {
  if (patched === undefined) return { items: current ?? [], orderBefore: current ?? [] };
  if (current !== undefined && list.merges) return mergeWithOrder(list, current, patched);
  return { items: patched.map(list.newItem).filter((item) => item !== undefined), orderBefore: current ?? [] };
}

/** The patch's items must come in the stated order, and be part of it, so that the two cannot contradict each other. */
function checkOrder(list: ListField, patched: readonly unknown[], order: readonly unknown[]): void {
  if (patched.length === 0 || order.length === 0) return;
  const keyOf = list.mergeKey === undefined ? identity : keyReader(list);
  const keys = order.map(keyOf);
  let at = 0;
  for (const item of patched) {
    if (isMap(item) && item["$patch"] !== undefined) continue;
    at = keys.indexOf(keyOf(item), at) + 1;
    if (at === 0) throw withoutReason(`The order in patch list:\n${goText(patched)}\n doesn't match ${ELEMENT_ORDER} list:\n${goText(order)}\n`);
  }
}

/** A list of scalars without some of them; undefined where they are no scalars. */
export function deletePrimitives(current: readonly unknown[], items: readonly unknown[]): readonly unknown[] | undefined {
  if (areMaps(current, items)) return undefined;
  const gone = new Set(items);
  const rest = current.filter((item) => !gone.has(item));
  return rest.length === current.length ? current : rest;
}

/** Puts `rest` among `own`: an item goes first only where the old order had it before the next item of `own`. */
function interleave(
  rest: readonly unknown[],
  own: readonly unknown[],
  place: ReadonlyMap<unknown, number>,
  keyOf: (item: unknown) => unknown = identity,
): readonly unknown[] {
  const out: unknown[] = [];
  let i = 0;
  for (const item of own) {
    const limit = place.get(keyOf(item));
    while (limit !== undefined && i < rest.length && (place.get(keyOf(rest[i])) ?? Infinity) < limit) out.push(rest[i++]);
    out.push(item);
  }
  return [...out, ...rest.slice(i)];
}

function sortBy(items: readonly unknown[], place: ReadonlyMap<unknown, number>, keyOf: (item: unknown) => unknown): readonly unknown[] {
  return [...items].sort((left, right) => (place.get(keyOf(left)) ?? 0) - (place.get(keyOf(right)) ?? 0));
}

/** Where each key stands first. */
function positions(items: readonly unknown[], keyOf: (item: unknown) => unknown): Map<unknown, number> {
  const place = new Map<unknown, number>();
  items.forEach((item, i) => {
    const key = keyOf(item);
    if (!place.has(key)) place.set(key, i);
  });
  return place;
}

function keyReader(list: ListField): (item: unknown) => unknown {
  const { mergeKey } = list;
  return (item) => {
    if (mergeKey === undefined) throw withoutReason("cannot merge lists without merge key");
    if (!isMap(item)) throw badType({}, item);
    if (!Object.hasOwn(item, mergeKey)) throw withoutReason(`map: ${goText(item)} does not contain declared merge key: ${mergeKey}`);
    return item[mergeKey];
  };
}

/** Whether the items are maps. Lists that mix types, or hold lists, cannot be merged: upstream takes that for a failure of its own. */
function areMaps(...lists: readonly (readonly unknown[])[]): boolean {
  const [first, ...others] = lists.flat().map(goKind);
  if (first === "slice") throw withoutReason("lists of lists are not supported");
  if (others.some((type) => type !== first)) throw withoutReason(`list element types are not identical: ${goText(lists)}`);
  return first === "map";
}

function unique(items: readonly unknown[]): readonly unknown[] {
  return [...new Set(items)];
}

function identity(item: unknown): unknown {
  return item;
}

function isMap(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
