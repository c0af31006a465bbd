import { jsonEqual } from "../lib/freeze.ts";
import type { Schema } from "./schema.ts";

/**
 * A set of fields of an object, as server-side apply keeps them for each manager. A path is a list of segments in the notation of
 * FieldsV1: `f:name` a field, `k:{"name":"web"}` a list item by its keys, `v:"a"` a member of a set, and `.` at the end for the item
 * or map itself. (https://kubernetes.io/docs/reference/using-api/server-side-apply/)
 */
export class FieldSet {
  readonly #paths: ReadonlyMap<string, readonly string[]>;

  constructor(paths: Iterable<readonly string[]> = []) {
    this.#paths = new Map([...paths].map((path) => [path.join("\0"), path]));
  }

  get isEmpty(): boolean {
    return this.#paths.size === 0;
  }

  paths(): Iterable<readonly string[]> {
    return this.#paths.values();
  }

  has(path: readonly string[]): boolean {
    return this.#paths.has(path.join("\0"));
  }

  /** Whether a field at or below the path is in the set. */
  hasBelow(prefix: readonly string[]): boolean {
    const start = `${prefix.join("\0")}\0`;
    return this.has(prefix) || [...this.#paths.keys()].some((key) => key.startsWith(start));
  }

  filter(keep: (path: readonly string[]) => boolean): FieldSet {
    return new FieldSet([...this.#paths.values()].filter(keep));
  }

  union(other: FieldSet): FieldSet {
    return new FieldSet([...this.paths(), ...other.paths()]);
  }

  minus(other: FieldSet): FieldSet {
    return this.filter((path) => !other.has(path));
  }

  equals(other: FieldSet): boolean {
    return this.#paths.size === other.#paths.size && [...this.#paths.values()].every((path) => other.has(path));
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

/** The fields that a value sets. With `maps`, maps themselves count too, as they do for updates but not for applied intents. */
export function fieldsOf(schema: Schema, value: unknown, options: { readonly maps: boolean }): FieldSet {
  const paths: (readonly string[])[] = [];
  collect(schema, value, [], options.maps, paths);
  return new FieldSet(paths);
}

function collect(schema: Schema | undefined, value: unknown, path: readonly string[], withMaps: boolean, out: (readonly string[])[]): void {
  if (value === null || value === undefined) return;
  if (isGranularMap(schema, value)) {
    const entries = Object.entries(value).filter(([, child]) => child !== null && child !== undefined);
    if (entries.length === 0) return void (path.length > 0 && out.push(path));
    if (withMaps && typeof schema?.additionalProperties === "object" && path.length > 0) out.push([...path, "."]);
    for (const [name, child] of entries) collect(childSchema(schema, name), child, [...path, `f:${name}`], withMaps, out);
    return;
  }
  const listType = Array.isArray(value) ? schema?.["x-kubernetes-list-type"] : undefined;
  if (Array.isArray(value) && listType === "map" && schema !== undefined) {
    for (const item of value) {
      const at = [...path, itemSegment(schema, item)];
      out.push([...at, "."]);
      collect(schema.items, item, at, withMaps, out);
    }
    if (value.length === 0) out.push(path);
    return;
  }
  if (Array.isArray(value) && listType === "set") {
    for (const item of value) out.push([...path, `v:${JSON.stringify(item)}`]);
    if (value.length === 0) out.push(path);
    return;
  }
  out.push(path);
}

/** Whether a map is owned field by field. Maps of unknown shape and atomic ones are owned as a whole. */
export function isGranularMap(schema: Schema | undefined, value: unknown): value is JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  if (schema === undefined || schema["x-kubernetes-map-type"] === "atomic" || schema["x-kubernetes-preserve-unknown-fields"] === true) return false;
  return schema.properties !== undefined || typeof schema.additionalProperties === "object";
}

export function childSchema(schema: Schema | undefined, name: string): Schema | undefined {
  return schema?.properties?.[name] ?? (typeof schema?.additionalProperties === "object" ? schema.additionalProperties : undefined);
}

/** `k:{…}` of a list item; keys that the item leaves out have their default. */
export function itemSegment(schema: Schema, item: unknown): string {
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const fields = (typeof item === "object" && item !== null ? item : {}) as JsonObject; // an item that is no object has no keys
  const identity = [...keys].sort().flatMap((key) => {
    const value = fields[key] ?? schema.items?.properties?.[key]?.default;
    return value === undefined ? [] : [[key, value] as const];
  });
  return `k:${JSON.stringify(Object.fromEntries(identity))}`;
}

/** The value at a path; undefined when there is none. `.` gives the item itself. */
export function valueAt(schema: Schema | undefined, value: unknown, path: readonly string[]): unknown {
  const [segment, ...rest] = path;
  if (segment === undefined || segment === ".") return value;
  if (segment.startsWith("f:")) {
    const name = segment.slice(2);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? valueAt(childSchema(schema, name), (value as JsonObject)[name], rest) : undefined;
  }
  if (!Array.isArray(value)) return undefined;
  if (segment.startsWith("v:")) return value.find((item) => JSON.stringify(item) === segment.slice(2));
  if (schema === undefined) return undefined;
  const item: unknown = value.find((candidate) => itemSegment(schema, candidate) === segment);
  return item === undefined ? undefined : valueAt(schema.items, item, rest);
}

/** Fields whose value differs between two objects: set or changed in `after`, or there no more. */
export function compareFields(schema: Schema, before: unknown, after: unknown): { readonly written: FieldSet; readonly removed: FieldSet } {
  const old = fieldsOf(schema, before, { maps: true });
  const now = fieldsOf(schema, after, { maps: true });
  const written = now.filter((path) => !old.has(path) || (path.at(-1) !== "." && !jsonEqual(valueAt(schema, before, path), valueAt(schema, after, path))));
  return { written, removed: old.minus(now) };
}

type Trie = { [segment: string]: Trie };

/** The JSON form that managedFields hold. */
export function encodeFields(set: FieldSet): Record<string, unknown> {
  const root: Trie = {};
  for (const path of set.paths()) {
    let node = root;
    for (const segment of path) node = node[segment] ??= {};
  }
  return root;
}

export function decodeFields(fields: unknown): FieldSet {
  const paths: string[][] = [];
  const walk = (node: unknown, path: string[]) => {
    const entries = typeof node === "object" && node !== null ? Object.entries(node) : [];
    if (entries.length === 0 && path.length > 0) paths.push(path);
    for (const [segment, child] of entries) walk(child, [...path, segment]);
  };
  walk(fields, []);
  return new FieldSet(paths);
}

/** `.spec.containers[name="web"].image`: how conflicts name a field. */
export function describePath(path: readonly string[]): string {
  return path
    .filter((segment) => segment !== ".")
    .map((segment) => {
      if (segment.startsWith("f:")) return `.${segment.slice(2)}`;
      if (segment.startsWith("v:")) return `[=${segment.slice(2)}]`;
      const keys = JSON.parse(segment.slice(2)) as JsonObject; // written by itemSegment
      return `[${Object.entries(keys).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(",")}]`;
    })
    .join("");
}
