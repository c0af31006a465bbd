import { objectKey, type KubeObject } from "../apimachinery/object-meta.ts";

/** The entries under which an index holds an object; none, one or several. */
export type IndexFunction<T> = (object: T) => readonly string[];

interface Index<T> {
  readonly entriesOf: IndexFunction<T>;
  /** Most entries hold one object: its key by itself takes a fifth of the memory of a set. */
  readonly keys: Map<string, string | Set<string>>;
}

const NAMESPACE_INDEX = "namespace of list";
const NONE: ReadonlySet<string> = new Set();

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
    const index: Index<T> = { entriesOf, keys: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) insert(index, key, object);
  }

  byIndex(name: string, entry: string): T[] {
    return this.#resolve(this.#indexes.get(name)?.keys.get(entry));
  }

  /** Stores the object; gives what was there before. */
  put(object: T): T | undefined {
    const key = objectKey(object);
    const old = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) {
      if (old !== undefined) withdraw(index, key, old);
      insert(index, key, object);
    }
    return old;
  }

  /** Removes what is under the key; gives what was there. */
  remove(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) withdraw(index, key, old);
    return old;
  }

  #resolve(keys: string | ReadonlySet<string> = NONE): T[] {
    const found: T[] = [];
    for (const key of typeof keys === "string" ? [keys] : keys) {
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }
}

function insert<T>({ entriesOf, keys }: Index<T>, key: string, object: T): void {
  for (const entry of entriesOf(object)) {
    const members = keys.get(entry);
    if (members === undefined) keys.set(entry, key);
    else if (typeof members !== "string") members.add(key);
    else if (members !== key) keys.set(entry, new Set([members, key]));
  }
}

function withdraw<T>({ entriesOf, keys }: Index<T>, key: string, object: T): void {
  for (const entry of entriesOf(object)) {
    const members = keys.get(entry);
    if (members === key) keys.delete(entry);
    else if (typeof members === "object" && members.delete(key) && members.size === 0) keys.delete(entry);
  }
}
