import { CelError } from "../cel-error.ts";
import { celCompare, celEquals } from "../equality.ts";
import { fn, method, sizeOf, type CallContext, type Library, type Overload } from "../functions.ts";
import { SORT_BY_KEYS } from "../macros.ts";
import { BOOL, BYTES, DOUBLE, DURATION, DYN, INT, listOf, param, STRING, TIMESTAMP, UINT, type CelType } from "../types.ts";
import { isCelMap, typeNameOf } from "../values.ts";

type List = readonly unknown[];
type Cost = NonNullable<Overload["cost"]>;

const ORDERED: readonly CelType[] = [INT, UINT, DOUBLE, BOOL, DURATION, TIMESTAMP, STRING, BYTES];
const LIST_COST = 10;
const COMPARE_COST = 2;
/** Comparing texts costs more, as they are read. */
const COMPARE_TEXT_COST = 2.1;
const T = param("T");

const perItem: Cost = ([list]) => LIST_COST + sizeOf(list);

/** As if each item were compared with each. */
function compareCost(keys: unknown): number {
  const [first] = keys as List;
  const each = typeof first === "string" || first instanceof Uint8Array ? COMPARE_TEXT_COST : COMPARE_COST;
  return LIST_COST + Math.floor(sizeOf(keys) ** 2 * each);
}

function slice(list: List, start: bigint, end: bigint): List {
  const call = `cannot slice(${start}, ${end})`;
  if (start < 0n || end < 0n) throw new CelError(`${call}, negative indexes not supported`);
  if (start > end) throw new CelError(`${call}, start index must be less than or equal to end index`);
  if (BigInt(list.length) < end) throw new CelError(`${call}, list is length ${list.length}`);
  return list.slice(Number(start), Number(end));
}

/** A list may hold another one many times: what is inside is paid for too, which upstream forgets, or a few words would fill the memory. */
function flatten(list: List, depth: bigint, context: CallContext): List {
  if (depth < 0n) throw new CelError("level must be non-negative");
  const items: unknown[] = [];
  const add = (some: List, left: number): void => {
    for (const item of some) {
      if (some !== list) context.spend(1);
      if (left > 0 && Array.isArray(item)) add(item as List, left - 1);
      else items.push(item);
    }
  };
  add(list, Number(depth));
  return items;
}

function sortByKeys(list: List, keys: List): List {
  const [first] = keys;
  if (first === undefined) return list;
  if (first === null || Array.isArray(first) || isCelMap(first)) throw new CelError("list elements must be comparable");
  if (keys.some((key) => typeNameOf(key) !== typeNameOf(first))) throw new CelError("list elements must have the same type");
  const order = keys.map((_key, index) => index).sort((a, b) => celCompare(keys[a], keys[b]) ?? 0);
  return order.map((index) => list[index]);
}

function distinct(list: List): List {
  const found: unknown[] = [];
  for (const item of list) if (!found.some((other) => celEquals(item, other))) found.push(item);
  return found;
}

/** The functions that put the items of a list into another order, or leave some out; each gives a new list. */
export const listArrangementLibrary: Library = [
  method<readonly [List, bigint, bigint]>(
    "slice",
    [listOf(T), INT, INT],
    listOf(T),
    ([list, start, end]) => slice(list, start, end),
    ([list, start, end]) => LIST_COST + Math.max(0, Math.min(sizeOf(list), Number(end)) - Number(start)),
  ),
  method<readonly [List]>("flatten", [listOf(listOf(T))], listOf(T), ([list], context) => flatten(list, 1n, context), perItem),
  method<readonly [List, bigint]>(
    "flatten",
    [listOf(DYN), INT],
    listOf(DYN),
    ([list, depth], context) => flatten(list, depth, context),
    ([list, depth]) => LIST_COST + sizeOf(list) * Math.max(0, Number(depth)),
  ),
  method<readonly [List]>("reverse", [listOf(T)], listOf(T), ([list]) => list.toReversed(), perItem),
  method<readonly [List]>(
    "distinct",
    [listOf(T)],
    listOf(T),
    ([list]) => distinct(list),
    ([list]) => compareCost(list),
  ),
  fn<readonly [bigint]>(
    "lists.range",
    [INT],
    listOf(INT),
    ([count]) => Array.from({ length: Math.max(0, Number(count)) }, (_item, index) => BigInt(index)),
    ([count]) => LIST_COST + Math.max(0, Number(count)),
  ),
  ...ORDERED.flatMap((type) => [
    method<readonly [List]>(
      "sort",
      [listOf(type)],
      listOf(type),
      ([list]) => sortByKeys(list, list),
      ([list]) => compareCost(list),
    ),
    method<readonly [List, List]>(
      SORT_BY_KEYS,
      [listOf(T), listOf(type)],
      listOf(T),
      ([list, keys]) => sortByKeys(list, keys),
      ([, keys]) => compareCost(keys),
    ),
  ]),
];
