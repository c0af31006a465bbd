import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { StoredObject } from "./encoded-object.ts";

/** Keys and objects side by side, in key order. */
interface Chunk<T extends KubeObject> {
  readonly keys: string[];
  readonly objects: StoredObject<T>[];
}

/** A chunk that has grown to this is divided: one change moves no more than this, however many objects there are. */
const CHUNK_MAX = 512;

/**
 * Objects by key, always in key order: a list is a few slices, a page or a get begins with two binary searches,
 * and one change costs the same two and a move of a little memory instead of a sort. A map beside it would weigh more than both arrays.
 */
export class SortedObjects<T extends KubeObject> {
  /** In key order; none is empty. */
  #chunks: Chunk<T>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): StoredObject<T> | undefined {
    const chunk = this.#chunks[this.#chunkOf(key)];
    if (chunk === undefined) return undefined;
    const at = lowerBound(chunk.keys, key);
    return chunk.keys[at] === key ? chunk.objects[at] : undefined;
  }

  /** Keys that start with the prefix, which ends with a slash, and come after `afterKey`. */
  range(prefix: string, afterKey: string): readonly StoredObject<T>[] {
    const from = afterKey > prefix ? `${afterKey}\0` : prefix;
    const to = `${prefix.slice(0, -1)}0`; // 0 follows the slash
    const slices: StoredObject<T>[][] = [];
    for (let index = Math.max(0, this.#chunkOf(from)); index < this.#chunks.length; index++) {
      const { keys, objects } = this.#chunks[index]!; // within bounds
      if ((keys[0] ?? "") >= to) break;
      slices.push(objects.slice(lowerBound(keys, from), lowerBound(keys, to)));
    }
    return slices.length === 1 ? (slices[0] ?? []) : slices.flat();
  }

  /** Returns what was there before. */
  put(key: string, object: StoredObject<T>): StoredObject<T> | undefined {
    const index = Math.max(0, this.#chunkOf(key));
    const chunk = this.#chunks[index];
    if (chunk === undefined) {
      this.#chunks.push({ keys: [key], objects: [object] });
      this.#size++;
      return undefined;
    }
    const at = lowerBound(chunk.keys, key);
    if (chunk.keys[at] === key) {
      const previous = chunk.objects[at];
      chunk.objects[at] = object;
      return previous;
    }
    chunk.keys.splice(at, 0, key);
    chunk.objects.splice(at, 0, object);
    this.#size++;
    if (chunk.keys.length >= CHUNK_MAX) this.#divide(index, chunk);
    return undefined;
  }

  /** Returns what was there before. */
  delete(key: string): StoredObject<T> | undefined {
    const index = this.#chunkOf(key);
    const chunk = this.#chunks[index];
    if (chunk === undefined) return undefined;
    const { keys, objects } = chunk;
    const at = lowerBound(keys, key);
    if (keys[at] !== key) return undefined;
    keys.splice(at, 1);
    const [previous] = objects.splice(at, 1);
    this.#size--;
    if (keys.length === 0) this.#chunks.splice(index, 1);
    return previous;
  }

  replace(entries: readonly (readonly [string, StoredObject<T>])[]): void {
    const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
    this.#size = sorted.length;
    this.#chunks = [];
    for (let start = 0; start < sorted.length; start += CHUNK_MAX / 2) {
      const part = sorted.slice(start, start + CHUNK_MAX / 2);
      this.#chunks.push({ keys: part.map(([key]) => key), objects: part.map(([, object]) => object) });
    }
  }

  /** Objects are often made in the order of their names: then the first half stays full. */
  #divide(index: number, { keys, objects }: Chunk<T>): void {
    const at = index === this.#chunks.length - 1 ? CHUNK_MAX - CHUNK_MAX / 8 : CHUNK_MAX / 2;
    this.#chunks.splice(index + 1, 0, { keys: keys.splice(at), objects: objects.splice(at) });
  }

  /** The last chunk that begins at or before the key; -1 when it comes before all. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle]?.keys[0] ?? "") <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** The first position whose key is not before this one. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
