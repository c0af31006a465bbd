import { sleep, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { service, type Service } from "../lib/service.ts";
import type { Storage } from "./storage.ts";

/** History is kept this long, so that readers which page or resume can finish; upstream's interval. */
const KEEP_MS = 5 * 60_000;

export interface CompactorOptions {
  readonly storage: Storage;
  /** What else remembers changes; told of the revision up to which they are forgotten. */
  readonly cache: { forget(revision: number): void };
  readonly keepMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Forgets history older than `keepMs`, again and again: without it the store would grow with every write for ever, and its cache stay as
 * large as it ever was.
 */
export function createCompactor({ storage, cache, keepMs = KEEP_MS, clock, logger }: CompactorOptions): Service {
  return service("compactor", async (signal) => {
    let previous: number | undefined;
    while (!signal.aborted) {
      try {
        // What was the newest revision one interval ago is older than the interval now.
        if (previous !== undefined) {
          await storage.compact(previous);
          cache.forget(previous);
        }
        previous = await storage.currentRevision();
      } catch (error) {
        if (!signal.aborted) logger.warn("compaction failed, will retry", { error: describeError(error) });
      }
      await sleep(clock, keepMs, signal).catch(() => {});
    }
  });
}
