import { expect, test } from "vitest";
import type { Client } from "../../../engine/client/client.ts";
import { ConsistencyStore } from "../../../engine/client/consistency-store.ts";
import { InformerFactory } from "../../../engine/client/informer-factory.ts";
import { runController } from "../../../engine/controllers/run-controller.ts";
import { DEFAULT_TIMINGS } from "../../../engine/controllers/timings.ts";
import { abortError } from "../../../engine/lib/abort.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { MetricsRegistry } from "../../../engine/lib/metrics.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { runServices } from "../../../engine/lib/service.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

test("a key whose work was given up by somebody else is tried again: only the controller's own end is one", async () => {
  const clock = new VirtualClock();
  const client = {} as Client; // nothing is asked of it
  const parts = { client, clock, random: seededRandom(1), logger: silentLogger };
  const context = { ...parts, informers: new InformerFactory(parts), events: { record: () => {} }, consistency: new ConsistencyStore(), metrics: new MetricsRegistry(), timings: DEFAULT_TIMINGS };
  let looks = 0;
  const observe = () => {
    if (++looks === 1) throw abortError();
    return undefined;
  };
  const running = new AbortController();
  const ended = runServices([runController({ name: "any", watches: [], initialKeys: ["a"], observe, plan: () => [] }, context as never)], running.signal); // of events nothing but that is used
  await clock.advance(10_000);
  expect(looks).toBe(2);
  running.abort();
  await ended;
});
