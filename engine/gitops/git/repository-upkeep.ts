import { sleep, type Clock } from "../../lib/clock.ts";
import { isAbort } from "../../lib/abort.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import type { GitStore } from "./git-source.ts";

const TIDY_INTERVAL_MS = 3_600_000;
const RESTORE_INTERVAL_MS = 2_000;

interface Upkeep {
  readonly store: GitStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Has a repository put in order from time to time. Git does so by itself when it is pushed to or fetches, but not for the commits on the
 * status branch, each of which is some files of a few bytes, nor for what is fetched without it: the machine would be full of them within months.
 */
export async function runUpkeep(upkeep: Upkeep, signal: AbortSignal): Promise<void> {
  const { store } = upkeep;
  await Promise.all([
    repeat(upkeep, TIDY_INTERVAL_MS, async () => store.tidy?.(signal), signal),
    repeat(upkeep, RESTORE_INTERVAL_MS, async () => store.restoreRecent?.(), signal),
  ]);
}

async function repeat({ clock, logger }: Upkeep, intervalMs: number, act: () => Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    while (!signal.aborted) {
      await sleep(clock, intervalMs, signal);
      try {
        await act();
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("repository not put in order, will retry", { error: describeError(error) });
      }
    }
  } catch (error) {
    if (!isAbort(error)) throw error;
  }
}
