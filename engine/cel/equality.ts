import { CelError, noSuchOverload } from "./cel-error.ts";
import { Duration, isCelMap, KeyedList, OpaqueValue, Optional, Timestamp, TypeValue, Uint, type CelMap } from "./values.ts";

/** `==`: numbers by size, whatever their types; values of different types are merely unequal. */
export function celEquals(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (isNumber(left)) return isNumber(right) && compareNumbers(left, right) === 0;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  return new Comparison().equal(left, right);
}

/** From here on a comparison remembers what it has found: what holds itself many times over, list in list, would take it for ever. */
const STEPS_WITHOUT_MEMORY = 1_000;

/** One comparison of two values with all their parts. */
class Comparison {
  #steps = 0;
  readonly #found = new Map<object, Map<object, boolean>>();

  equal(left: unknown, right: unknown): boolean {
    if (left === right) return true;
    if (isNumber(left)) return isNumber(right) && compareNumbers(left, right) === 0;
    if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
    if (++this.#steps <= STEPS_WITHOUT_MEMORY) return this.#partsEqual(left, right);
    let known = this.#found.get(left);
    if (known === undefined) this.#found.set(left, (known = new Map()));
    let answer = known.get(right);
    if (answer === undefined) known.set(right, (answer = this.#partsEqual(left, right)));
    return answer;
  }

  #partsEqual(left: object, right: object): boolean {
    if (Array.isArray(left)) return Array.isArray(right) && this.#listsEqual(left, right);
    if (left instanceof Timestamp) return right instanceof Timestamp && left.nanos === right.nanos;
    if (left instanceof Duration) return right instanceof Duration && left.nanos === right.nanos;
    if (left instanceof Uint8Array) return right instanceof Uint8Array && Buffer.compare(left, right) === 0;
    if (left instanceof TypeValue) return right instanceof TypeValue && left.name === right.name;
    if (left instanceof Optional)
      return right instanceof Optional && left.hasValue === right.hasValue && (!left.hasValue || this.equal(left.value, right.value));
    if (left instanceof OpaqueValue) return right instanceof OpaqueValue && left.typeName === right.typeName && left.equals(right);
    return isCelMap(left) && isCelMap(right) && this.#mapsEqual(left, right);
  }

  #listsEqual(left: readonly unknown[], right: readonly unknown[]): boolean {
    if (left.length !== right.length) return false;
    if (!(left instanceof KeyedList)) return left.every((item, index) => this.equal(item, right[index]));
    if (left.keyFields.length === 0) return left.every((item) => right.some((other) => this.equal(item, other)));
    const others = new Map(right.map((item) => [itemKey(item, left.keyFields), item]));
    return left.every((item) => {
      const key = itemKey(item, left.keyFields);
      return others.has(key) && this.equal(item, others.get(key));
    });
  }

  #mapsEqual(left: CelMap, right: CelMap): boolean {
    if (left.size !== right.size) return false;
    for (const key of left.keys()) {
      const other = right.get(key);
      if (other === undefined || !this.equal(left.get(key), other)) return false;
    }
    return true;
  }
}

/** `<` and its kin; throws when the two cannot be ordered. NaN is undefined. */
export function celCompare(left: unknown, right: unknown): number | undefined {
  if (isNumber(left) && isNumber(right)) return compareNumbers(left, right);
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  if (typeof left === "boolean" && typeof right === "boolean") return Number(left) - Number(right);
  if (left instanceof Timestamp && right instanceof Timestamp) return sign(left.nanos - right.nanos);
  if (left instanceof Duration && right instanceof Duration) return sign(left.nanos - right.nanos);
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right);
  throw noSuchOverload();
}

export type CelNumber = bigint | number | Uint;

function isNumber(value: unknown): value is CelNumber {
  return typeof value === "bigint" || typeof value === "number" || value instanceof Uint;
}

function compareNumbers(left: CelNumber, right: CelNumber): number | undefined {
  const a = left instanceof Uint ? left.value : left;
  const b = right instanceof Uint ? right.value : right;
  if (Number.isNaN(a) || Number.isNaN(b)) return undefined;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** By code points, as Go's UTF-8 strings compare. */
function compareText(left: string, right: string): number {
  return left === right ? 0 : Buffer.compare(Buffer.from(left), Buffer.from(right));
}

function sign(value: bigint): number {
  return value < 0n ? -1 : value > 0n ? 1 : 0;
}

/** `+` of lists: sets gain what they lack, maps replace items of the same key, others are joined. */
export function joinLists(left: readonly unknown[], right: readonly unknown[]): readonly unknown[] {
  if (!(left instanceof KeyedList)) return [...left, ...right];
  const { keyFields } = left;
  if (keyFields.length === 0) return KeyedList.withKeys([...left, ...right.filter((item) => !left.some((other) => celEquals(item, other)))], keyFields);
  const byKey = new Map([...left].map((item) => [itemKey(item, keyFields), item]));
  for (const item of right) byKey.set(itemKey(item, keyFields), item);
  return KeyedList.withKeys([...byKey.values()], keyFields);
}

function itemKey(item: unknown, keys: readonly string[]): string {
  if (!isCelMap(item)) throw new CelError("invalid data, expected an item with keys");
  return JSON.stringify(
    keys.map((key) => item.get(key)),
    (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value),
  );
}
