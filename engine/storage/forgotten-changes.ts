import type { KubeObject } from "../apimachinery/object-meta.ts";
import { aborted } from "../lib/abort.ts";
import { sleep, type Clock } from "../lib/clock.ts";
import { Lock } from "../lib/lock.ts";
import { StoredObject } from "./encoded-object.ts";
import type { Entry, Storage, StorageEvent } from "./storage.ts";
import { HISTORY_BYTES_MAX, HISTORY_MAX, type CachedChange, type WatchCache } from "./watch-cache.ts";

/** A store that takes longer is in trouble; who waits for it may list instead. */
const WAIT_MS = 3_000;

type Remembering = Pick<WatchCache, "prefix" | "historyFloor" | "recall">;

/**
 * Brings changes that caches have forgotten, or that are from before the server began, back from the store's own history, for watches that
 * go on from there: when a server comes back, thousands do, and would each list everything again. Only of a store that tells when it has
 * told all; of others, whoever asks for them gets 410 and lists.
 */
export class ForgottenChanges {
  readonly #storage: Storage;
  readonly #clock: Clock;
  /** What the first brings back is what the others want. */
  readonly #turns = new WeakMap<Remembering, Lock>();
  /** A revision with more changes after it than are remembered; nobody has to read for it, or for an older one, again. */
  readonly #tooFar = new WeakMap<Remembering, number>();

  constructor(storage: Storage, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /** Resolves when the cache remembers all changes after this revision, or it is clear that it will not. Never rejects. */
  async recall(cache: Remembering, revision: number): Promise<void> {
    if (this.#storage.knownRevision?.() === undefined) return;
    const over = new AbortController();
    const { signal } = over;
    const turns = this.#turns.get(cache) ?? new Lock();
    this.#turns.set(cache, turns);
    const turn = turns.run(async () => {
      if (!signal.aborted) await Promise.race([this.#recall(cache, revision, signal), aborted(signal)]);
    });
    const late = sleep(this.#clock, WAIT_MS, signal).catch(() => {}); // it was in time
    await Promise.race([turn, late]);
    over.abort();
  }

  async #recall(cache: Remembering, revision: number, signal: AbortSignal): Promise<void> {
    if (revision <= (this.#tooFar.get(cache) ?? 0)) return;
    const changes: CachedChange[] = [];
    for (let after = revision; cache.historyFloor > revision;) {
      const upTo = cache.historyFloor;
      const isRead = await this.#read(cache, after, upTo, changes, signal).catch(() => undefined); // compacted, damaged or out of reach: listing will tell
      if (isRead === undefined || signal.aborted) return;
      // Meanwhile more may have been forgotten.
      if (isRead && cache.historyFloor !== upTo) after = upTo;
      else if (!isRead || !cache.recall(revision, changes)) return void this.#tooFar.set(cache, revision);
    }
  }

  /** Adds what changed to the changes. False when they are more than a cache remembers. */
  async #read({ prefix }: Remembering, after: number, upTo: number, changes: CachedChange[], signal: AbortSignal): Promise<boolean> {
    const newest = new Map<string, StoredObject<KubeObject>>();
    let bytes = 0;
    for await (const { revision, events } of this.#storage.watch(prefix, after, signal)) {
      for (const event of revision > upTo ? [] : events) {
        const change = toChange(event, newest);
        bytes += change.current.byteLength;
        if (changes.push(change) > HISTORY_MAX || bytes > HISTORY_BYTES_MAX) return false;
      }
      if (revision >= upTo) return true;
    }
    throw new Error("the store ended the watch");
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
