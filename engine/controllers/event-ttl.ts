import { sleep } from "../lib/clock.ts";
import { describeError } from "../lib/log.ts";
import { service } from "../lib/service.ts";
import { eventResource } from "../resources/core/event.ts";
import { unlessGone, type ControllerContext } from "./controller.ts";

const PERIOD_MS = 60_000;
const DELETED_PER_ROUND_MAX = 2_000;

/** Events tell of the recent past: older ones go. */
export function eventTtlController(context: ControllerContext) {
  const { client, clock, informers, logger, timings } = context;
  const events = informers.informer(eventResource);
  return service("event-ttl-controller", async (signal) => {
    await events.waitForSync(signal);
    while (!signal.aborted) {
      const before = clock.now() - timings.eventTtlMs;
      const old = events.list().filter((event) => Date.parse(event.lastTimestamp ?? event.metadata.creationTimestamp ?? "") < before);
      for (const event of old.slice(0, DELETED_PER_ROUND_MAX)) {
        await unlessGone(client.for(eventResource).delete(event.metadata.namespace ?? "", event.metadata.name ?? "")).catch((error: unknown) => logger.warn("event not removed", { error: describeError(error) }));
      }
      await sleep(clock, PERIOD_MS, signal).catch(() => {});
    }
  });
}
