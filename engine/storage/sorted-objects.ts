import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { StoredObject } from "./encoded-object.ts";

/**
 * Objects by key, always in key order: a list is a slice, a page begins with a binary search,
 * and one change costs one search and a move of memory instead of a sort.
 */
export class SortedObjects<T extends KubeObject> {
  readonly #byKey = new Map<string, StoredObject<T>>();
  /** Two arrays side by side, in key order. */
  #keys: string[] = [];
  #objects: StoredObject<T>[] = [];

  get size(): number {
    return this.#keys.length;
  }

  get(key: string): StoredObject<T> | undefined {
    return this.#byKey.get(key);
  }

  /** Keys that start with the prefix, which ends with a slash, and come after `afterKey`. */
  range(prefix: string, afterKey: string): readonly StoredObject<T>[] {
    const from = this.#lowerBound(afterKey > prefix ? `${afterKey}\0` : prefix);
    return this.#objects.slice(from, this.#lowerBound(`${prefix.slice(0, -1)}0`)); // 0 follows the slash
  }

  /** Returns what was there before. */
  put(key: string, object: StoredObject<T>): StoredObject<T> | undefined {
    const previous = this.#byKey.get(key);
    this.#byKey.set(key, object);
    const at = this.#lowerBound(key);
    if (previous !== undefined) this.#objects[at] = object;
    else {
      this.#keys.splice(at, 0, key);
      this.#objects.splice(at, 0, object);
    }
    return previous;
  }

  /** Returns what was there before. */
  delete(key: string): StoredObject<T> | undefined {
    const previous = this.#byKey.get(key);
    if (previous === undefined) return undefined;
    this.#byKey.delete(key);
    const at = this.#lowerBound(key);
    this.#keys.splice(at, 1);
    this.#objects.splice(at, 1);
    return previous;
  }

  replace(entries: readonly (readonly [string, StoredObject<T>])[]): void {
    const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
    this.#keys = sorted.map(([key]) => key);
    this.#objects = sorted.map(([, object]) => object);
    this.#byKey.clear();
    for (const [key, object] of sorted) this.#byKey.set(key, object);
  }

  /** The first position whose key is not before this one. */
  #lowerBound(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? "") < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
