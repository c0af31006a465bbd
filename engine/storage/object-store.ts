import type { EncodedObject, ListOptions, ObjectList, WatchStream } from "../apimachinery/api-request.ts";
import { decodeContinueToken, encodeContinueToken, expiredContinueToken } from "../apimachinery/continue-token.ts";
import { parseResourceVersion, resourceVersionTooLarge } from "../apimachinery/list-options.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { alreadyExists, conflict, hasReason, notFound, StatusError } from "../apimachinery/status-error.ts";
import { raceAbort } from "../lib/abort.ts";
import { backoffMs } from "../lib/backoff.ts";
import { sleep, type Clock } from "../lib/clock.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { describeError, type Logger } from "../lib/log.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import { encodeForStorage, StoredObject } from "./encoded-object.ts";
import { namespacePrefix, objectStorageKey, resourcePrefix, ROOT } from "./keys.ts";
import { openWatch } from "./object-watch.ts";
import { compileSelection, type Selection } from "./selection.ts";
import { CompactedError, StorageUnavailableError, type CommitResult, type Condition, type Entry, type Operation, type Storage } from "./storage.ts";
import { WatchCache } from "./watch-cache.ts";

/** More keys for the same commit: claims of addresses, for one. */
export interface ExtraWrites {
  readonly conditions: readonly Condition[];
  readonly operations: readonly Operation[];
}

export type Change<T> =
  | { readonly do: "write"; readonly object: T; readonly extra?: ExtraWrites }
  | { readonly do: "delete"; readonly extra?: ExtraWrites }
  | { readonly do: "keep" };

/** An extra condition of a commit did not hold: the caller chooses other keys and tries again. */
export class ExtraConditionFailed extends Error {
  readonly keys: readonly string[];
  constructor(keys: readonly string[]) {
    super(`taken meanwhile: ${keys.join(", ")}`);
    this.name = "ExtraConditionFailed";
    this.keys = keys;
  }
}

export interface ObjectStoreOptions {
  readonly storage: Storage;
  readonly resources: readonly ResourceDefinition[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A reader of a future resourceVersion waits this long for it. */
const FRESH_WAIT_MS = 3_000;
/** Upstream's number of tries after lost races before it gives up with 409. */
const WRITE_TRIES_MAX = 50;
const RETRY = { initialMs: 100, maxMs: 5_000 };

/** Typed objects over a Storage: every object is decoded once into a cache and encoded once for all its readers. */
export class ObjectStore {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #caches = new Map<string, WatchCache>();
  #revision = 0;
  #waiters: { readonly revision: number; readonly resolve: () => void }[] = [];
  #currentRevision: Promise<number> | undefined;

  constructor({ storage, resources, clock, logger }: ObjectStoreOptions) {
    this.#storage = storage;
    this.#clock = clock;
    this.#logger = logger;
    for (const definition of resources) this.#caches.set(resourcePrefix(definition), new WatchCache(definition));
  }

  /** The store underneath, for keys that are not objects. */
  get storage(): Storage {
    return this.#storage;
  }

  /** The revision that the cache has reached. */
  revision(): number {
    return this.#revision;
  }

  ready(signal?: AbortSignal): Promise<void> {
    const first = this.#waitFor(1);
    return signal === undefined ? first : raceAbort(first, signal);
  }

  /** Fills the cache and keeps it up with the store until the signal fires; begins again after every interruption. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const page = await this.#storage.list(ROOT);
        this.#replaceAll(page.entries, page.revision);
        failures = 0;
        for await (const batch of this.#storage.watch(ROOT, page.revision, signal)) {
          for (const event of batch.events) {
            if (event.type === "put") this.#cacheOfKey(event.entry.key)?.put(event.entry.key, stored(event.entry));
            else this.#cacheOfKey(event.key)?.delete(event.key, event.revision);
          }
          this.#advance(batch.revision);
        }
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        this.#logger.warn("the store's watch was interrupted, reading everything again", { error: describeError(error), failures });
        await sleep(this.#clock, backoffMs(RETRY, failures), signal).catch(() => {});
      }
    }
  }

  /** `resourceVersion` unset reads the newest state, "0" whatever is cached, a number nothing older than it. */
  async get<T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string, name: string, options: { readonly resourceVersion?: string } = {}): Promise<EncodedObject<T> | undefined> {
    await this.#freshen(options.resourceVersion);
    return this.#cache(definition).get(objectStorageKey(definition, namespace, name));
  }

  async list<T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string, options: ListOptions): Promise<ObjectList<T>> {
    const selection = compileSelection(definition, options);
    const asked = parseResourceVersion(options.resourceVersion);
    if (options.continue !== undefined) return this.#continueList(definition, namespace, options, selection);
    if (options.resourceVersionMatch === "Exact" || (asked !== undefined && asked > 0 && (options.limit ?? 0) > 0 && options.resourceVersionMatch !== "NotOlderThan")) {
      await this.#freshen(options.resourceVersion);
      if (asked !== undefined && asked < this.#revision && asked < this.#cache(definition).lastChange) return this.#listAt(definition, namespace, options, selection, asked, "");
    }
    await this.#freshen(options.resourceVersion);
    return this.#listCached(definition, namespace, options, selection, "");
  }

  async watch<T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string, options: ListOptions & { readonly name?: string }, signal?: AbortSignal): Promise<WatchStream<T>> {
    const selection = compileSelection(definition, options);
    await this.#freshen(options.resourceVersion === undefined && options.sendInitialEvents !== true ? "0" : options.resourceVersion);
    return openWatch({ cache: this.#cache(definition), namespace, options, matches: selection.matches, clock: this.#clock, signal, revision: () => this.#revision });
  }

  async create<T extends KubeObject>(definition: ResourceDefinition<T>, object: T, extra?: ExtraWrites): Promise<EncodedObject<T>> {
    const { namespace = "", name = "" } = object.metadata;
    const key = objectStorageKey(definition, namespace, name);
    const value = encodeForStorage(object);
    const result = await this.#commit([{ key, modRevision: 0 }, ...(extra?.conditions ?? [])], [{ do: "put", key, value }, ...(extra?.operations ?? [])]);
    if (result.is === "committed") return new StoredObject<T>(value, result.revision, object);
    if (result.found.has(key)) throw alreadyExists(definition, name);
    throw new ExtraConditionFailed([...result.found.keys()]);
  }

  /**
   * Changes one object: `change` sees its current state and decides; when the state was no longer current, it is asked again.
   * Writing equal content writes nothing. Throws NotFound when there is no such object.
   */
  async update<T extends KubeObject>(
    definition: ResourceDefinition<T>,
    namespace: string,
    name: string,
    change: (current: EncodedObject<T>) => Promise<Change<T>> | Change<T>,
  ): Promise<{ readonly encoded: EncodedObject<T>; readonly wasDeleted: boolean }> {
    const key = objectStorageKey(definition, namespace, name);
    let isFresh = false;
    let current = this.#cache(definition).get(key);
    for (let tries = 0; tries < WRITE_TRIES_MAX; tries++) {
      if (current === undefined) {
        if (isFresh) throw notFound(definition, name);
        current = await this.#read<T>(key);
        isFresh = true;
        if (current === undefined) throw notFound(definition, name);
      }
      let decision: Change<T>;
      try {
        decision = await change(current);
      } catch (error) {
        // A refusal that rests on an old state may be wrong; it counts only when the state was the newest.
        if (isFresh) throw error;
        const newest: StoredObject<T> | undefined = await this.#read<T>(key);
        isFresh = true;
        if (newest?.revision === current.revision) throw error;
        current = newest;
        continue;
      }
      const isSame = decision.do === "write" && decision.extra === undefined && sameContent(decision.object, current.object);
      if (decision.do === "keep" || isSame) {
        if (isFresh) return { encoded: current, wasDeleted: false };
        const newest: StoredObject<T> | undefined = await this.#read<T>(key);
        isFresh = true;
        if (newest !== undefined && newest.revision === current.revision) return { encoded: current, wasDeleted: false };
        current = newest;
        continue;
      }
      const value = decision.do === "write" ? encodeForStorage(decision.object) : undefined;
      const operation: Operation = value === undefined ? { do: "delete", key } : { do: "put", key, value };
      const extra = decision.extra;
      const result = await this.#commit([{ key, modRevision: current.revision }, ...(extra?.conditions ?? [])], [operation, ...(extra?.operations ?? [])]);
      if (result.is === "committed") {
        if (decision.do === "write" && value !== undefined) return { encoded: new StoredObject<T>(value, result.revision, decision.object), wasDeleted: false };
        return { encoded: current.at(result.revision), wasDeleted: true };
      }
      if (!result.found.has(key)) throw new ExtraConditionFailed([...result.found.keys()]);
      const found = result.found.get(key);
      current = found === undefined ? undefined : stored<T>(found);
      isFresh = true;
    }
    throw conflict(definition, name);
  }

  async #read<T extends KubeObject>(key: string): Promise<StoredObject<T> | undefined> {
    const entry = await translate(() => this.#storage.get(key));
    return entry === undefined ? undefined : stored<T>(entry);
  }

  #commit(conditions: readonly Condition[], operations: readonly Operation[]): Promise<CommitResult> {
    return translate(() => this.#storage.commit(conditions, operations));
  }

  /** Waits until the cache shows what the reader asked for. */
  async #freshen(resourceVersion: string | undefined): Promise<void> {
    const asked = parseResourceVersion(resourceVersion);
    if (asked === 0) return void (await this.ready());
    const revision = asked ?? (await this.#newestRevision());
    if (this.#revision >= revision) return;
    const giveUp = new AbortController();
    const cancel = this.#clock.after(FRESH_WAIT_MS, () => giveUp.abort());
    try {
      await raceAbort(this.#waitFor(revision), giveUp.signal);
    } catch {
      throw resourceVersionTooLarge(revision, this.#revision);
    } finally {
      cancel();
    }
  }

  /** One question to the store for all who ask while it is under way; who comes later needs a newer answer. */
  #newestRevision(): Promise<number> {
    if (this.#currentRevision === undefined) {
      this.#currentRevision = translate(() => this.#storage.currentRevision()).finally(() => (this.#currentRevision = undefined));
    }
    return this.#currentRevision;
  }

  #listCached<T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string, options: ListOptions, selection: Selection<T>, afterKey: string): ObjectList<T> {
    const cache = this.#cache(definition);
    const limit = options.limit ?? 0;
    const revision = this.#revision;
    const prefix = namespacePrefix(definition, namespace);
    if (limit <= 0 && afterKey === "") {
      const items: StoredObject<T>[] = [];
      for (const [key, object] of cache.sorted()) if (key.startsWith(prefix) && selection.matches(object.object)) items.push(object);
      return { resourceVersion: String(revision), items };
    }
    const rest = cache.sorted().filter(([key]) => key.startsWith(prefix) && key > prefix + afterKey);
    return pageOf(rest, limit, revision, prefix, selection);
  }

  async #continueList<T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string, options: ListOptions, selection: Selection<T>): Promise<ObjectList<T>> {
    const token = decodeContinueToken(options.continue ?? "");
    await this.#freshen(undefined);
    // Nothing of this kind has changed since the first page: the cache still is that moment.
    if (token.revision < 0 || this.#cache(definition).lastChange <= token.revision) {
      const page = this.#listCached(definition, namespace, options, selection, token.afterKey);
      return token.revision < 0 ? page : { ...page, resourceVersion: String(token.revision), ...(page.continue === undefined ? {} : { continue: encodeContinueToken({ ...decodeContinueToken(page.continue), revision: token.revision }) }) };
    }
    try {
      return await this.#listAt(definition, namespace, options, selection, token.revision, token.afterKey);
    } catch (error) {
      if (hasReason(error, "Expired")) throw expiredContinueToken(token);
      throw error;
    }
  }

  /** A list as of an earlier revision, straight from the store. */
  async #listAt<T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string, options: ListOptions, selection: Selection<T>, revision: number, afterKey: string): Promise<ObjectList<T>> {
    const prefix = namespacePrefix(definition, namespace);
    const page = await translate(() => this.#storage.list(prefix, { revision, ...(afterKey === "" ? {} : { afterKey: prefix + afterKey }) }));
    return pageOf(page.entries.map((entry) => [entry.key, stored<T>(entry)] as const), options.limit ?? 0, revision, prefix, selection);
  }

  #replaceAll(entries: readonly Entry[], revision: number): void {
    const byCache = new Map<WatchCache, [string, StoredObject<KubeObject>][]>([...this.#caches.values()].map((cache) => [cache, []]));
    for (const entry of entries) {
      const cache = this.#cacheOfKey(entry.key);
      if (cache !== undefined) byCache.get(cache)?.push([entry.key, stored(entry)]);
    }
    for (const [cache, objects] of byCache) cache.replace(objects, revision);
    this.#advance(revision);
  }

  #cacheOfKey(key: string): WatchCache | undefined {
    const end = key.indexOf("/", key.indexOf("/", ROOT.length) + 1);
    return this.#caches.get(key.slice(0, end + 1));
  }

  #cache<T extends KubeObject>(definition: ResourceDefinition<T>): WatchCache<T> {
    const cache = this.#caches.get(resourcePrefix(definition));
    if (cache === undefined) throw new Error(`no cache for ${definition.resource}: it is not in the catalog this store was opened with`);
    return cache as unknown as WatchCache<T>; // made from this very definition
  }

  #waitFor(revision: number): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ revision, resolve }));
  }

  #advance(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
    if (this.#waiters.length === 0) return;
    const reached = this.#waiters.filter((waiter) => waiter.revision <= this.#revision);
    this.#waiters = this.#waiters.filter((waiter) => waiter.revision > this.#revision);
    for (const waiter of reached) waiter.resolve();
  }
}

function pageOf<T extends KubeObject>(candidates: readonly (readonly [string, StoredObject<T>])[], limit: number, revision: number, prefix: string, selection: Selection<T>): ObjectList<T> {
  const items: StoredObject<T>[] = [];
  for (const [index, [key, object]] of candidates.entries()) {
    if (!selection.matches(object.object)) continue;
    items.push(object);
    const remaining = candidates.length - index - 1;
    if (limit > 0 && items.length === limit && remaining > 0) {
      return {
        resourceVersion: String(revision),
        continue: encodeContinueToken({ revision, afterKey: key.slice(prefix.length) }),
        // With a selection the rest would have to be read to be counted.
        ...(selection.isEmpty ? { remainingItemCount: remaining } : {}),
        items,
      };
    }
  }
  return { resourceVersion: String(revision), items };
}

function stored<T extends KubeObject>(entry: Entry): StoredObject<T> {
  return new StoredObject<T>(entry.value, entry.modRevision);
}

function sameContent(next: KubeObject, current: KubeObject): boolean {
  return jsonEqual({ ...next, metadata: { ...next.metadata, resourceVersion: "" } }, { ...current, metadata: { ...current.metadata, resourceVersion: "" } });
}

/** The store's failures in the API's words. */
async function translate<R>(work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CompactedError) throw new StatusError("Expired", "The resourceVersion for the provided list is too old.");
    if (error instanceof StorageUnavailableError) {
      if (error.outcome === "unknown") throw new StatusError("Timeout", `the store did not say whether the write took effect: ${describeError(error)}`);
      throw new StatusError("ServiceUnavailable", `the store is not available: ${describeError(error)}`, { retryAfterSeconds: 1 });
    }
    throw error;
  }
}
