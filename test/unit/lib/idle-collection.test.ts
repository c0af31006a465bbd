import { expect, test } from "vitest";
import { createIdleCollection } from "../../../engine/lib/idle-collection.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const MIB = 1 << 20;

test("garbage is collected once there is nothing to do, and again when the heap has grown", async () => {
  const clock = new VirtualClock();
  const heap = { cpu: 0, bytes: 40 * MIB, collections: 0 };
  const host = {
    cpuMs: () => heap.cpu,
    heapBytes: () => heap.bytes,
    collect() {
      heap.collections++;
      heap.bytes = 25 * MIB;
    },
  };
  const stop = new AbortController();
  const running = createIdleCollection(clock, host)
    .run(stop.signal)
    .catch(() => {});
  const pass = async (workMs: number) => {
    heap.cpu += workMs;
    await clock.advance(5_000);
  };
  await pass(2_000);
  expect(heap.collections).toBe(0);
  await pass(100);
  expect(heap.collections).toBe(1);
  heap.bytes = 28 * MIB;
  await pass(100);
  expect(heap.collections).toBe(1);
  heap.bytes = 36 * MIB;
  await pass(100);
  expect(heap.collections).toBe(1);
  heap.bytes = 60 * MIB;
  await pass(4_000);
  expect(heap.collections).toBe(1);
  await pass(0);
  expect(heap.collections).toBe(2);
  stop.abort();
  await running;
});
