import { Duration, isCelMap, OpaqueValue, Optional, Timestamp, TypeValue, Uint } from "./values.ts";
import type { CelType } from "./types.ts";

/** What a function may use of the evaluation that calls it. */
export interface CallContext {
  /** Takes from the budget; throws when it is spent. */
  spend(cost: number): void;
}

export interface Overload {
  /** Of a method, the receiver comes first. */
  readonly args: readonly CelType[];
  readonly result: CelType;
  readonly call: (args: readonly never[], context: CallContext) => unknown;
  /** What a call costs beyond the one unit that every call costs, before it runs. */
  readonly cost?: (args: readonly unknown[]) => number;
}

export interface FunctionDeclaration {
  readonly name: string;
  readonly isMethod: boolean;
  readonly overloads: readonly Overload[];
}

export type Library = readonly FunctionDeclaration[];

type Call<A extends readonly unknown[]> = (args: A, context: CallContext) => unknown;

/** A function by its whole name: `quantity(x)`, `sets.contains(a, b)`. The type parameter says what `args` are at run time. */
export function fn<A extends readonly unknown[]>(
  name: string,
  args: readonly CelType[],
  result: CelType,
  call: Call<A>,
  cost?: Overload["cost"],
): FunctionDeclaration {
  return { name, isMethod: false, overloads: [overload(args, result, call, cost)] };
}

/** A function of its first argument: `list.sum()`. */
export function method<A extends readonly unknown[]>(
  name: string,
  args: readonly CelType[],
  result: CelType,
  call: Call<A>,
  cost?: Overload["cost"],
): FunctionDeclaration {
  return { name, isMethod: true, overloads: [overload(args, result, call, cost)] };
}

function overload<A extends readonly unknown[]>(args: readonly CelType[], result: CelType, call: Call<A>, cost?: Overload["cost"]): Overload {
  // The checker and `matchesValue` see to it that a call gets what its signature says.
  const typed = call as unknown as Overload["call"];
  return { args, result, call: typed, ...(cost === undefined ? {} : { cost }) };
}

/** Functions by name, those with a receiver apart. */
export class FunctionTable {
  readonly #byKey = new Map<string, Overload[]>();
  readonly #namespaces = new Set<string>();

  constructor(...libraries: readonly Library[]) {
    for (const { name, isMethod, overloads } of libraries.flat()) {
      const key = keyOf(name, isMethod);
      this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), ...overloads]);
      if (!isMethod && name.includes(".")) this.#namespaces.add(name.slice(0, name.lastIndexOf(".")));
    }
  }

  find(name: string, isMethod: boolean): readonly Overload[] | undefined {
    return this.#byKey.get(keyOf(name, isMethod));
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.has(name);
  }
}

function keyOf(name: string, isMethod: boolean): string {
  return isMethod ? `.${name}` : name;
}

/** Whether a value may be passed where a type is asked for, as far as values tell. */
export function matchesValue(type: CelType, value: unknown): boolean {
  switch (type.kind) {
    case "list":
      return Array.isArray(value);
    case "map":
    case "object":
      return isCelMap(value);
    case "optional":
      return value instanceof Optional;
    case "type":
      return value instanceof TypeValue;
    case "opaque":
      return value instanceof OpaqueValue && value.typeName === type.name;
    case "primitive":
      return matchesPrimitive(type.name, value);
    default:
      return true;
  }
}

function matchesPrimitive(name: Extract<CelType, { kind: "primitive" }>["name"], value: unknown): boolean {
  switch (name) {
    case "bool":
      return typeof value === "boolean";
    case "int":
      return typeof value === "bigint";
    case "double":
      return typeof value === "number";
    case "string":
      return typeof value === "string";
    case "null_type":
      return value === null;
    case "uint":
      return value instanceof Uint;
    case "bytes":
      return value instanceof Uint8Array;
    case "google.protobuf.Timestamp":
      return value instanceof Timestamp;
    case "google.protobuf.Duration":
      return value instanceof Duration;
  }
}

/** The size of a value for costs: characters, items, entries. */
export function sizeOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value) || value instanceof Uint8Array) return value.length;
  return isCelMap(value) ? value.size : 1;
}

const TRAVERSAL = 0.1;

/** Reading a text once, `times` over. */
export const traversal =
  (index = 0, times = 1): NonNullable<Overload["cost"]> =>
  (args) =>
    Math.ceil(sizeOf(args[index]) * TRAVERSAL * times);

/** Looking for a regular expression in a text. */
export const regexCost: NonNullable<Overload["cost"]> = ([text, pattern]) => Math.ceil((1 + sizeOf(text)) * TRAVERSAL) * Math.ceil(sizeOf(pattern) * 0.25);

/** Looking at each item of a list once; at the whole of it when it is text. */
export const listCost: NonNullable<Overload["cost"]> = ([list]) =>
  Array.isArray(list)
    ? list.reduce<number>((sum, item) => sum + 1 + (typeof item === "string" ? Math.ceil(item.length * TRAVERSAL) : 0), 0)
    : Math.ceil(sizeOf(list) * TRAVERSAL);
