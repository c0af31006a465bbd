import { beforeEach, expect, test } from "vitest";
import { Workqueue } from "../../../engine/client/workqueue.ts";
import { WorkqueueMetrics } from "../../../engine/client/workqueue-metrics.ts";
import { MetricsRegistry } from "../../../engine/lib/metrics.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

let clock: VirtualClock;
let queue: Workqueue;
beforeEach(() => {
  clock = new VirtualClock();
  queue = new Workqueue({ clock });
});

test("a key asked for many times comes once", async () => {
  for (const key of ["a", "b", "a", "a"]) queue.add(key);
  expect([await queue.take(), await queue.take()]).toEqual(["a", "b"]);
  expect(queue.size).toBe(0);
});

test("a key in work is not given to a second worker, and comes again when it was asked for meanwhile", async () => {
  queue.add("a");
  await queue.take();
  queue.add("a");
  queue.add("a");
  expect(queue.size).toBe(0);
  queue.done("a");
  expect(queue.size).toBe(1);
  await queue.take();
  queue.done("a");
  expect(queue.isIdle).toBe(true);
});

test("a key that rests after its work is not taken before it has rested, and then once if it was asked for", async () => {
  queue.add("a");
  await queue.take();
  queue.add("a");
  queue.done("a", 1_000);
  queue.add("a");
  await clock.advance(999);
  expect([queue.size, queue.isIdle]).toEqual([0, false]);
  await clock.advance(1);
  expect(queue.size).toBe(1);
  await queue.take();
  queue.done("a", 1_000);
  await clock.advance(500);
  expect([queue.size, queue.isIdle]).toEqual([0, true]);
  await clock.advance(500);
  queue.add("a");
  expect(queue.size).toBe(1);
});

test("of two appointments of one key the earlier stands", async () => {
  queue.addAfter("a", 5_000);
  queue.addAfter("a", 1_000);
  queue.addAfter("a", 9_000);
  await clock.advance(999);
  expect(queue.size).toBe(0);
  await clock.advance(1);
  expect(queue.size).toBe(1);
  await queue.take();
  queue.done("a");
  await clock.advance(60_000);
  expect(queue.isIdle).toBe(true);
});

test("each failure of a key doubles its delay from 5 ms up to 1000 s, and success begins anew", async () => {
  const delays: number[] = [];
  for (let i = 0; i < 20; i++) {
    const before = clock.monotonic();
    queue.retry("a");
    await clock.runUntil(() => queue.size === 1, 2_000_000);
    delays.push(clock.monotonic() - before);
    queue.done((await queue.take()) ?? "");
  }
  expect(delays.slice(0, 5)).toEqual([5, 10, 20, 40, 80]);
  expect(delays.at(-1)).toBe(1_000_000);
  queue.forget("a");
  expect(queue.failures("a")).toBe(0);
});

test("many failing keys together retry at a bounded rate after a burst", async () => {
  for (let i = 0; i < 200; i++) queue.retry(`k${i}`);
  await clock.advance(100);
  const early = queue.size;
  expect(early).toBeGreaterThanOrEqual(100);
  expect(early).toBeLessThan(105);
  await clock.advance(5_000);
  expect(queue.size - early).toBe(50);
});

test("a closed queue gives what is ready, then nothing, and wakes those who wait", async () => {
  const waiting = queue.take();
  queue.addAfter("late", 1_000);
  queue.close();
  expect(await waiting).toBeUndefined();
  queue.add("a");
  await clock.advance(2_000);
  expect(queue.size).toBe(0);
  expect(clock.pending).toBe(0);
});

test("a queue tells how it is doing, under upstream's names, until it is closed", async () => {
  const clock = new VirtualClock();
  const registry = new MetricsRegistry();
  const by = new WorkqueueMetrics(registry);
  const queue = new Workqueue({ clock, measured: { name: "pods", by } });
  const other = new Workqueue({ clock, measured: { name: "nodes", by } });
  const figure = (name: string, of = "pods") => Number(new RegExp(`^workqueue_${name}\\{name="${of}"\\} (\\S+)$`, "m").exec(registry.render())?.[1]);
  for (const key of ["a", "b", "c", "c"]) queue.add(key);
  expect([figure("depth"), figure("adds_total"), figure("depth", "nodes")]).toEqual([3, 3, 0]);
  await clock.advance(2_000);
  expect(await queue.take()).toBe("a");
  await clock.advance(1_000);
  expect(await queue.take()).toBe("b");
  await clock.advance(500);
  expect([figure("depth"), figure("unfinished_work_seconds"), figure("longest_running_processor_seconds")]).toEqual([1, 2, 1.5]);
  expect([figure("queue_duration_seconds_sum"), figure("queue_duration_seconds_count")]).toEqual([5, 2]);
  queue.add("a"); // it comes once more, and waits from now on
  queue.retry("b");
  queue.done("a");
  expect([figure("work_duration_seconds_sum"), figure("work_duration_seconds_count"), figure("retries_total")]).toEqual([1.5, 1, 1]);
  expect(registry.render()).toContain('workqueue_work_duration_seconds_bucket{name="pods",le="1"} 0\nworkqueue_work_duration_seconds_bucket{name="pods",le="10"} 1');
  queue.close();
  expect([figure("depth"), figure("depth", "nodes"), figure("adds_total")]).toEqual([Number.NaN, 0, 4]);
  other.close();
  expect(registry.render()).not.toContain("workqueue_depth{");
});
