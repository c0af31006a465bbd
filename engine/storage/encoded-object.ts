import type { EncodedObject } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { StatusError } from "../apimachinery/status-error.ts";
import { assert } from "../lib/assert.ts";
import { deepFreeze } from "../lib/freeze.ts";
import { parseJson } from "../lib/json.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";

/**
 * The same for every store, so that what one of them holds fits into the others: what etcd takes in one request unless it is told otherwise,
 * less some room for the key, the conditions and, where objects are sealed, the envelope.
 */
const STORED_BYTES_MAX = 1_572_864 - 4_096;

const METADATA = Buffer.from('"metadata":{');

/**
 * The stored bytes of an object: JSON with kind, apiVersion and metadata first, and without resourceVersion,
 * which the store decides only when it commits.
 */
export function encodeForStorage(object: KubeObject): Buffer {
  const { kind, apiVersion, metadata, ...rest } = object;
  return exactBuffer(JSON.stringify({ kind, apiVersion, metadata: { ...metadata, resourceVersion: undefined }, ...rest }));
}

/** The same of an object that a store is to take. Throws a 413 for one that is too large. */
export function encodeStorable({ group, resource }: Pick<ResourceDefinition, "group" | "resource">, object: KubeObject): Buffer {
  const stored = encodeForStorage(object);
  if (stored.length <= STORED_BYTES_MAX) return stored;
  const what = `${resource}${group === "" ? "" : `.${group}`} ${JSON.stringify(object.metadata.name ?? "")}`;
  // The first words are etcd's, by which clients know what has happened.
  throw new StatusError("RequestEntityTooLarge", `etcdserver: request is too large: ${what} takes ${stored.length} bytes in the store, where no object may take more than ${STORED_BYTES_MAX}`);
}

/**
 * An object read from the store, or just written to it. Serving it costs no serialisation: its stored bytes are copied into the
 * answer, and the resourceVersion between them. The bytes are kept once; what was put together for one reader is not kept for the next.
 */
export class StoredObject<T extends KubeObject> implements EncodedObject<T> {
  readonly object: T;
  readonly revision: number;
  readonly #stored: Buffer;
  /** Where the resourceVersion belongs. */
  readonly #versionAt: number;
  #later: StoredObject<T> | undefined;

  constructor(stored: Buffer, revision: number, parsed?: T) {
    this.#stored = stored;
    this.#versionAt = stored.indexOf(METADATA) + METADATA.length;
    assert(this.#versionAt >= METADATA.length, "stored objects have metadata");
    this.revision = revision;
    const object = parsed ?? (parseJson(stored.toString("utf8")) as T); // only encodeForStorage writes what is read here
    this.object = deepFreeze({ ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } });
  }

  /** The size of the stored form, for bounds on what waits and what is remembered. */
  get byteLength(): number {
    return this.#stored.byteLength;
  }

  json(): Buffer {
    const json = Buffer.allocUnsafe(this.jsonLength);
    this.writeJson(json, 0);
    return json;
  }

  get jsonLength(): number {
    return this.#stored.length + this.#version().length;
  }

  /** Writes what `json` gives into a list that has room for it; returns where it ends. */
  writeJson(list: Buffer, offset: number): number {
    return this.#write(list, offset, 0, this.#version());
  }

  itemJson(): Buffer {
    const item = Buffer.allocUnsafe(this.itemLength);
    this.writeItem(item, 0);
    return item;
  }

  get itemLength(): number {
    return 1 + this.#stored.length - this.#itemStart + this.#version().length;
  }

  /** Writes what `itemJson` gives into a list that has room for it; returns where it ends. */
  writeItem(list: Buffer, offset: number): number {
    list[offset] = OPENING_BRACE;
    return this.#write(list, offset + 1, this.#itemStart, this.#version());
  }

  /** Whether these are the bytes that are stored. */
  isStoredAs(bytes: Buffer): boolean {
    return this.#stored.equals(bytes);
  }

  /** The same content under another revision, as a deletion shows an object's last state; the same one for all who ask. */
  at(revision: number): StoredObject<T> {
    if (revision === this.revision) return this;
    if (this.#later?.revision !== revision) this.#later = new StoredObject(this.#stored, revision, this.object);
    return this.#later;
  }

  /** Items of lists begin with their metadata. */
  get #itemStart(): number {
    return this.#versionAt - METADATA.length;
  }

  #version(): string {
    return `"resourceVersion":"${this.revision}"${this.#stored[this.#versionAt] === CLOSING_BRACE ? "" : ","}`;
  }

  #write(target: Buffer, offset: number, from: number, version: string): number {
    let end = offset + this.#stored.copy(target, offset, from, this.#versionAt);
    end += target.write(version, end, "latin1");
    return end + this.#stored.copy(target, end, this.#versionAt);
  }
}

/** The items of a list, separated by commas, between what comes before and after them; without kind and apiVersion unless `typed`. */
export function joinItems(head: string, items: readonly EncodedObject[], tail: string, typed = false): Buffer {
  // Items that are not in the store are made once and kept for the second pass.
  const made = new Map<EncodedObject, Buffer>();
  let length = Buffer.byteLength(head) + Math.max(0, items.length - 1) + Buffer.byteLength(tail);
  for (const item of items) {
    if (item instanceof StoredObject) length += typed ? item.jsonLength : item.itemLength;
    else {
      const json = typed ? item.json() : item.itemJson();
      made.set(item, json);
      length += json.length;
    }
  }
  const list = Buffer.allocUnsafeSlow(length);
  let offset = list.write(head);
  for (const [index, item] of items.entries()) {
    if (index > 0) list[offset++] = COMMA;
    offset = item instanceof StoredObject ? (typed ? item.writeJson(list, offset) : item.writeItem(list, offset)) : offset + (made.get(item)?.copy(list, offset) ?? 0);
  }
  list.write(tail, offset);
  return list;
}

/** An object that is not in the store: the outcome of a dry run, a Scale, a review. Encoded on use. */
export function unstoredObject<T extends KubeObject>(object: T): EncodedObject<T> {
  let json: Buffer | undefined;
  return {
    object,
    json: () => (json ??= Buffer.from(JSON.stringify(object))),
    itemJson: () => {
      const { kind: _kind, apiVersion: _apiVersion, ...item } = object;
      return Buffer.from(JSON.stringify(item));
    },
  };
}

const OPENING_BRACE = "{".charCodeAt(0);
const CLOSING_BRACE = "}".charCodeAt(0);
const COMMA = ",".charCodeAt(0);

/** These buffers live as long as their object: one cut from Node's shared pool would keep all of the pool alive. */
function exactBuffer(text: string): Buffer {
  const buffer = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  buffer.write(text);
  return buffer;
}
