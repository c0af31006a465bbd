import { CelError } from "../cel-error.ts";
import { celCompare, celEquals, joinLists } from "../equality.ts";
import { fn, method, sizeOf, traversal, type Library } from "../functions.ts";
import { BOOL, BYTES, DOUBLE, DURATION, DYN, INT, listOf, mapOf, param, STRING, TIMESTAMP, TYPE, UINT, type CelType } from "../types.ts";
import { Duration, Timestamp, TypeValue, typeNameOf, Uint, type CelMap } from "../values.ts";

const T = param("T");
const K = param("K");

export function checkedInt(value: bigint): bigint {
  if (value >= 2n ** 63n || value < -(2n ** 63n)) throw new CelError("integer overflow");
  return value;
}

export function checkedUint(value: bigint): Uint {
  if (value < 0n || value >= 2n ** 64n) throw new CelError("unsigned integer overflow");
  return new Uint(value);
}

type Ints = readonly [bigint, bigint];
type Uints = readonly [Uint, Uint];
type Doubles = readonly [number, number];

function arithmetic(name: string, onInts: (a: bigint, b: bigint) => bigint, onDoubles?: (a: number, b: number) => number): Library {
  return [
    fn<Ints>(name, [INT, INT], INT, ([a, b]) => checkedInt(onInts(a, b))),
    fn<Uints>(name, [UINT, UINT], UINT, ([a, b]) => checkedUint(onInts(a.value, b.value))),
    ...(onDoubles === undefined ? [] : [fn<Doubles>(name, [DOUBLE, DOUBLE], DOUBLE, ([a, b]) => onDoubles(a, b))]),
  ];
}

function nonZero(value: bigint, message: string): bigint {
  if (value === 0n) throw new CelError(message);
  return value;
}

const timeArithmetic: Library = [
  fn<readonly [Timestamp, Duration]>("_+_", [TIMESTAMP, DURATION], TIMESTAMP, ([a, b]) => inTime(a.nanos + b.nanos)),
  fn<readonly [Duration, Timestamp]>("_+_", [DURATION, TIMESTAMP], TIMESTAMP, ([a, b]) => inTime(a.nanos + b.nanos)),
  fn<readonly [Duration, Duration]>("_+_", [DURATION, DURATION], DURATION, ([a, b]) => new Duration(checkedInt(a.nanos + b.nanos))),
  fn<readonly [Timestamp, Timestamp]>("_-_", [TIMESTAMP, TIMESTAMP], DURATION, ([a, b]) => new Duration(checkedInt(a.nanos - b.nanos))),
  fn<readonly [Timestamp, Duration]>("_-_", [TIMESTAMP, DURATION], TIMESTAMP, ([a, b]) => inTime(a.nanos - b.nanos)),
  fn<readonly [Duration, Duration]>("_-_", [DURATION, DURATION], DURATION, ([a, b]) => new Duration(checkedInt(a.nanos - b.nanos))),
];

/** Years 1 to 9999. */
export function inTime(nanos: bigint): Timestamp {
  const seconds = nanos / 1_000_000_000n;
  if (seconds < -62135596800n || seconds > 253402300799n) throw new CelError("timestamp overflow");
  return new Timestamp(nanos);
}

const ORDERED: readonly CelType[] = [BOOL, INT, UINT, DOUBLE, STRING, BYTES, TIMESTAMP, DURATION];
const NUMBERS: readonly CelType[] = [INT, UINT, DOUBLE];

function relation(name: string, holds: (order: number) => boolean): Library {
  const compare = ([a, b]: readonly [unknown, unknown]) => {
    const order = celCompare(a, b);
    return order !== undefined && holds(order);
  };
  const mixed = NUMBERS.flatMap((left) => NUMBERS.filter((right) => right !== left).map((right) => fn(name, [left, right], BOOL, compare)));
  return [...ORDERED.map((type) => fn(name, [type, type], BOOL, compare, traversal())), ...mixed];
}

const shorter = (args: readonly unknown[]) => Math.ceil(Math.min(sizeOf(args[0]), sizeOf(args[1])) * 0.1);
const equality: Library = [
  fn<readonly [unknown, unknown]>("_==_", [T, T], BOOL, ([a, b]) => celEquals(a, b), shorter),
  fn<readonly [unknown, unknown]>("_!=_", [T, T], BOOL, ([a, b]) => !celEquals(a, b), shorter),
  ...NUMBERS.flatMap((left) =>
    NUMBERS.filter((right) => right !== left).flatMap((right) => [
      fn<readonly [unknown, unknown]>("_==_", [left, right], BOOL, ([a, b]) => celEquals(a, b)),
      fn<readonly [unknown, unknown]>("_!=_", [left, right], BOOL, ([a, b]) => !celEquals(a, b)),
    ]),
  ),
];

const membership: Library = [
  fn<readonly [unknown, readonly unknown[]]>(
    "@in",
    [T, listOf(T)],
    BOOL,
    ([item, list]) => list.some((other) => celEquals(item, other)),
    ([, list]) => sizeOf(list),
  ),
  fn<readonly [unknown, CelMap]>("@in", [K, mapOf(K, param("V"))], BOOL, ([key, map]) => map.has?.(key) ?? map.get(key) !== undefined),
];

const sizes: Library = (
  [
    [STRING, (value: string) => BigInt([...value].length)],
    [BYTES, (value: Uint8Array) => BigInt(value.length)],
    [listOf(T), (value: readonly unknown[]) => BigInt(value.length)],
    [mapOf(K, T), (value: CelMap) => BigInt(value.size)],
  ] as readonly (readonly [CelType, (value: never) => bigint])[]
).flatMap(([type, size]) => [
  fn<readonly [never]>("size", [type], INT, ([value]) => size(value)),
  method<readonly [never]>("size", [type], INT, ([value]) => size(value)),
]);

/** What every expression has: arithmetic, order, membership, sizes and types. */
export const operatorLibrary: Library = [
  ...arithmetic(
    "_+_",
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  fn<readonly [string, string]>(
    "_+_",
    [STRING, STRING],
    STRING,
    ([a, b]) => a + b,
    ([a, b]) => Math.ceil((sizeOf(a) + sizeOf(b)) * 0.1),
  ),
  fn<readonly [Uint8Array, Uint8Array]>(
    "_+_",
    [BYTES, BYTES],
    BYTES,
    ([a, b]) => new Uint8Array(Buffer.concat([a, b])),
    ([a, b]) => Math.ceil((sizeOf(a) + sizeOf(b)) * 0.1),
  ),
  fn<readonly [readonly unknown[], readonly unknown[]]>(
    "_+_",
    [listOf(T), listOf(T)],
    listOf(T),
    ([a, b]) => joinLists(a, b),
    ([a, b]) => sizeOf(a) + sizeOf(b),
  ),
  ...timeArithmetic,
  ...arithmetic(
    "_-_",
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  ...arithmetic(
    "_*_",
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  ...arithmetic(
    "_/_",
    (a, b) => a / nonZero(b, "division by zero"),
    (a, b) => a / b,
  ),
  ...arithmetic("_%_", (a, b) => a % nonZero(b, "modulus by zero")),
  fn<readonly [boolean]>("!_", [BOOL], BOOL, ([a]) => !a),
  fn<readonly [bigint]>("-_", [INT], INT, ([a]) => checkedInt(-a)),
  fn<readonly [number]>("-_", [DOUBLE], DOUBLE, ([a]) => -a),
  ...relation("_<_", (order) => order < 0),
  ...relation("_<=_", (order) => order <= 0),
  ...relation("_>_", (order) => order > 0),
  ...relation("_>=_", (order) => order >= 0),
  ...equality,
  ...membership,
  ...sizes,
  fn<readonly [unknown]>("type", [T], TYPE, ([value]) => new TypeValue(typeNameOf(value))),
  fn<readonly [unknown]>("dyn", [T], DYN, ([value]) => value),
];
