import { objectKey, type KubeObject } from "../apimachinery/object-meta.ts";

/** The entries under which an index holds an object; none, one or several. */
export type IndexFunction<T> = (object: T) => readonly string[];

interface Index<T> {
  readonly entriesOf: IndexFunction<T>;
  /** By entry, then by key. Most entries hold one object, which by itself takes a fifth of the memory of a map with one. */
  readonly members: Map<string, T | Map<string, T>>;
}

const NAMESPACE_INDEX = "namespace of list";

/** Objects of one kind by key, with secondary indexes. Objects are shared and frozen, so an update always is another object. */
export class Indexer<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  get size(): number {
    return this.#objects.size;
  }

  getByKey(key: string): T | undefined {
    return this.#objects.get(key);
  }

  /** All objects, or those of one namespace. */
  list(namespace = ""): T[] {
    if (namespace === "") return [...this.#objects.values()];
    // Made for the first who asks: of most kinds nobody does.
    this.addIndex(NAMESPACE_INDEX, (object) => [object.metadata.namespace ?? ""]);
    return this.byIndex(NAMESPACE_INDEX, namespace);
  }

  keys(): string[] {
    return [...this.#objects.keys()];
  }

  /** Registers a secondary index once; the same name again is ignored, so several readers may ask for it. */
  addIndex(name: string, entriesOf: IndexFunction<T>): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { entriesOf, members: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) update(index, key, undefined, object);
  }

  byIndex(name: string, entry: string): T[] {
    const members = this.#indexes.get(name)?.members.get(entry);
    return members === undefined ? [] : members instanceof Map ? [...members.values()] : [members];
  }

  /** How many objects `byIndex` would give. */
  countByIndex(name: string, entry: string): number {
    const members = this.#indexes.get(name)?.members.get(entry);
    return members instanceof Map ? members.size : members === undefined ? 0 : 1;
  }

  /** Stores the object; gives what was there before. */
  put(object: T): T | undefined {
    const key = objectKey(object);
    const old = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) update(index, key, old, object);
    return old;
  }

  /** Removes what is under the key; gives what was there. */
  remove(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) update(index, key, old, undefined);
    return old;
  }
}

/** What stays under its entry keeps its place there. */
function update<T extends KubeObject>({ entriesOf, members }: Index<T>, key: string, old: T | undefined, object: T | undefined): void {
  const entries = object === undefined ? [] : entriesOf(object);
  for (const entry of old === undefined ? [] : entriesOf(old)) {
    if (entries.includes(entry)) continue;
    const held = members.get(entry);
    if (held === old) members.delete(entry);
    else if (held instanceof Map && held.delete(key) && held.size === 0) members.delete(entry);
  }
  if (object === undefined) return;
  for (const entry of entries) {
    const held = members.get(entry);
    if (held instanceof Map) held.set(key, object);
    else if (held === undefined || held === old) members.set(entry, object);
    else members.set(entry, new Map([[objectKey(held), held]]).set(key, object));
  }
}
