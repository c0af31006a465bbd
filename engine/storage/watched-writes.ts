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
    ...forwarded(inner),
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
      const { sinceMs, bytes, why } = refused;
      if (freeBytes === undefined) return clock.monotonic() - sinceMs >= PATIENCE_MS ? why : undefined;
      if ((await freeBytes()) < bytes + ROOM_BYTES) return why;
      refused = undefined;
      return undefined;
    },
  };
}

function forwarded(inner: Storage): Storage {
  return {
    currentRevision: () => inner.currentRevision(),
    ...(inner.knownRevision === undefined ? {} : { knownRevision: () => inner.knownRevision?.() }),
    get: (key) => inner.get(key),
    list: (prefix, options) => inner.list(prefix, options),
    commit: (conditions, operations) => inner.commit(conditions, operations),
    watch: (prefix, afterRevision, signal) => inner.watch(prefix, afterRevision, signal),
    compact: (revision) => inner.compact(revision),
    close: () => inner.close(),
    ...(inner.isStale === undefined ? {} : { isStale: (key: string) => inner.isStale?.(key) ?? false }),
    ...(inner.sizeBytes === undefined ? {} : { sizeBytes: async () => inner.sizeBytes?.() ?? 0 }),
  };
}
