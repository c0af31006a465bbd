import { sleep, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { service, type Service } from "../lib/service.ts";
import type { Storage } from "./storage.ts";

/** History is kept this long, so that readers which page or resume can finish; upstream's interval. */
const KEEP_MS = 5 * 60_000;

/** Forgets history older than `keepMs`, again and again: without it the store would grow with every write for ever. */
export function createCompactor(storage: Storage, clock: Clock, logger: Logger, { keepMs = KEEP_MS }: { readonly keepMs?: number } = {}): Service {
  return service("compactor", async (signal) => {
    let previous: number | undefined;
    while (!signal.aborted) {
      try {
        // What was the newest revision one interval ago is older than the interval now.
        if (previous !== undefined) await storage.compact(previous);
        previous = await storage.currentRevision();
      } catch (error) {
        if (!signal.aborted) logger.warn("compaction failed, will retry", { error: describeError(error) });
      }
      await sleep(clock, keepMs, signal).catch(() => {});
    }
  });
}
