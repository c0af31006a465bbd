import type { ObjectList } from "../apimachinery/api-request.ts";
import { encodeContinueToken } from "../apimachinery/continue-token.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { StoredObject } from "./encoded-object.ts";
import { namespacePrefix, objectStorageKey } from "./keys.ts";
import { selects, type Selection } from "./selection.ts";
import type { Entry, Storage } from "./storage.ts";
import { withStatusErrors } from "./storage-status.ts";
import type { StoreTransaction } from "./transaction.ts";
import type { WatchCache } from "./watch-cache.ts";

export interface ListRequest<T extends KubeObject> {
  readonly namespace: string;
  readonly selection: Selection<T>;
  /** At most this many items; all when 0. */
  readonly limit: number;
  /** The page begins behind this key, which is relative to the list's prefix; empty for the first page. */
  readonly afterKey: string;
  /** The moment that the page shows, and that the pages after it will show. */
  readonly revision: number;
}

/** What a list is made from: the cache, or the cache as a transaction has changed it. */
export type ObjectsOfKind<T extends KubeObject> = Pick<WatchCache<T>, "definition" | "get" | "range" | "indexedField" | "withField">;

/** Entries read from the store at a time while looking for those that are selected. */
const CHUNK = 1_000;

/** A page of what the cache holds; the caller knows that this is what was there at `revision`. */
export function listCached<T extends KubeObject>(cache: ObjectsOfKind<T>, request: ListRequest<T>): ObjectList<T> {
  const candidates = candidatesFor(cache, request);
  const page = new Page(request);
  let rest = candidates.length;
  for (const object of candidates) {
    rest--;
    if (page.add(object) && rest > 0) return page.followedBy(keyOf(object, request.namespace), rest);
  }
  return page.last();
}

/** A page as of an earlier revision, straight from the store. Throws Expired when that has been compacted. */
export async function listStored<T extends KubeObject>(storage: Storage, cache: WatchCache<T>, request: ListRequest<T>): Promise<ObjectList<T>> {
  const prefix = namespacePrefix(cache.definition, request.namespace);
  const chunk = request.limit > 0 ? (request.selection.isEmpty ? request.limit : CHUNK) : undefined;
  const page = new Page(request);
  for (let afterKey = request.afterKey === "" ? undefined : prefix + request.afterKey; ;) {
    const { entries, remaining } = await withStatusErrors(() =>
      storage.list(prefix, { revision: request.revision, ...(chunk === undefined ? {} : { limit: chunk }), ...(afterKey === undefined ? {} : { afterKey }) }),
    );
    for (const [index, entry] of entries.entries()) {
      const rest = entries.length - index - 1 + remaining;
      if (page.add(fromEntry(entry, cache)) && rest > 0) return page.followedBy(entry.key.slice(prefix.length), rest);
    }
    afterKey = entries.at(-1)?.key;
    if (remaining === 0 || afterKey === undefined) return page.last();
  }
}

/** The cached object where it still is the same, so that it is neither decoded nor encoded again. */
export function fromEntry<T extends KubeObject>(entry: Entry, cache: WatchCache<T>): StoredObject<T> {
  const cached = cache.get(entry.key);
  return cached?.revision === entry.modRevision ? cached : new StoredObject<T>(entry.value, entry.modRevision);
}

/** The cache with what a transaction wrote on top. */
export function stagedView<T extends KubeObject>(cache: WatchCache<T>, transaction: StoreTransaction): ObjectsOfKind<T> {
  const staged = new Map(transaction.below(cache.prefix).map(([key, entry]) => [key, entry === undefined ? undefined : fromEntry(entry, cache)]));
  if (staged.size === 0) return cache;
  return {
    definition: cache.definition,
    get: (key) => (staged.has(key) ? staged.get(key) : cache.get(key)),
    indexedField: () => undefined,
    withField: () => [],
    range(prefix, afterKey = "") {
      const merged = new Map(cache.range(prefix, afterKey).map((object) => [storageKeyOf(cache, object), object]));
      for (const [key, object] of staged) {
        if (!key.startsWith(prefix) || key <= afterKey) continue;
        if (object === undefined) merged.delete(key);
        else merged.set(key, object);
      }
      return [...merged].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map(([, object]) => object);
    },
  };
}

function storageKeyOf<T extends KubeObject>({ definition }: WatchCache<T>, { object }: StoredObject<T>): string {
  return objectStorageKey(definition, object.metadata.namespace ?? "", object.metadata.name ?? "");
}

class Page<T extends KubeObject> {
  readonly #request: ListRequest<T>;
  readonly #items: StoredObject<T>[] = [];

  constructor(request: ListRequest<T>) {
    this.#request = request;
  }

  /** Takes the object if it is selected; true when that filled the page. */
  add(object: StoredObject<T>): boolean {
    const { selection, limit } = this.#request;
    if (!selection.isEmpty && !selects(selection, object)) return false;
    this.#items.push(object);
    return limit > 0 && this.#items.length === limit;
  }

  last(): ObjectList<T> {
    return { resourceVersion: String(this.#request.revision), items: this.#items };
  }

  /** With a selection the rest would have to be read to be counted; then nothing is said of it. */
  followedBy(afterKey: string, rest: number): ObjectList<T> {
    const { revision, selection } = this.#request;
    return { ...this.last(), continue: encodeContinueToken({ revision, afterKey }), ...(selection.isEmpty ? { remainingItemCount: rest } : {}) };
  }
}

/** As few objects as an index or a name narrows them to, in key order. */
function candidatesFor<T extends KubeObject>(cache: ObjectsOfKind<T>, { namespace, selection, afterKey }: ListRequest<T>): readonly StoredObject<T>[] {
  const { definition } = cache;
  const prefix = namespacePrefix(definition, namespace);
  const name = selection.equals.get("metadata.name");
  if (name !== undefined && (namespace !== "" || !definition.namespaced)) {
    const found = afterKey === "" ? cache.get(objectStorageKey(definition, namespace, name)) : undefined;
    return found === undefined ? [] : [found];
  }
  const field = cache.indexedField(selection.equals);
  if (field !== undefined && afterKey === "") {
    const found = cache.withField(field.name, field.value);
    return namespace === "" ? found : found.filter(({ object }) => object.metadata.namespace === namespace);
  }
  return cache.range(prefix, afterKey === "" ? "" : prefix + afterKey);
}

function keyOf<T extends KubeObject>({ object }: StoredObject<T>, namespace: string): string {
  const { namespace: own = "", name = "" } = object.metadata;
  return namespace === "" && own !== "" ? `${own}/${name}` : name;
}
