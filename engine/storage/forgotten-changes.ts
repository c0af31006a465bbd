import type { KubeObject } from "../apimachinery/object-meta.ts";
import { aborted } from "../lib/abort.ts";
import { sleep, type Clock } from "../lib/clock.ts";
import { Lock } from "../lib/lock.ts";
import { StoredObject } from "./encoded-object.ts";
import { prefixOfKey } from "./keys.ts";
import { CompactedError, type Entry, type Storage, type StorageEvent } from "./storage.ts";
import { HISTORY_BYTES_MAX, HISTORY_MAX, type CachedChange, type WatchCache } from "./watch-cache.ts";

/** A store that takes longer is in trouble; who waits for it may list instead. */
const WAIT_MS = 3_000;

/** As many revisions are read of a store that is read as a whole; who is further behind lists. */
const REVISIONS_MAX = 16_384;
/** The prefix of all keys there are: what is told of them has an event for each revision. */
const ALL_KEYS = "";

type Remembering = Pick<WatchCache, "prefix" | "historyFloor" | "recall">;

/** What has been read for a cache. */
interface Recalled {
  readonly cache: Remembering;
  readonly changes: CachedChange[];
  bytes: number;
}

/**
 * Brings changes that caches have forgotten, or that are from before the server began, back from the store's own history, for watches that
 * go on from there: when a server comes back, thousands do, and would each list everything again.
 *
 * A store that knows its newest revision tells when it has told all changes of a kind. Of others only a later event proves it: all keys are
 * read, up to the event of the revision that is wanted, and for all caches that begin no later than the one that is asked for.
 */
export class ForgottenChanges {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #caches: ReadonlyMap<string, Remembering>;
  /** What the first brings back is what the others want; of a store that is read as a whole, the others of all kinds. */
  readonly #turns = new WeakMap<object, Lock>();
  /** A revision that is compacted, or has more changes after it than are remembered; nobody has to read for it, or for an older one, again. */
  readonly #tooFar = new WeakMap<Remembering, number>();

  /** `caches`: all there are, by their prefixes. */
  constructor(storage: Storage, clock: Clock, caches: ReadonlyMap<string, Remembering>) {
    this.#storage = storage;
    this.#clock = clock;
    this.#caches = caches;
  }

  /**
   * Resolves when the cache remembers all changes after this revision, or at least those after `orRevision`, or it is clear that it will not.
   * Never rejects.
   */
  async recall(cache: Remembering, revision: number, orRevision = revision): Promise<void> {
    const over = new AbortController();
    const { signal } = over;
    const readers = this.#readsAll ? this : cache;
    const turns = this.#turns.get(readers) ?? new Lock();
    this.#turns.set(readers, turns);
    const turn = turns.run(async () => {
      for (const from of new Set([revision, orRevision])) if (!signal.aborted) await Promise.race([this.#recall(cache, from, signal), aborted(signal)]);
    });
    const late = sleep(this.#clock, WAIT_MS, signal).catch(() => {}); // it was in time
    await Promise.race([turn, late]);
    over.abort();
  }

  get #readsAll(): boolean {
    return this.#storage.knownRevision?.() === undefined;
  }

  async #recall(cache: Remembering, revision: number, signal: AbortSignal): Promise<void> {
    if (revision <= (this.#tooFar.get(cache) ?? 0)) return;
    if (this.#readsAll && cache.historyFloor - revision > REVISIONS_MAX) return;
    const others = this.#readsAll ? [...this.#caches.values()] : [];
    const wanted = [cache, ...others.filter(({ historyFloor }) => historyFloor > revision && historyFloor <= cache.historyFloor)];
    const recalled = new Map(wanted.map((each): [string, Recalled] => [each.prefix, { cache: each, changes: [], bytes: 0 }]));
    for (let after = revision; cache.historyFloor > revision;) {
      const upTo = cache.historyFloor;
      try {
        await this.#read(recalled, cache, after, upTo, signal);
      } catch (error) {
        if (error instanceof CompactedError) this.#tooFar.set(cache, revision);
        return; // damaged or out of reach: listing will tell
      }
      if (signal.aborted) return;
      // Meanwhile more may have been forgotten.
      if (recalled.has(cache.prefix) && cache.historyFloor !== upTo) after = upTo;
      else if (!this.#remember(recalled, cache, revision, upTo)) return void this.#tooFar.set(cache, revision);
    }
  }

  /** Adds what changed to what has been recalled. A cache that remembers less, or whose changes cannot be read, is taken out. */
  async #read(recalled: Map<string, Recalled>, { prefix }: Remembering, after: number, upTo: number, signal: AbortSignal): Promise<void> {
    const newest = new Map<string, StoredObject<KubeObject>>();
    const readsAll = this.#readsAll;
    for await (const { revision, events } of this.#storage.watch(readsAll ? ALL_KEYS : prefix, after, signal)) {
      for (const event of revision > upTo ? [] : events) {
        const found = recalled.get(prefixOfKey(event.type === "delete" ? event.key : event.entry.key));
        if (found !== undefined && !add(event, found, newest, found.cache.prefix === prefix)) recalled.delete(found.cache.prefix);
      }
      if (!recalled.has(prefix)) return;
      if (revision >= upTo && (!readsAll || events.length > 0)) return;
    }
    throw new Error("the store ended the watch");
  }

  /** Gives the caches what was read up to a revision. False if the one that is asked for does not take it. */
  #remember(recalled: ReadonlyMap<string, Recalled>, asked: Remembering, revision: number, upTo: number): boolean {
    let isTaken = false;
    for (const { cache, changes } of recalled.values()) {
      const floor = cache.historyFloor;
      if (floor <= revision || floor > upTo) continue;
      const before = changes.filter((change) => change.revision <= floor);
      if (cache.recall(revision, before) && cache === asked) isTaken = true;
    }
    return isTaken;
  }
}

/** False for more than a cache remembers, and for what is no object or cannot be read; of the cache that is asked for it throws for that. */
function add(event: StorageEvent, recalled: Recalled, newest: Map<string, StoredObject<KubeObject>>, isAsked: boolean): boolean {
  try {
    const change = toChange(event, newest);
    recalled.bytes += change.current.byteLength;
    return recalled.changes.push(change) <= HISTORY_MAX && recalled.bytes <= HISTORY_BYTES_MAX;
  } catch (error) {
    if (isAsked) throw error;
    return false;
  }
}

/** Throws for what is no object, or cannot be read. `newest` is what the changes before made of the keys. */
function toChange(event: StorageEvent, newest: Map<string, StoredObject<KubeObject>>): CachedChange {
  const objectOf = ({ key, value, modRevision }: Entry): StoredObject<KubeObject> => {
    const known = newest.get(key);
    return known?.revision === modRevision ? known : new StoredObject(value, modRevision);
  };
  if (event.type === "delete") {
    const previous = objectOf(event.previous);
    return { revision: event.revision, type: "DELETED", current: previous.at(event.revision), previous };
  }
  const previous = event.previous && objectOf(event.previous);
  const current = objectOf(event.entry);
  newest.set(event.entry.key, current);
  return { revision: current.revision, type: previous === undefined ? "ADDED" : "MODIFIED", current, previous };
}
