import { wholeNumber as integerFrom } from "../lib/json.ts";
import { CelError } from "./cel-error.ts";
import { escapeFieldName, unescapeFieldName } from "./field-names.ts";
import { parseDuration, parseTimestamp } from "./time-text.ts";
import { DYN, type CelType } from "./types.ts";
import { Duration, isCelMap, KeyedList, OpaqueValue, Optional, Timestamp, TypeValue, Uint, type CelMap } from "./values.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * JSON as values of a type. Objects and maps become views that convert their fields when these are read. Values of this package
 * (an authorizer, a Timestamp) pass unchanged. For dyn, whole numbers are ints, as in Kubernetes' unstructured objects.
 */
export function fromJson(value: unknown, type: CelType = DYN): unknown {
  if (typeof value === "number" || typeof value === "bigint") return numberOf(value, type);
  if (typeof value === "string") return textOf(value, type);
  if (typeof value !== "object" || value === null || isCelValue(value)) return value === undefined ? null : value;
  if (Array.isArray(value)) return listValue(value, type);
  return type.kind === "object"
    ? new ObjectView(value as JsonObject, type.name, (name) => type.field(name))
    : new ObjectView(value as JsonObject, undefined, () => (type.kind === "map" ? type.value : DYN));
}

/** The value as JSON: what a mutation writes, what an audit annotation holds. Throws a CelError for what JSON cannot say. */
export function toJson(value: unknown): unknown {
  if (typeof value === "bigint") return integerFrom(String(value));
  if (value instanceof Uint) return integerFrom(String(value.value));
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Timestamp || value instanceof Duration) return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Optional) return value.hasValue ? toJson(value.value) : null;
  if (isCelMap(value)) return Object.fromEntries([...value.keys()].map((key) => [String(key instanceof Uint ? key.value : key), toJson(value.get(key))]));
  throw new CelError(`unsupported conversion of ${value instanceof OpaqueValue ? value.typeName : "a type"} to JSON`);
}

function isCelValue(value: object): boolean {
  return (
    value instanceof OpaqueValue ||
    value instanceof Timestamp ||
    value instanceof Duration ||
    value instanceof Uint ||
    value instanceof Uint8Array ||
    value instanceof Optional ||
    value instanceof TypeValue ||
    isCelMap(value)
  );
}

function numberOf(value: number | bigint, type: CelType): unknown {
  if (type.kind === "primitive") return type.name === "int" ? wholeNumber(value) : type.name === "uint" ? new Uint(wholeNumber(value)) : Number(value);
  return typeof value === "bigint" || Number.isInteger(value) ? BigInt(value) : value;
}

function wholeNumber(value: number | bigint): bigint {
  if (typeof value === "number" && !Number.isInteger(value)) throw new CelError("invalid data, expected an integer");
  return BigInt(value);
}

function textOf(value: string, type: CelType): unknown {
  if (type.kind !== "primitive" || type.name === "string") return value;
  if (type.name === "google.protobuf.Timestamp") return parseTimestamp(value) ?? failText(value, "a date or time");
  if (type.name === "google.protobuf.Duration") return parseDuration(value) ?? failText(value, "a duration");
  return type.name === "bytes" ? new Uint8Array(Buffer.from(value, "base64")) : value;
}

function failText(value: string, what: string): never {
  throw new CelError(`invalid data, expected ${what}, got ${JSON.stringify(value)}`);
}

function listValue(value: readonly unknown[], type: CelType): readonly unknown[] {
  if (type.kind !== "list") return value.map((item) => fromJson(item));
  const items = value.map((item) => fromJson(item, type.items));
  return type.listType === undefined ? items : KeyedList.withKeys(items, type.keys ?? []);
}

/** JSON under a type, converted field by field when asked. */
class ObjectView implements CelMap {
  readonly isCelMap = true;
  readonly typeName: string | undefined;
  readonly #raw: JsonObject;
  readonly #fieldType: (name: string) => CelType | undefined;
  #converted: Map<string, unknown> | undefined;

  constructor(raw: JsonObject, typeName: string | undefined, fieldType: (name: string) => CelType | undefined) {
    this.#raw = raw;
    this.typeName = typeName;
    this.#fieldType = fieldType;
  }

  get size(): number {
    return [...this.keys()].length;
  }

  get(key: unknown): unknown {
    if (typeof key !== "string") return undefined;
    // Fields of objects may be written with escapes; keys of maps mean themselves.
    const name = this.typeName === undefined || Object.hasOwn(this.#raw, key) ? key : unescapeFieldName(key);
    if (!Object.hasOwn(this.#raw, name)) return undefined;
    const known = this.#converted?.get(key);
    if (known !== undefined) return known;
    const raw = this.#raw[name];
    const type = this.#fieldType(key);
    if (type === undefined || raw === undefined) return undefined;
    const value = fromJson(raw, type);
    (this.#converted ??= new Map()).set(key, value);
    return value;
  }

  /** Fields that the type does not declare are not there. */
  *keys(): Iterable<string> {
    for (const key of Object.keys(this.#raw))
      if (this.#raw[key] !== undefined && this.#fieldType(this.typeName === undefined ? key : (escapeFieldName(key) ?? key)) !== undefined) yield key;
  }
}
