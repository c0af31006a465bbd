import { asError } from "../lib/as-error.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { internalError, StatusError } from "../apimachinery/status-error.ts";
import { NEVER, raceAbort } from "../lib/abort.ts";
import { backoffMs } from "../lib/backoff.ts";
import { sleep, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { Turns } from "../lib/turns.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import { StoredObject } from "./encoded-object.ts";
import { Freshness } from "./freshness.ts";
import { prefixOfKey, resourcePrefix, ROOT } from "./keys.ts";
import { ForgottenChanges } from "./forgotten-changes.ts";
import { fromEntry } from "./object-list.ts";
import { forgetStale } from "./stale-changes.ts";
import { CompactedError, FutureRevisionError, type Entry, type Storage, type StorageEvent } from "./storage.ts";
import { withStatusErrors } from "./storage-status.ts";
import { WatchCache } from "./watch-cache.ts";

export interface KindCachesOptions {
  readonly storage: Storage;
  readonly resources: readonly ResourceDefinition[];
  readonly clock: Clock;
  readonly logger: Logger;
}

const RETRY = { initialMs: 100, maxMs: 5_000 };
/** Everything in this process, not the caches alone, goes by revisions that are to come once more, as something else. */
const SET_BACK = "the store has been set back, to a backup of it; start all servers again";
/** Of a larger revision so many kilobytes are decoded, at least one for an object, before everything else in the process has its turn. */
const DECODED_PER_TURN = 200;

/** What an event brings, decoded before anybody is told of its revision. The tree is kept until they are. */
interface Decoded {
  readonly object: StoredObject<KubeObject> | undefined;
  readonly tree: KubeObject | undefined;
}

/** The watch cache of every kind that is kept in a store, filled from it and kept up with it. */
export class KindCaches {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #caches = new Map<string, WatchCache>();
  /** Changes of kinds whose objects are being read, by prefix. */
  readonly #arriving = new Map<string, StorageEvent[]>();
  /** Why a kind cannot be read as a whole, by prefix; and the work of reading it again, which ends when it can. */
  readonly #unreadable = new Map<string, Error>();
  readonly #rereading = new Map<string, Promise<void>>();
  /** Kinds by which others decide: they are never told of a part. */
  readonly #followed = new Set<string>();
  /** How often everything has been read. */
  #fills = 0;
  #running = NEVER;
  /** How far the caches have come. */
  readonly freshness: Freshness;
  /** What the caches do not remember, and the store does. */
  readonly forgotten: ForgottenChanges;

  constructor({ storage, resources, clock, logger }: KindCachesOptions) {
    this.#storage = storage;
    this.#clock = clock;
    this.#logger = logger;
    this.forgotten = new ForgottenChanges(storage, clock, this.#caches);
    this.freshness = new Freshness(clock, { known: () => storage.knownRevision?.(), ask: () => withStatusErrors(() => storage.currentRevision()) });
    for (const definition of resources) if (definition.storedAs === undefined) this.#caches.set(resourcePrefix(definition), new WatchCache(definition));
  }

  /**
   * Fills the caches and keeps them up with the store until the signal fires. After an interruption it goes on where it was;
   * only when the history from there is gone it reads everything again, and ends all watches, for they have missed something. Rejects when the
   * store has been set back.
   */
  async run(signal: AbortSignal): Promise<void> {
    this.#running = signal;
    const forget = (revision: number) => {
      for (const cache of this.#caches.values()) cache.forgetStale(revision);
    };
    await Promise.all([this.#keepUp(signal), forgetStale(this.#clock, () => this.freshness.revision, forget, signal)]);
    await Promise.all(this.#rereading.values());
  }

  async #keepUp(signal: AbortSignal): Promise<void> {
    let isFilled = false;
    for (let failures = 0; !signal.aborted;) {
      try {
        if (isFilled) await this.#requireSameHistory();
        else await this.#fill();
        isFilled = true;
        for await (const batch of this.#storage.watch(ROOT, this.freshness.revision, signal)) {
          failures = 0;
          this.#requireFollowable(batch.events);
          // A revision is taken over in one go, so that nobody sees a part of it; what takes long of a large one is done before.
          const decoded = batch.events.length > DECODED_PER_TURN ? await this.#decodeAhead(batch.events) : [];
          for (const [index, event] of batch.events.entries()) this.#follow(event, decoded[index]);
          this.freshness.advance(batch.revision);
        }
        if (!signal.aborted) throw new Error("the store ended the watch");
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof FutureRevisionError) throw new Error(`${SET_BACK}: it was at revision ${error.asked} and is at ${error.current}`);
        failures++;
        if (error instanceof CompactedError) isFilled = false;
        this.#logger.warn(isFilled ? "the store's watch was interrupted, will go on" : "the store has to be read from the beginning", {
          error: describeError(error),
          failures,
        });
        await sleep(this.#clock, backoffMs(RETRY, failures), signal).catch(() => {}); // the loop ends by itself
      }
    }
  }

  /** Throws FutureRevisionError if the store has been behind what it told already. */
  async #requireSameHistory(): Promise<void> {
    const { revision } = this.freshness;
    const current = await this.#storage.currentRevision();
    if (current < revision) throw new FutureRevisionError(revision, current);
  }

  /** Throws a 404 for a kind that users have defined and that is gone. */
  of<T extends KubeObject>(definition: ResourceDefinition<T>): WatchCache<T> {
    const cache = this.#caches.get(resourcePrefix(definition));
    if (cache === undefined && definition.content !== undefined) throw notServed();
    if (cache === undefined) throw new Error(`no cache for ${definition.resource}: it is not in the catalog this store was opened with`);
    return cache as unknown as WatchCache<T>; // made from this very definition
  }

  /**
   * The same for who reads all objects of the kind, or follows them. Throws a 500 while one of them cannot be read in the store: nobody is
   * to take it for absent. Other kinds do not suffer from it.
   */
  whole<T extends KubeObject>(definition: ResourceDefinition<T>): WatchCache<T> {
    const cache = this.of(definition);
    const failure = this.#unreadable.size === 0 ? undefined : this.#unreadable.get(cache.prefix);
    if (failure !== undefined) throw internalError(describeError(failure));
    return cache;
  }

  /** Whether the cache of a kind knows every object of it. */
  isWhole<T extends KubeObject>(definition: ResourceDefinition<T>): boolean {
    return this.#unreadable.size === 0 || !this.#unreadable.has(resourcePrefix(definition));
  }

  /** The same for a view that is kept with the cache: from here on the server waits for it rather than have it see a part. */
  followed<T extends KubeObject>(definition: ResourceDefinition<T>): WatchCache<T> {
    this.#followed.add(resourcePrefix(definition));
    return this.whole(definition);
  }

  /** Whether objects of this kind are kept here. */
  holds(definition: ResourceDefinition): boolean {
    return this.#caches.has(resourcePrefix(definition));
  }

  /**
   * Begins to keep a kind that was not there from the beginning. Resolves once its objects are there; where the store does not answer, they
   * count as what cannot be read, and are read again until they can.
   */
  async add(definition: ResourceDefinition): Promise<void> {
    const prefix = resourcePrefix(definition);
    if (this.#caches.has(prefix)) return;
    const cache = new WatchCache(definition);
    await this.#gathering(prefix, async (missed) => {
      const { entries, revision } = await withStatusErrors(() => this.#storage.list(prefix, { marksUnreadable: true }));
      cache.replace(this.#decodeAll(entries, cache), revision);
      this.#caches.set(prefix, cache);
      const failure = entries.find(({ unreadable }) => unreadable !== undefined)?.unreadable;
      if (failure !== undefined) this.#distrust(cache, failure);
      this.#followAfter(revision, missed);
      await this.freshness.reached(revision);
    }).catch((error: unknown) => {
      this.#caches.set(prefix, cache);
      this.#distrust(cache, asError(error));
    });
  }

  /** Ends the watches of a kind: its objects are served otherwise from here on, or with `isGone` no more. */
  interrupt(definition: ResourceDefinition, isGone: boolean): void {
    const prefix = resourcePrefix(definition);
    const cache = this.#caches.get(prefix);
    if (isGone) {
      this.#caches.delete(prefix);
      this.#unreadable.delete(prefix);
    }
    cache?.interrupt();
  }

  /** Forgets what changed up to a revision that the store has forgotten as well. */
  forget(revision: number): void {
    for (const cache of this.#caches.values()) cache.forget(revision);
  }

  async #fill(): Promise<void> {
    const { entries, revision } = await this.#storage.list(ROOT, { marksUnreadable: true });
    const failures = new Map<string, Error>();
    const found = new Map<WatchCache, [string, StoredObject<KubeObject>][]>([...this.#caches.values()].map((cache) => [cache, []]));
    for (const entry of entries) {
      const prefix = prefixOfKey(entry.key);
      const cache = this.#caches.get(prefix);
      if (cache !== undefined && entry.unreadable !== undefined) {
        if (this.#followed.has(prefix)) throw entry.unreadable;
        failures.set(prefix, entry.unreadable);
        continue;
      }
      const object = cache && this.#decode(entry, () => fromEntry(entry, cache));
      if (cache !== undefined && object !== undefined) found.get(cache)?.push([entry.key, object]);
    }
    this.#fills++;
    for (const [cache, objects] of found) {
      const failure = failures.get(cache.prefix);
      if (failure === undefined) this.#unreadable.delete(cache.prefix);
      cache.replace(objects, revision);
      if (failure !== undefined) this.#distrust(cache, failure);
    }
    this.freshness.advance(revision);
  }

  /** Ends the watches of a kind of which something cannot be read, and reads it again until all can. */
  #distrust(cache: WatchCache, failure: Error): void {
    const { prefix } = cache;
    const isNew = !this.#unreadable.has(prefix);
    this.#unreadable.set(prefix, failure);
    if (isNew) cache.interrupt();
    if (!this.#rereading.has(prefix)) this.#rereading.set(prefix, this.#reread(prefix, this.#running));
  }

  async #reread(prefix: string, signal: AbortSignal): Promise<void> {
    for (let failures = 1; ; failures++) {
      const [cache, failure] = [this.#caches.get(prefix), this.#unreadable.get(prefix)];
      if (cache === undefined || failure === undefined || signal.aborted) break;
      this.#logger.warn("something of a kind cannot be read in the store, nobody gets a list of it", {
        resource: cache.definition.resource,
        error: describeError(failure),
        failures,
      });
      await sleep(this.#clock, backoffMs(RETRY, failures), signal).catch(() => {}); // the loop ends by itself
      const fills = this.#fills;
      // What was read since is newer.
      const isSame = () => fills === this.#fills && this.#caches.get(prefix) === cache && !signal.aborted;
      if (isSame()) await this.#rereadOnce(cache, isSame, signal);
    }
    this.#rereading.delete(prefix);
  }

  async #rereadOnce(cache: WatchCache, isSame: () => boolean, signal: AbortSignal): Promise<void> {
    const { prefix } = cache;
    await this.#gathering(prefix, async (missed) => {
      const { entries, revision } = await this.#storage.list(prefix);
      await raceAbort(this.freshness.reached(revision), signal);
      if (!isSame()) return;
      cache.replace(this.#decodeAll(entries, cache), revision);
      this.#unreadable.delete(prefix);
      this.#followAfter(revision, missed);
    }).catch((error: unknown) => {
      if (isSame() && this.#unreadable.has(prefix)) this.#unreadable.set(prefix, asError(error));
    });
  }

  /** Collects the changes of a kind while `read` reads its objects. */
  async #gathering(prefix: string, read: (missed: readonly StorageEvent[]) => Promise<void>): Promise<void> {
    const missed: StorageEvent[] = [];
    this.#arriving.set(prefix, missed);
    try {
      await read(missed);
    } finally {
      // Of a kind that has gone and come back another reader may have taken over.
      if (this.#arriving.get(prefix) === missed) this.#arriving.delete(prefix);
    }
  }

  /** What came while objects were read as of this revision. */
  #followAfter(revision: number, events: readonly StorageEvent[]): void {
    for (const event of events) if ((event.type === "delete" ? event.revision : event.entry.modRevision) > revision) this.#follow(event);
  }

  /** Throws for a change of a followed kind that cannot be read: before any of its batch is told of, for all of them come again. */
  #requireFollowable(events: readonly StorageEvent[]): void {
    for (const event of events)
      if (event.type === "put" && event.entry.unreadable !== undefined && this.#followed.has(prefixOfKey(event.entry.key))) throw event.entry.unreadable;
  }

  async #decodeAhead(events: readonly StorageEvent[]): Promise<readonly (Decoded | undefined)[]> {
    const turns = new Turns(DECODED_PER_TURN);
    const decoded: (Decoded | undefined)[] = [];
    for (const event of events) {
      if (event.type === "delete" || event.entry.unreadable !== undefined || !this.#caches.has(prefixOfKey(event.entry.key))) decoded.push(undefined);
      else {
        await turns.next(1 + event.entry.value.length / 1024);
        const object = this.#decodeEntry(event.entry);
        decoded.push({ object, tree: object?.object });
      }
    }
    return decoded;
  }

  #follow(event: StorageEvent, decoded?: Decoded): void {
    const key = event.type === "delete" ? event.key : event.entry.key;
    const prefix = prefixOfKey(key);
    if (this.#arriving.size > 0) this.#arriving.get(prefix)?.push(event);
    const cache = this.#caches.get(prefix);
    if (cache === undefined) return;
    if (event.type === "delete") return cache.delete(key, event.revision);
    const { entry } = event;
    if (entry.unreadable !== undefined) return this.#distrust(cache, entry.unreadable);
    const { object } = decoded ?? { object: this.#decodeEntry(entry) };
    if (object !== undefined) cache.put(key, object);
    else cache.delete(key, entry.modRevision);
  }

  #decodeAll(entries: readonly Entry[], cache: WatchCache): [string, StoredObject<KubeObject>][] {
    return entries.flatMap((entry): [string, StoredObject<KubeObject>][] => {
      const object = entry.unreadable !== undefined ? undefined : this.#decode(entry, () => fromEntry(entry, cache));
      return object === undefined ? [] : [[entry.key, object]];
    });
  }

  #decodeEntry(entry: Entry): StoredObject<KubeObject> | undefined {
    return this.#decode(entry, () => new StoredObject<KubeObject>(entry.value, entry.modRevision));
  }

  /** What somebody wrote into the store past this API may be anything. It is taken for absent, and must not keep us from the rest. */
  #decode(entry: Entry, decode: () => StoredObject<KubeObject>): StoredObject<KubeObject> | undefined {
    try {
      return decode();
    } catch (error) {
      this.#logger.error("the store holds something that is no object; delete the key", {
        key: entry.key,
        revision: entry.modRevision,
        error: describeError(error),
      });
      return undefined;
    }
  }
}

/** A kind that users defined may go while it is asked for. */
function notServed(): StatusError {
  return new StatusError("NotFound", "the server could not find the requested resource", {});
}
