import { afterEach, beforeEach, expect, test } from "vitest";
import { podInfo, type PodInfo } from "../../../engine/scheduler/node-info.ts";
import { SchedulingQueue } from "../../../engine/scheduler/scheduling-queue.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

let clock: VirtualClock;
let queue: SchedulingQueue;
let taken: string[];
let stop: () => Promise<void>;

/** Somebody takes pods as they come; what they are good for, each test says. */
beforeEach(() => {
  clock = new VirtualClock();
  queue = new SchedulingQueue(clock);
  taken = [];
  const ending = new AbortController();
  const consume = async () => {
    for (let next = await queue.next(ending.signal); next !== undefined; next = await queue.next(ending.signal)) taken.push(next.key.replace("default/", ""));
  };
  const consumed = consume();
  stop = async () => {
    ending.abort();
    await consumed;
    queue.close();
  };
});
afterEach(() => stop());

const pod = (name: string, priority = 0): PodInfo => podInfo({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" }, spec: { priority, containers: [] } });
const REJECTED = new Set(["NodeResourcesFit"]);
const FAILED = new Set<string>();
const wakeAll = () => queue.wakeAll(() => true);
/** What was taken since the last look. */
async function after(ms: number): Promise<string[]> {
  await clock.advance(ms);
  return taken.splice(0);
}

test("the most important pods come first, and of equals the oldest", async () => {
  queue.add(pod("a"));
  await after(1);
  for (const [name, priority] of [
    ["b", 0],
    ["c", 0],
    ["d", 5],
  ] as const)
    queue.add(pod(name, priority));
  expect(await after(0)).toEqual(["d", "b", "c"]);
});

test("a pod that was rejected waits for an event that may help, or for five minutes", async () => {
  queue.giveBack(pod("a"), REJECTED);
  queue.wakeAll((_pod, rejectedBy) => rejectedBy.has("NodePorts"));
  expect(await after(299_000)).toEqual([]);
  expect(await after(1_000)).toEqual(["a"]);
});

test("a pod that is woken is tried at once when nobody else waits, and so comes before those that come after it", async () => {
  queue.giveBack(pod("first"), REJECTED);
  wakeAll();
  expect(await after(0)).toEqual(["first"]);
  queue.add(pod("second"));
  expect(await after(0)).toEqual(["second"]);
});

test("pods that have not been tried yet come before those that are woken", async () => {
  queue.giveBack(pod("woken", 5), REJECTED);
  wakeAll();
  queue.add(pod("new"));
  expect(await after(0)).toEqual(["new", "woken"]);
});

test("of woken pods that one comes first whose wait ends first; within a second, the most important, then the oldest", async () => {
  queue.giveBack(pod("twice", 9), REJECTED);
  queue.giveBack(pod("twice", 9), REJECTED);
  for (const [name, priority] of [
    ["a", 0],
    ["b", 5],
    ["c", 5],
  ] as const) {
    queue.giveBack(pod(name, priority), REJECTED);
    await clock.advance(1);
  }
  wakeAll();
  expect(await after(0)).toEqual(["b", "c", "a", "twice"]);
});

test("a pod whose binding failed waits, twice as long each time, up to ten seconds; after a rejection it begins anew", async () => {
  const waits = async () => {
    queue.giveBack(pod("a"), FAILED);
    wakeAll();
    let ms = 0;
    while (taken.length === 0) {
      await clock.advance(500);
      ms += 500;
    }
    taken.length = 0;
    return ms;
  };
  const found: number[] = [];
  for (let time = 0; time < 6; time++) found.push(await waits());
  expect(found).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  queue.giveBack(pod("a"), REJECTED);
  wakeAll();
  expect(await after(0)).toEqual(["a"]);
  expect(await waits()).toBe(1_000);
});

test("an event that wakes very many has a hundred of them tried in a second, and the others when their wait is over", async () => {
  for (let index = 0; index < 250; index++) queue.giveBack(pod(`p${index}`), REJECTED);
  wakeAll();
  expect(await after(0)).toHaveLength(100);
  expect(await after(999)).toEqual([]);
  expect(new Set(await after(1))).toHaveProperty("size", 150);
});

test("a pod that is gone comes no more, and one that changed comes as it is now", async () => {
  queue.giveBack(pod("gone"), REJECTED);
  queue.giveBack(pod("changed"), REJECTED);
  queue.remove("default/gone");
  queue.add(pod("changed", 3));
  wakeAll();
  expect(await after(300_000)).toEqual(["changed"]);
});

test("how long a pod waits is as was told", async () => {
  const told = new SchedulingQueue(clock, { initialBackoffMs: 3_000, maxBackoffMs: 5_000 });
  for (const ms of [3_000, 5_000, 5_000]) {
    told.giveBack(pod("a"), FAILED);
    await clock.advance(ms - 1);
    expect(told.sizes).toMatchObject({ active: 0, backoff: 1 });
    await clock.advance(1);
    expect(told.sizes).toMatchObject({ active: 1, backoff: 0 });
    await told.next(new AbortController().signal);
  }
  told.close();
});

test("a clock that is set back makes no pod wait longer", async () => {
  queue.add(pod("failed"));
  await after(0);
  queue.giveBack(pod("failed"), FAILED);
  queue.giveBack(pod("rejected"), REJECTED);
  clock.jump(-3_600_000);
  expect(await after(1_100)).toEqual(["failed"]);
  expect(await after(6 * 60_000)).toEqual(["rejected"]);
});
