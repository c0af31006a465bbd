import { CelError } from "../cel-error.ts";
import { celCompare, celEquals } from "../equality.ts";
import { fn, listCost, method, regexCost, sizeOf, type Library } from "../functions.ts";
import { findMatch } from "../regex-search.ts";
import { compileRegex } from "../regex.ts";
import { BOOL, BYTES, DOUBLE, DURATION, INT, listOf, param, STRING, TIMESTAMP, UINT, type CelType } from "../types.ts";
import { Duration, Uint } from "../values.ts";
import { checkedInt, checkedUint } from "./operators.ts";

type List = readonly unknown[];

const ORDERED: readonly CelType[] = [INT, UINT, DOUBLE, BOOL, DURATION, TIMESTAMP, STRING, BYTES];
const T = param("T");

function isSorted(list: List): boolean {
  return list.every((item, index) => index === 0 || (celCompare(list[index - 1], item) ?? 1) <= 0);
}

function extreme(list: List, name: string, wanted: number): unknown {
  if (list.length === 0) throw new CelError(`${name} called on empty list`);
  return list.reduce((best, item) => (Math.sign(celCompare(item, best) ?? 0) === wanted ? item : best));
}

const sums: Library = [
  method<readonly [readonly bigint[]]>("sum", [listOf(INT)], INT, ([list]) => checkedInt(list.reduce((sum, item) => sum + item, 0n)), listCost),
  method<readonly [readonly Uint[]]>("sum", [listOf(UINT)], UINT, ([list]) => checkedUint(list.reduce((sum, item) => sum + item.value, 0n)), listCost),
  method<readonly [readonly number[]]>("sum", [listOf(DOUBLE)], DOUBLE, ([list]) => list.reduce((sum, item) => sum + item, 0), listCost),
  method<readonly [readonly Duration[]]>(
    "sum",
    [listOf(DURATION)],
    DURATION,
    ([list]) => new Duration(checkedInt(list.reduce((sum, item) => sum + item.nanos, 0n))),
    listCost,
  ),
];

function find(text: string, pattern: string): string {
  const [start, end] = findMatch(compileRegex(pattern), text, 0) ?? [0, 0];
  return text.slice(start, end);
}

/** Matches that do not overlap; an empty one directly behind another is none. */
function findAll(text: string, pattern: string, limit = -1n): readonly string[] {
  const regex = compileRegex(pattern);
  const found: string[] = [];
  for (let at = 0, last = -1; at <= text.length && (limit < 0n || BigInt(found.length) < limit);) {
    const match = findMatch(regex, text, at);
    if (match === undefined) break;
    const [start, end] = match;
    if (end > start || start !== last) found.push(text.slice(start, end));
    last = end;
    at = end > start ? end : start + ((text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1);
  }
  return found;
}

const both: NonNullable<Parameters<typeof fn>[4]> = ([left, right]) => sizeOf(left) * sizeOf(right);

/** Kubernetes' functions of lists, sets and regular expressions. */
export const listLibrary: Library = [
  ...ORDERED.flatMap((type) => [
    method<readonly [List]>("isSorted", [listOf(type)], BOOL, ([list]) => isSorted(list), listCost),
    method<readonly [List]>("min", [listOf(type)], type, ([list]) => extreme(list, "min", -1), listCost),
    method<readonly [List]>("max", [listOf(type)], type, ([list]) => extreme(list, "max", 1), listCost),
  ]),
  ...sums,
  method<readonly [List, unknown]>("indexOf", [listOf(T), T], INT, ([list, item]) => BigInt(list.findIndex((other) => celEquals(item, other))), listCost),
  method<readonly [List, unknown]>(
    "lastIndexOf",
    [listOf(T), T],
    INT,
    ([list, item]) => BigInt(list.findLastIndex((other) => celEquals(item, other))),
    listCost,
  ),
  method<readonly [string, string]>("find", [STRING, STRING], STRING, ([text, pattern]) => find(text, pattern), regexCost),
  method<readonly [string, string]>("findAll", [STRING, STRING], listOf(STRING), ([text, pattern]) => findAll(text, pattern), regexCost),
  method<readonly [string, string, bigint]>(
    "findAll",
    [STRING, STRING, INT],
    listOf(STRING),
    ([text, pattern, limit]) => findAll(text, pattern, limit),
    regexCost,
  ),
  fn<readonly [List, List]>(
    "sets.contains",
    [listOf(T), listOf(T)],
    BOOL,
    ([list, part]) => part.every((item) => list.some((other) => celEquals(item, other))),
    both,
  ),
  fn<readonly [List, List]>(
    "sets.equivalent",
    [listOf(T), listOf(T)],
    BOOL,
    ([a, b]) => a.every((item) => b.some((other) => celEquals(item, other))) && b.every((item) => a.some((other) => celEquals(item, other))),
    (args) => 2 * both(args),
  ),
  fn<readonly [List, List]>("sets.intersects", [listOf(T), listOf(T)], BOOL, ([a, b]) => a.some((item) => b.some((other) => celEquals(item, other))), both),
];
