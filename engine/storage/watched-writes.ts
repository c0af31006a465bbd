import type { Clock } from "../lib/clock.ts";
import { describeError } from "../lib/log.ts";
import { StorageUnavailableError, type Storage } from "./storage.ts";

/** Writes that fail for less than this are no trouble yet: a member that others take over from is away for as long. */
const PATIENCE_MS = 5_000;

/**
 * A store that knows whether it takes writes. One whose disk is full goes on answering reads, so that those alone do not tell: it takes
 * none when one has failed some seconds ago and none has succeeded since.
 */
export function withWatchedWrites(inner: Storage, clock: Clock): Storage {
  let failing: { readonly sinceMs: number; readonly why: string } | undefined;
  return {
    ...forwarded(inner),
    async commit(conditions, operations) {
      try {
        const result = await inner.commit(conditions, operations);
        if (result.is === "committed") failing = undefined;
        return result;
      } catch (error) {
        if (error instanceof StorageUnavailableError) failing = { sinceMs: failing?.sinceMs ?? clock.monotonic(), why: describeError(error) };
        throw error;
      }
    },
    writeProblem: () => (failing !== undefined && clock.monotonic() - failing.sinceMs >= PATIENCE_MS ? failing.why : undefined),
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
