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
  return Buffer.from(JSON.stringify({ kind, apiVersion, metadata: { ...metadata, resourceVersion: undefined }, ...rest }));
}

/**
 * An object read from the store, or just written to it. Serving it costs no serialisation: the resourceVersion is spliced
 * into the stored bytes once, and every reader gets the result.
 */
export class StoredObject<T extends KubeObject> implements EncodedObject<T> {
  readonly object: T;
  readonly revision: number;
  readonly #stored: Buffer;
  #json: Buffer | undefined;
  #itemJson: Buffer | undefined;

  constructor(stored: Buffer, revision: number, parsed?: T) {
    this.#stored = stored;
    this.revision = revision;
    const object = parsed ?? (JSON.parse(stored.toString("utf8")) as T); // only encodeForStorage writes what is read here
    this.object = deepFreeze({ ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } });
  }

  json(): Buffer {
    return (this.#json ??= this.#spliced(0));
  }

  itemJson(): Buffer {
    return (this.#itemJson ??= Buffer.concat([Buffer.from("{"), this.#spliced(this.#stored.indexOf(METADATA))]));
  }

  /** The same content under another revision, as a deletion shows an object's last state. */
  at(revision: number): StoredObject<T> {
    return revision === this.revision ? this : new StoredObject(this.#stored, revision, this.object);
  }

  #spliced(from: number): Buffer {
    const inside = this.#stored.indexOf(METADATA) + METADATA.length;
    assert(inside >= METADATA.length, "stored objects have metadata");
    return Buffer.concat([this.#stored.subarray(from, inside), Buffer.from(`"resourceVersion":"${this.revision}",`), this.#stored.subarray(inside)]);
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
