import { isAscii } from "node:buffer";
import type { EncodedObject } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { StatusError } from "../apimachinery/status-error.ts";
import { STORED_BYTES_MAX } from "../apimachinery/stored-size.ts";
import { assert } from "../lib/assert.ts";
import { deepFreeze } from "../lib/freeze.ts";
import { parseJson } from "../lib/json.ts";
import { RecentMap } from "../lib/recent-map.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";

const METADATA = '"metadata":{';

/**
 * The stored bytes of an object: JSON with kind, apiVersion and metadata first, and without resourceVersion,
 * which the store decides only when it commits.
 */
export function encodeForStorage(object: KubeObject): Buffer {
  const { kind, apiVersion, metadata, ...rest } = object;
  return exactBuffer(JSON.stringify({ kind, apiVersion, metadata: { ...metadata, resourceVersion: undefined }, ...rest }));
}

/** A text counts for no more than this here: a single long one costs nobody time, and has rules of its own to break. */
const COUNTED_LENGTH_MAX = 64;
/** What a part of a kind of our own takes at least: each has a name of some sort. Of what users define, nothing is known. */
const PART_BYTES_MIN = 16;

/**
 * Throws the 413 of an object of so many parts that no store will take it, before anybody has looked at each of them: a body of three
 * megabytes can hold a million. Its status is left out, which a write may not be about, and whose its fields are, which is worked out anew.
 */
export function requireStorable(definition: Pick<ResourceDefinition, "group" | "resource" | "content">, name: string | undefined, object: unknown): void {
  const partBytes = definition.content === undefined ? PART_BYTES_MIN : 1;
  let left = STORED_BYTES_MAX;
  const count = (value: unknown): void => {
    if (left < 0 || value === undefined) return;
    if (typeof value === "string") left -= Math.min(value.length, COUNTED_LENGTH_MAX) + 2;
    else if (typeof value !== "object" || value === null) left -= 1;
    else {
      left -= partBytes;
      if (Array.isArray(value)) for (const item of value as readonly unknown[]) ((left -= 1), count(item));
      else for (const key in value) ((left -= key.length + 3), count((value as Record<string, unknown>)[key])); // an object
    }
  };
  const {
    status: _status,
    metadata,
    ...content
  } = (typeof object === "object" && object !== null ? object : {}) as { readonly status?: unknown; readonly metadata?: unknown }; // looked at as what it is
  const { managedFields: _managed, ...about } = (typeof metadata === "object" && metadata !== null ? metadata : {}) as { readonly managedFields?: unknown }; // likewise
  count([about, content]);
  if (left < 0) throw new StatusError("RequestEntityTooLarge", tooLargeText(definition, name, "too many bytes"));
}

/** The same of an object that a store is to take. Throws a StoredSizeError for one that is too large. */
export function encodeStorable(resource: Pick<ResourceDefinition, "group" | "resource">, object: KubeObject): Buffer {
  const stored = encodeForStorage(object);
  if (stored.length <= STORED_BYTES_MAX) return stored;
  throw new StoredSizeError("RequestEntityTooLarge", tooLargeText(resource, object.metadata.name, `${stored.length} bytes`));
}

/** The 413 of an object that takes more than any store holds. */
export class StoredSizeError extends StatusError {}

function tooLargeText({ group, resource }: Pick<ResourceDefinition, "group" | "resource">, name: string | undefined, size: string): string {
  const what = `${resource}${group === "" ? "" : `.${group}`} ${JSON.stringify(name ?? "")}`;
  // The first words are etcd's, by which clients know what has happened.
  return `etcdserver: request is too large: ${what} takes ${size} in the store, where no object may take more than ${STORED_BYTES_MAX} bytes`;
}

/**
 * An object read from the store, or just written to it. It is kept as its stored bytes alone, once for all its readers: serving it costs
 * no serialisation, for they are copied into the answer, and the resourceVersion between them. The tree is decoded when somebody looks
 * at it, and is the same one for all who look as long as one of them keeps it; nobody may count on its identity beyond that.
 */
export class StoredObject<T extends KubeObject> implements EncodedObject<T> {
  readonly revision: number;
  /** For selections, which look at all objects of a kind. */
  readonly labels: KubeObject["metadata"]["labels"];
  /** The bytes, each as one character: a string is half the weight of a small buffer, which drags a memory block of its own along. */
  readonly #stored: string;
  /** Where the resourceVersion belongs. */
  readonly #versionAt: number;
  #tree: WeakRef<T> | undefined;
  #later: StoredObject<T> | undefined;

  /** `known`: what the bytes hold, or another form of this object, whose labels are the same. */
  constructor(stored: Buffer | string, revision: number, known?: T | StoredObject<T>) {
    this.#stored = typeof stored === "string" ? stored : stored.toString("latin1");
    this.#versionAt = this.#stored.indexOf(METADATA) + METADATA.length;
    assert(this.#versionAt >= METADATA.length, "stored objects have metadata");
    this.revision = revision;
    this.labels = known instanceof StoredObject ? known.labels : this.#remember(known ?? this.#parse(stored)).metadata.labels;
  }

  get object(): T {
    return this.#tree?.deref() ?? this.#remember(this.#parse(this.#stored));
  }

  /** The size of the stored form, for bounds on what waits and what is remembered. */
  get byteLength(): number {
    return this.#stored.length;
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
    const end = offset + list.write(this.#stored.slice(0, this.#versionAt), offset, "latin1");
    return this.#writeVersioned(list, end);
  }

  itemJson(): Buffer {
    const item = Buffer.allocUnsafe(this.itemLength);
    this.writeItem(item, 0);
    return item;
  }

  get itemLength(): number {
    return 1 + METADATA.length + this.#version().length + this.#stored.length - this.#versionAt;
  }

  /** Writes what `itemJson` gives into a list that has room for it; returns where it ends. Items of lists begin with their metadata. */
  writeItem(list: Buffer, offset: number): number {
    const end = offset + list.write(`{${METADATA}`, offset, "latin1");
    return this.#writeVersioned(list, end);
  }

  /** Whether these are the bytes that are stored. */
  isStoredAs(bytes: Buffer): boolean {
    return bytes.length === this.#stored.length && bytes.toString("latin1") === this.#stored;
  }

  /** The same content under another revision, as a deletion shows an object's last state; the same one for all who ask. */
  at(revision: number): StoredObject<T> {
    if (revision === this.revision) return this;
    if (this.#later?.revision !== revision) this.#later = new StoredObject(this.#stored, revision, this.#tree?.deref() ?? this);
    return this.#later;
  }

  #version(): string {
    return `"resourceVersion":"${this.revision}"${this.#stored[this.#versionAt] === "}" ? "" : ","}`;
  }

  #writeVersioned(target: Buffer, offset: number): number {
    const end = offset + target.write(this.#version(), offset, "latin1");
    return end + target.write(this.#stored.slice(this.#versionAt), end, "latin1");
  }

  #parse(bytes: Buffer | string): T {
    const isText = typeof bytes === "string" ? !BEYOND_ASCII.test(bytes) : isAscii(bytes);
    const text = isText ? this.#stored : Buffer.from(this.#stored, "latin1").toString("utf8");
    return parseJson(text) as T; // only encodeForStorage writes what is read here
  }

  #remember(content: T): T {
    const tree = deepFreeze({ ...content, metadata: { ...content.metadata, resourceVersion: String(this.revision) } });
    this.#tree = new WeakRef(tree);
    recentTrees.set(tree, true, this.#stored.length);
    return tree;
  }
}

/** Trees of so many stored bytes are kept for those who look next, and up to as many more that were decoded before them. */
const RECENT_BYTES = 512 << 10;
const recentTrees = new RecentMap<KubeObject, true>(RECENT_BYTES);

const BEYOND_ASCII = /[\x80-\xff]/;

/** The object as JSON that ends its line, as upstream's does, so that a terminal's next prompt does not stand in it. */
export function jsonLine(encoded: EncodedObject): Buffer {
  if (!(encoded instanceof StoredObject)) return Buffer.concat([encoded.json(), LINE_END]);
  const line = Buffer.allocUnsafe(encoded.jsonLength + LINE_END.length);
  LINE_END.copy(line, encoded.writeJson(line, 0));
  return line;
}

const LINE_END = Buffer.from("\n");

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

/** These buffers live as long as their object: one cut from Node's shared pool would keep all of the pool alive. */
function exactBuffer(text: string): Buffer {
  const buffer = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  buffer.write(text);
  return buffer;
}
