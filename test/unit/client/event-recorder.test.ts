import { afterEach, beforeEach, expect, test } from "vitest";
import { EventRecorder } from "../../../engine/client/event-recorder.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { eventResource } from "../../../engine/resources/core/event.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { aPod } from "../../kit/objects.ts";
import { startTestApi, type TestApi } from "../../kit/test-api.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

let clock: VirtualClock;
let api: TestApi;
let recorder: EventRecorder;
beforeEach(async () => {
  clock = new VirtualClock();
  api = await startTestApi({ clock, random: seededRandom(1), storage: openMemoryStorage({ clock }) });
  recorder = new EventRecorder({ client: api.client, clock, random: seededRandom(2), logger: silentLogger, component: "test" });
});
afterEach(() => api.stop());

const pod = aPod("web");
const record = (message: string, reason = "Pulled") => recorder.record(pod, { type: "Normal", reason, message });
async function written(): Promise<{ message: string; count: number }[]> {
  await recorder.flush();
  return (await api.client.for(eventResource).list("default")).items.map(({ message = "", count = 1 }) => ({ message, count }));
}

test("an event says who tells what about which object", async () => {
  record("pulled app:1");
  await recorder.flush();
  const { items } = await api.client.for(eventResource).list("default");
  expect(items).toMatchObject([{ involvedObject: { kind: "Pod", name: "web", uid: "uid-web" }, reason: "Pulled", source: { component: "test" }, count: 1, firstTimestamp: "2030-01-01T00:00:00Z" }]);
});

test("several may report by one recorder, each their own", async () => {
  recorder.record(pod, { type: "Normal", reason: "Pulled", message: "pulled app:1" }, "other");
  record("pulled app:1");
  await recorder.flush();
  const { items } = await api.client.for(eventResource).list("default");
  expect(items.map(({ source, reportingComponent, count }) => [source?.component, reportingComponent, count]).sort()).toEqual([
    ["other", "other", 1],
    ["test", "test", 1],
  ]);
});

test("events of one object are listed in the order in which they were told, also within a millisecond", async () => {
  for (let i = 0; i < 20; i++) record(`step ${i}`, `Step${i}`);
  await clock.advance(1);
  record("last", "Last");
  await recorder.flush();
  const { items } = await api.client.for(eventResource).list("default");
  expect(items.map(({ reason }) => reason)).toEqual([...Array.from({ length: 20 }, (_, i) => `Step${i}`), "Last"]);
  expect(items.every(({ metadata }) => /^web\.[0-9a-f]{16}$/.test(metadata.name ?? ""))).toBe(true);
});

test("the same story again is counted, not told again", async () => {
  record("pulled app:1");
  await clock.advance(5_000);
  record("pulled app:1");
  expect(await written()).toEqual([{ message: "pulled app:1", count: 2 }]);
});

test("many similar stories become one", async () => {
  for (let i = 0; i < 14; i++) record(`pulled app:${i}`);
  const events = await written();
  expect(events).toHaveLength(11);
  expect(events.filter(({ message }) => message.startsWith("(combined from similar events): "))).toEqual([{ message: "(combined from similar events): pulled app:13", count: 4 }]);
});

test("one object may tell so much at once, then one thing per five minutes", async () => {
  for (let i = 0; i < 40; i++) record("again", `Reason${i}`);
  expect(await written()).toHaveLength(25);
  await clock.advance(300_000);
  record("again", "Late");
  record("again", "TooMuch");
  expect(await written()).toHaveLength(26);
});

test("a namespace that is not there costs nobody anything", async () => {
  recorder.record(aPod("lost", { namespace: "nowhere" }), { type: "Normal", reason: "Pulled", message: "x" });
  await recorder.flush();
  record("still works");
  expect(await written()).toEqual([{ message: "still works", count: 1 }]);
});
