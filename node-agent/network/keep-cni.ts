import { backoffMs } from "../../engine/lib/backoff.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { configsBefore, writeCniConfig, type CniPlaces } from "./cni.ts";

export interface KeepCniOptions {
  readonly places: CniPlaces;
  /** The node's ranges of pod addresses; none until they are known. */
  readonly podCidrs: () => readonly string[];
  /** Why the runtime runs no pods; undefined when it does. Rejects while it does not answer. */
  readonly problem: () => Promise<string | undefined>;
  /** Ends the runtime, which is started again; its pods go on meanwhile. */
  readonly restart: () => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const LOOK_MS = 5_000;
/** What the runtime says of itself as long as it knows no network. */
const NO_NETWORK = "NetworkReady";
/** Between one restart and the next, if the first one did not help. */
const RESTART = { initialMs: 60_000, maxMs: 1_800_000 };

/**
 * Keeps the runtime's network configured. What somebody changes or deletes is put back; and since containerd goes on watching a folder that
 * was deleted and not the one made in its place, it is restarted when it still knows no network at the next look.
 */
export function createCniKeeper({ places, podCidrs, problem, restart, clock, logger }: KeepCniOptions): Service {
  return service("cni", async (signal) => {
    let isUnseen = false;
    let restarts = 0;
    let restartedMs = -Infinity;
    while (!signal.aborted) {
      await sleep(clock, LOOK_MS, signal).catch(() => {});
      if (signal.aborted || podCidrs().length === 0) continue;
      try {
        if (writeCniConfig(places, podCidrs())) logger.info("wrote the network configuration of pods", { folder: places.configDir });
        const lacksNetwork = (await problem())?.startsWith(NO_NETWORK) === true;
        if (!lacksNetwork) restarts = 0;
        const isToRestart = lacksNetwork && isUnseen && clock.monotonic() - restartedMs >= (restarts === 0 ? 0 : backoffMs(RESTART, restarts));
        isUnseen = lacksNetwork;
        if (!isToRestart) continue;
        // One that cannot be read, as when it is half-written, hides ours from the runtime.
        logger.warn("the container runtime does not see its network configuration, restarting it", { folder: places.configDir, before: configsBefore(places) });
        restarts++;
        restartedMs = clock.monotonic();
        await restart();
      } catch (error) {
        logger.debug("the pods' network was not looked at", { error: describeError(error) });
      }
    }
  });
}
