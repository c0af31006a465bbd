import { sleep, type Clock } from "../../lib/clock.ts";
import { isAbort } from "../../lib/abort.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import type { GitStore } from "./git-source.ts";

const INTERVAL_MS = 3_600_000;

/**
 * Has a repository put in order from time to time. Git does so by itself when it is pushed to or fetches, but not for the commits on the
 * status branch, each of which is some files of a few bytes, nor for what is fetched without it: the machine would be full of them within months.
 */
export async function runUpkeep(
  { store, clock, logger }: { readonly store: GitStore; readonly clock: Clock; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  try {
    while (!signal.aborted) {
      await sleep(clock, INTERVAL_MS, signal);
      try {
        await store.tidy?.(signal);
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("repository not put in order, will retry", { error: describeError(error) });
      }
    }
  } catch (error) {
    if (!isAbort(error)) throw error;
  }
}
