import { StoredObject } from "./encoded-object.ts";
import type { Storage, StorageEvent } from "./storage.ts";
import { HISTORY_BYTES_MAX, HISTORY_MAX, type CachedChange, type WatchCache } from "./watch-cache.ts";

type Remembering = Pick<WatchCache, "prefix" | "historyFloor" | "recall">;

/**
 * Brings changes that caches have forgotten, or that are from before the server began, back from the store's own history, for watches that
 * go on from there: when a server comes back, thousands do, and would each list everything again. Only of a store that tells when it has
 * told all; of others, whoever asks for them gets 410 and lists.
 */
export class ForgottenChanges {
  readonly #storage: Storage;
  readonly #turns = new WeakMap<Remembering, Promise<void>>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Resolves when the cache remembers all changes after this revision, or it is clear that it will not. Never rejects. */
  recall(cache: Remembering, revision: number): Promise<void> {
    if (this.#storage.knownRevision?.() === undefined) return Promise.resolve();
    // One after the other: what the first brings back is what the others want.
    const turn = (this.#turns.get(cache) ?? Promise.resolve()).then(() => this.#recall(cache, revision));
    this.#turns.set(cache, turn);
    return turn;
  }

  async #recall(cache: Remembering, revision: number): Promise<void> {
    const changes: CachedChange[] = [];
    for (let after = revision; cache.historyFloor > revision;) {
      const upTo = cache.historyFloor;
      const read = await this.#read(cache, after, upTo).catch(() => undefined); // compacted, damaged or out of reach: listing will tell
      if (read === undefined) return;
      changes.push(...read);
      // Meanwhile more may have been forgotten.
      if (cache.historyFloor === upTo) return cache.recall(revision, changes);
      after = upTo;
    }
  }

  /** Undefined when they are more than a cache remembers, or end before the last. */
  async #read({ prefix }: Remembering, after: number, upTo: number): Promise<readonly CachedChange[] | undefined> {
    const enough = new AbortController();
    const changes: CachedChange[] = [];
    let bytes = 0;
    try {
      for await (const { revision, events } of this.#storage.watch(prefix, after, enough.signal)) {
        for (const event of revision > upTo ? [] : events) {
          const change = toChange(event);
          bytes += change.current.byteLength;
          if (changes.push(change) > HISTORY_MAX || bytes > HISTORY_BYTES_MAX) return undefined;
        }
        if (revision >= upTo) return changes;
      }
    } finally {
      enough.abort();
    }
    return undefined;
  }
}

/** Throws for what is no object, or cannot be read. */
function toChange(event: StorageEvent): CachedChange {
  const previous = event.previous === undefined ? undefined : new StoredObject(event.previous.value, event.previous.modRevision);
  if (event.type === "put") {
    const current = new StoredObject(event.entry.value, event.entry.modRevision);
    return { revision: current.revision, type: previous === undefined ? "ADDED" : "MODIFIED", current, previous };
  }
  const last = previous ?? new StoredObject(event.previous.value, event.previous.modRevision);
  return { revision: event.revision, type: "DELETED", current: last.at(event.revision), previous: last };
}
