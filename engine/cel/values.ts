import { CelError } from "./cel-error.ts";

/**
 * Values while an expression runs: bool, text, null, bigint (int), number (double) and Uint8Array as themselves, lists as arrays;
 * everything else is one of the classes below.
 */
export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

const NANOS_PER_SECOND = 1_000_000_000n;

/** An instant, in nanoseconds since the epoch. */
export class Timestamp {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }

  get epochMs(): number {
    const ms = this.nanos / 1_000_000n;
    return Number(this.nanos % 1_000_000n < 0n ? ms - 1n : ms);
  }

  toString(): string {
    const fraction = ((this.nanos % NANOS_PER_SECOND) + NANOS_PER_SECOND) % NANOS_PER_SECOND;
    const whole = new Date(Number((this.nanos - fraction) / 1_000_000n)).toISOString().slice(0, 19);
    return `${whole}${fraction === 0n ? "" : `.${fraction.toString().padStart(9, "0").replace(/0+$/, "")}`}Z`;
  }
}

/** A length of time, in nanoseconds. */
export class Duration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }

  toString(): string {
    const size = this.nanos < 0n ? -this.nanos : this.nanos;
    const fraction = (size % NANOS_PER_SECOND).toString().padStart(9, "0").replace(/0+$/, "");
    return `${this.nanos < 0n ? "-" : ""}${size / NANOS_PER_SECOND}${fraction === "" ? "" : `.${fraction}`}s`;
  }
}

export class Optional {
  static readonly none = new Optional(undefined);
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }

  get hasValue(): boolean {
    return this.value !== undefined;
  }
}

/** What `type(x)` gives. */
export class TypeValue {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A value of a library: its class decides what it equals. */
export abstract class OpaqueValue {
  abstract readonly typeName: string;
  abstract equals(other: OpaqueValue): boolean;
}

/** Maps and objects: those made by expressions, and views of JSON. */
export interface CelMap {
  readonly isCelMap: true;
  /** An object of a declared type; undefined for maps. */
  readonly typeName: string | undefined;
  readonly size: number;
  get(key: unknown): unknown;
  /** What `in` says, where `get` gives something for every key. */
  has?(key: unknown): boolean;
  keys(): Iterable<unknown>;
}

/** A map made by an expression. Numbers of different types that are equal are the same key. */
export class MapValue implements CelMap {
  readonly isCelMap = true;
  readonly typeName: string | undefined;
  readonly #entries: ReadonlyMap<string, readonly [unknown, unknown]>;

  constructor(entries: Iterable<readonly [unknown, unknown]>, typeName?: string) {
    this.typeName = typeName;
    const byKey = new Map<string, readonly [unknown, unknown]>();
    for (const entry of entries) {
      const mark = keyMark(entry[0]);
      if (mark === undefined) throw new CelError(`unsupported key type: ${typeNameOf(entry[0])}`);
      if (byKey.has(mark)) throw new CelError(`Failed with repeated key`);
      byKey.set(mark, entry);
    }
    this.#entries = byKey;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: unknown): unknown {
    const mark = keyMark(key);
    return mark === undefined ? undefined : this.#entries.get(mark)?.[1];
  }

  *keys(): Iterable<unknown> {
    for (const [key] of this.#entries.values()) yield key;
  }
}

/** A list of a schema's type `set` or `map`: order does not matter, and joining two merges them. */
export class KeyedList extends Array<unknown> {
  /** Empty for sets. */
  keyFields: readonly string[] = [];

  static withKeys(items: readonly unknown[], keys: readonly string[]): KeyedList {
    const list = new KeyedList();
    for (const item of items) list.push(item);
    list.keyFields = keys;
    return list;
  }

  /** Whatever is derived from it is an ordinary list. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

export function isCelMap(value: unknown): value is CelMap {
  return typeof value === "object" && value !== null && "isCelMap" in value;
}

/** The name of a value's type, as `type()` and error messages give it. */
export function typeNameOf(value: unknown): string {
  switch (typeof value) {
    case "bigint":
      return "int";
    case "number":
      return "double";
    case "string":
      return "string";
    case "boolean":
      return "bool";
  }
  if (value === null) return "null_type";
  if (Array.isArray(value)) return "list";
  if (value instanceof Uint) return "uint";
  if (value instanceof Timestamp) return "google.protobuf.Timestamp";
  if (value instanceof Duration) return "google.protobuf.Duration";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof Optional) return "optional_type";
  if (value instanceof TypeValue) return "type";
  if (value instanceof OpaqueValue) return value.typeName;
  return isCelMap(value) ? (value.typeName ?? "map") : "dyn";
}

function keyMark(key: unknown): string | undefined {
  if (typeof key === "string") return `s${key}`;
  if (typeof key === "boolean") return `b${key}`;
  if (typeof key === "bigint") return `n${key}`;
  if (key instanceof Uint) return `n${key.value}`;
  return typeof key === "number" && Number.isInteger(key) ? `n${BigInt(key)}` : undefined;
}
