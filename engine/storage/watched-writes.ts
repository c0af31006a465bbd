import type { Clock } from "../lib/clock.ts";
import { describeError } from "../lib/log.ts";
import { StorageUnavailableError, type Storage } from "./storage.ts";

/** Writes that fail for less than this are no trouble yet: a member that others take over from is away for as long. */
const PATIENCE_MS = 5_000;

/** What a store needs on its disk beside what it is given, so that a write may be expected to succeed. */
const ROOM_BYTES = 1 << 20;

/**
 * A store that knows whether it takes writes. One whose disk is full goes on answering reads, so that those alone do not tell, and may go on
 * taking small writes: where `freeBytes` can tell how much room there is, it takes none after one was refused until there is room for its
 * like. Elsewhere it takes none when they have failed for some seconds without a success between.
 */
export function withWatchedWrites(inner: Storage, clock: Clock, freeBytes?: () => Promise<number>): Storage {
  let refused: { readonly sinceMs: number; readonly bytes: number; readonly why: string } | undefined;
  return {
    currentRevision: () => inner.currentRevision(),
    ...(inner.knownRevision === undefined ? {} : { knownRevision: () => inner.knownRevision?.() }),
    get: (key) => inner.get(key),
    list: (prefix, options) => inner.list(prefix, options),
    watch: (prefix, afterRevision, signal) => inner.watch(prefix, afterRevision, signal),
    compact: (revision) => inner.compact(revision),
    close: () => inner.close(),
    ...(inner.isStale === undefined ? {} : { isStale: (key: string) => inner.isStale?.(key) ?? false }),
    async commit(conditions, operations) {
      try {
        const result = await inner.commit(conditions, operations);
        if (result.is === "committed" && freeBytes === undefined) refused = undefined;
        return result;
      } catch (error) {
        if (error instanceof StorageUnavailableError) {
          const bytes = operations.reduce((sum, operation) => sum + (operation.do === "put" ? operation.value.byteLength : 0), 0);
          refused = { sinceMs: refused?.sinceMs ?? clock.monotonic(), bytes: Math.max(bytes, refused?.bytes ?? 0), why: describeError(error) };
        }
        throw error;
      }
    },
    async writeProblem() {
      if (refused === undefined) return undefined;
      const known = refused;
      if (freeBytes === undefined) return clock.monotonic() - known.sinceMs >= PATIENCE_MS ? known.why : undefined;
      if ((await freeBytes()) < known.bytes + ROOM_BYTES) return known.why;
      if (refused === known) refused = undefined; // another may have been refused meanwhile
      return undefined;
    },
  };
}
