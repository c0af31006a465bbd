import { sleep, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import type { Storage } from "../storage/storage.ts";

const PAUSE_MS = 250;

/** Resolves when enough members are there for the store to answer. Rejects only when the signal fires. */
export async function awaitQuorum(storage: Storage, clock: Clock, logger: Logger, signal: AbortSignal): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await storage.currentRevision();
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (tries === 0) logger.warn("waiting for a quorum: too few of the cluster's servers are there", { error: describeError(error) });
      await sleep(clock, PAUSE_MS, signal);
    }
  }
}
