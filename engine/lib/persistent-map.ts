/** So many parts that a map of a hundred thousand entries copies about a hundred of them for one change. */
const PARTS = 1024;

/**
 * A map by text that is never changed: `with` gives another one, which shares all but the parts that differ. A change costs the parts it
 * touches, however many entries there are. The order of entries is none that means anything, but always the same for equal histories.
 */
export class PersistentMap<V> implements ReadonlyMap<string, V> {
  readonly #parts: readonly (ReadonlyMap<string, V> | undefined)[];
  readonly size: number;

  private constructor(parts: readonly (ReadonlyMap<string, V> | undefined)[], size: number) {
    this.#parts = parts;
    this.size = size;
  }

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(new Array<undefined>(PARTS).fill(undefined), 0);
  }

  /** `undefined` takes an entry away; of several changes of one key the last counts. */
  with(changes: Iterable<readonly [string, V | undefined]>): PersistentMap<V> {
    const parts = [...this.#parts];
    const own = new Map<number, Map<string, V>>();
    let { size } = this;
    for (const [key, value] of changes) {
      const at = partOf(key);
      let part = own.get(at);
      if (part === undefined) own.set(at, (part = new Map(parts[at])));
      const before = part.size;
      if (value === undefined) part.delete(key);
      else part.set(key, value);
      size += part.size - before;
      parts[at] = part;
    }
    return own.size === 0 ? this : new PersistentMap(parts, size);
  }

  get(key: string): V | undefined {
    return this.#parts[partOf(key)]?.get(key);
  }

  has(key: string): boolean {
    return this.#parts[partOf(key)]?.has(key) === true;
  }

  *entries(): MapIterator<[string, V]> {
    for (const part of this.#parts) if (part !== undefined) yield* part.entries();
  }

  *keys(): MapIterator<string> {
    for (const part of this.#parts) if (part !== undefined) yield* part.keys();
  }

  *values(): MapIterator<V> {
    for (const part of this.#parts) if (part !== undefined) yield* part.values();
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this) visit(value, key, this);
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }
}

/** FNV-1a: names differ in their last characters most of all. */
function partOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % PARTS;
}
