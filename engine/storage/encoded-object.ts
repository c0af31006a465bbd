import type { EncodedObject } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { assert } from "../lib/assert.ts";
import { deepFreeze } from "../lib/freeze.ts";

const METADATA = Buffer.from('"metadata":{');

/**
 * The stored bytes of an object: JSON with kind, apiVersion and metadata first, and without resourceVersion,
 * which the store decides only when it commits.
 */
export function encodeForStorage(object: KubeObject): Buffer {
  const { kind, apiVersion, metadata, ...rest } = object;
  return exactBuffer(JSON.stringify({ kind, apiVersion, metadata: { ...metadata, resourceVersion: undefined }, ...rest }));
}

/**
 * An object read from the store, or just written to it. Serving it costs no serialisation: the resourceVersion is spliced
 * into the stored bytes once, and every reader gets the result.
 */
export class StoredObject<T extends KubeObject> implements EncodedObject<T> {
  readonly object: T;
  readonly revision: number;
  /** The stored bytes, or, once somebody asked for it, the JSON with the resourceVersion in it; never both. */
  #bytes: Buffer;
  /** Where the resourceVersion stands, or will stand. */
  readonly #versionStart: number;
  #versionEnd: number;
  #itemJson: Buffer | undefined;
  #later: StoredObject<T> | undefined;

  constructor(stored: Buffer, revision: number, parsed?: T) {
    this.#bytes = stored;
    this.#versionStart = this.#versionEnd = stored.indexOf(METADATA) + METADATA.length;
    assert(this.#versionStart >= METADATA.length, "stored objects have metadata");
    this.revision = revision;
    const object = parsed ?? (JSON.parse(stored.toString("utf8")) as T); // only encodeForStorage writes what is read here
    this.object = deepFreeze({ ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } });
  }

  /** The size of the stored form, for bounds on what waits and what is remembered. */
  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  json(): Buffer {
    if (this.#versionEnd === this.#versionStart) {
      const version = `"resourceVersion":"${this.revision}"${this.#bytes[this.#versionStart] === CLOSING_BRACE ? "" : ","}`;
      this.#bytes = joined([this.#bytes.subarray(0, this.#versionStart), version, this.#bytes.subarray(this.#versionStart)]);
      this.#versionEnd = this.#versionStart + version.length;
    }
    return this.#bytes;
  }

  itemJson(): Buffer {
    return (this.#itemJson ??= joined(["{", this.json().subarray(this.#versionStart - METADATA.length)]));
  }

  /** Whether these are the bytes that are stored. */
  isStoredAs(bytes: Buffer): boolean {
    return this.#stored().equals(bytes);
  }

  /** The same content under another revision, as a deletion shows an object's last state; the same one for all who ask. */
  at(revision: number): StoredObject<T> {
    if (revision === this.revision) return this;
    if (this.#later?.revision !== revision) this.#later = new StoredObject(this.#stored(), revision, this.object);
    return this.#later;
  }

  #stored(): Buffer {
    if (this.#versionEnd === this.#versionStart) return this.#bytes;
    return joined([this.#bytes.subarray(0, this.#versionStart), this.#bytes.subarray(this.#versionEnd)]);
  }
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

const CLOSING_BRACE = "}".charCodeAt(0);

/** These buffers live as long as their object: one cut from Node's shared pool would keep all of the pool alive. */
function exactBuffer(text: string): Buffer {
  const buffer = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  buffer.write(text);
  return buffer;
}

function joined(parts: readonly (Buffer | string)[]): Buffer {
  const buffer = Buffer.allocUnsafeSlow(parts.reduce((length, part) => length + (typeof part === "string" ? Buffer.byteLength(part) : part.length), 0));
  let offset = 0;
  for (const part of parts) offset += typeof part === "string" ? buffer.write(part, offset) : part.copy(buffer, offset);
  return buffer;
}
