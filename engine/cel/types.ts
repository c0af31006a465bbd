/** The static type of an expression or variable. */
export type CelType =
  | {
      readonly kind: "primitive";
      readonly name: "bool" | "int" | "uint" | "double" | "string" | "bytes" | "null_type" | "google.protobuf.Timestamp" | "google.protobuf.Duration";
      readonly bounds?: Bounds;
    }
  | { readonly kind: "dyn"; readonly bounds?: Bounds }
  | { readonly kind: "list"; readonly items: CelType; readonly bounds?: Bounds; readonly listType?: "set" | "map"; readonly keys?: readonly string[] }
  | { readonly kind: "map"; readonly key: CelType; readonly value: CelType; readonly bounds?: Bounds }
  | ObjectType
  | { readonly kind: "optional"; readonly of: CelType }
  | { readonly kind: "type" }
  /** A type of a library that only its functions look into: URL, quantity, authorizer. */
  | { readonly kind: "opaque"; readonly name: string }
  /** Stands for any one type in the signature of a function. */
  | { readonly kind: "param"; readonly name: string }
  | { readonly kind: "error" };

/** How many items or characters a value has at most, by its schema. */
export interface Bounds {
  readonly max: number;
}

/** A type with declared fields: part of a schema, or something an expression may construct. */
export interface ObjectType {
  readonly kind: "object";
  readonly name: string;
  /** By the name in JSON. Undefined for a field that is not declared. */
  readonly field: (name: string) => CelType | undefined;
  /** `Object.spec{...}`: whether expressions may construct values of this type, and of which other types. */
  readonly isConstructible?: boolean;
  /** The type of `Name.field{...}` where fields themselves may hold anything; the fields' own types say it when absent. */
  readonly nested?: (field: string) => ObjectType;
}

const primitive = (name: Extract<CelType, { kind: "primitive" }>["name"]): CelType => ({ kind: "primitive", name });

export const BOOL = primitive("bool");
export const INT = primitive("int");
export const UINT = primitive("uint");
export const DOUBLE = primitive("double");
export const STRING = primitive("string");
export const BYTES = primitive("bytes");
export const NULL = primitive("null_type");
export const TIMESTAMP = primitive("google.protobuf.Timestamp");
export const DURATION = primitive("google.protobuf.Duration");
export const DYN: CelType = { kind: "dyn" };
export const TYPE: CelType = { kind: "type" };
export const ERROR: CelType = { kind: "error" };

export const listOf = (items: CelType): CelType => ({ kind: "list", items });
export const mapOf = (key: CelType, value: CelType): CelType => ({ kind: "map", key, value });
export const optionalOf = (of: CelType): CelType => ({ kind: "optional", of });
export const opaque = (name: string): CelType => ({ kind: "opaque", name });
export const param = (name: string): CelType => ({ kind: "param", name });

/** A type with exactly these fields. */
export function objectType(name: string, fields: Readonly<Record<string, CelType>>, options: { readonly isConstructible?: boolean } = {}): ObjectType {
  const byName = new Map(Object.entries(fields));
  return { kind: "object", name, field: (field) => byName.get(field), ...options };
}

/** A type of unknown shape: expressions may construct it and everything below it, as long as they say each part's path. */
export function anyObjectType(name: string): ObjectType {
  return { kind: "object", name, field: () => DYN, nested: (field) => anyObjectType(`${name}.${field}`) };
}

/** As error messages name types. */
export function formatType(type: CelType): string {
  switch (type.kind) {
    case "primitive":
      return type.name === "null_type" ? "null" : type.name.replace("google.protobuf.", "").replace("Timestamp", "timestamp").replace("Duration", "duration");
    case "list":
      return `list(${formatType(type.items)})`;
    case "map":
      return `map(${formatType(type.key)}, ${formatType(type.value)})`;
    case "optional":
      return `optional_type(${formatType(type.of)})`;
    case "object":
    case "opaque":
    case "param":
      return type.name;
    case "error":
      return "!error!";
    default:
      return type.kind;
  }
}

export type Bindings = Map<string, CelType>;

/** Whether a value of type `actual` may stand where `wanted` is asked for; binds the parameters of `wanted`. */
export function isAssignable(wanted: CelType, actual: CelType, bindings: Bindings): boolean {
  if (wanted.kind === "param") {
    const bound = bindings.get(wanted.name);
    if (bound === undefined || (bound.kind === "dyn" && actual.kind !== "dyn")) {
      if (bound === undefined) bindings.set(wanted.name, actual);
      return true;
    }
    if (isAssignable(bound, actual, bindings)) return true;
    if (!isAssignable(actual, bound, bindings)) return false;
    bindings.set(wanted.name, actual); // null and an object: the object says more
    return true;
  }
  if (wanted.kind === "dyn" || actual.kind === "dyn" || wanted.kind === "error" || actual.kind === "error" || actual.kind === "param") return true;
  if (isNull(actual) && ["object", "opaque", "optional"].includes(wanted.kind)) return true;
  if (wanted.kind !== actual.kind) return false;
  switch (wanted.kind) {
    case "primitive":
      return actual.kind === "primitive" && wanted.name === actual.name;
    case "list":
      return actual.kind === "list" && isAssignable(wanted.items, actual.items, bindings);
    case "map":
      return actual.kind === "map" && isAssignable(wanted.key, actual.key, bindings) && isAssignable(wanted.value, actual.value, bindings);
    case "optional":
      return actual.kind === "optional" && isAssignable(wanted.of, actual.of, bindings);
    case "object":
    case "opaque":
      return "name" in actual && wanted.name === actual.name;
    default:
      return true;
  }
}

/** The type with its parameters filled in; what is still open is dyn. */
export function substitute(type: CelType, bindings: Bindings): CelType {
  switch (type.kind) {
    case "param": {
      const bound = bindings.get(type.name);
      return bound === undefined || bound.kind === "param" ? DYN : bound;
    }
    case "list":
      return { ...type, items: substitute(type.items, bindings) };
    case "map":
      return { ...type, key: substitute(type.key, bindings), value: substitute(type.value, bindings) };
    case "optional":
      return optionalOf(substitute(type.of, bindings));
    default:
      return type;
  }
}

/** The one type that covers both, or dyn. */
export function joinTypes(left: CelType, right: CelType): CelType {
  if (left.kind === "param") return right;
  if (right.kind === "param") return left;
  if (left.kind === "dyn" || right.kind === "dyn") return DYN;
  if (isAssignable(left, right, new Map())) return left.kind === "list" && right.kind === "list" && left.items.kind === "param" ? right : left;
  return isAssignable(right, left, new Map()) ? right : DYN;
}

function isNull(type: CelType): boolean {
  return type.kind === "primitive" && type.name === "null_type";
}
