import { CompactedError, type Storage } from "../../engine/storage/storage.ts";

/** A reader's copy of a prefix, kept up by a watch the way the API server's cache is. */
export interface Replica {
  readonly entries: ReadonlyMap<string, number>;
  /** How often the reader fell behind a compaction and had to list again. */
  readonly relists: number;
  readonly events: number;
  /** Resolves when the copy has come to this revision. */
  reached(revision: number): Promise<void>;
  /** Ends the watch; rejects with what went wrong while it ran. */
  stop(): Promise<void>;
}

/**
 * Lists and follows a prefix, and holds every event against the copy: what an event says was there before must be what the copy
 * has, so an event that is missing, repeated or out of order is found at once. `stumble` lets the reader lag between batches.
 */
export function replicate(storage: Storage, prefix: string, stumble: () => Promise<void> = async () => {}): Replica {
  const entries = new Map<string, number>();
  const stop = new AbortController();
  const waiters = new Set<{ readonly revision: number; readonly resolve: () => void; readonly reject: (error: unknown) => void }>();
  let revision = 0;
  let relists = -1;
  let events = 0;
  const advance = (to: number) => {
    revision = to;
    for (const waiter of waiters) if (waiter.revision <= to && waiters.delete(waiter)) waiter.resolve();
  };
  const list = async () => {
    const page = await storage.list(prefix);
    entries.clear();
    for (const { key, modRevision } of page.entries) entries.set(key, modRevision);
    relists++;
    advance(Math.max(revision, page.revision));
    return page.revision;
  };
  const followFrom = async (from: number) => {
    let last = from;
    for await (const batch of storage.watch(prefix, from, stop.signal)) {
      if (batch.revision < last || (batch.events.length > 0 && batch.revision <= last)) throw new Error(`revision ${batch.revision} came after ${last}`);
      for (const event of batch.events) {
        const { key, at, after } =
          event.type === "put" ? { key: event.entry.key, at: event.entry.modRevision, after: event.entry.modRevision } : { key: event.key, at: event.revision, after: undefined };
        if (at !== batch.revision) throw new Error(`an event of revision ${at} came with revision ${batch.revision}`);
        const before = event.previous?.modRevision;
        if (before !== entries.get(key)) throw new Error(`at revision ${at}, ${key} was at ${before}, but the events before left it at ${entries.get(key)}`);
        if (after === undefined) entries.delete(key);
        else entries.set(key, after);
        events++;
      }
      if (batch.events.length > 0) last = batch.revision;
      advance(Math.max(revision, batch.revision));
      await stumble();
    }
  };
  const running = (async () => {
    while (!stop.signal.aborted) {
      const from = await list();
      await followFrom(from).catch((error: unknown) => {
        if (!(error instanceof CompactedError)) throw error;
      });
    }
  })();
  running.catch((error: unknown) => {
    for (const waiter of waiters) waiter.reject(error);
  });
  return {
    entries,
    get relists() {
      return relists;
    },
    get events() {
      return events;
    },
    reached: (wanted) => (revision >= wanted ? Promise.resolve() : Promise.race([new Promise<void>((resolve, reject) => waiters.add({ revision: wanted, resolve, reject })), running])),
    async stop() {
      stop.abort();
      await running;
    },
  };
}
