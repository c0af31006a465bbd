import { afterEach, expect, test, vi } from "vitest";
import { WorkThread } from "../../../engine/lib/work-thread.ts";

afterEach(() => vi.useRealTimers());

/** Answers with the number of the thread, and ends when it is told to. */
const MODULE = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, threadId } from "node:worker_threads";
    parentPort.on("message", ({ id, work }) => (work === "end" ? process.exit(0) : parentPort.postMessage({ id, result: threadId })));
  `)}`,
);

test("what comes soon after other work is done in the same thread, and what comes later in a new one", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const thread = new WorkThread<string, number>(MODULE);
  const first = await thread.run("a");
  vi.advanceTimersByTime(900);
  expect(await Promise.all([thread.run("b"), thread.run("c")])).toEqual([first, first]);
  vi.advanceTimersByTime(900);
  expect(await thread.run("d")).toBe(first);
  vi.advanceTimersByTime(1_000);
  expect(vi.getTimerCount()).toBe(0);
  expect(await thread.run("e")).not.toBe(first);
  vi.advanceTimersByTime(1_000);
});

test("a thread that ends fails what waits for it, and the next work has a new one", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const thread = new WorkThread<string, number>(MODULE);
  const first = await thread.run("a");
  await expect(thread.run("end")).rejects.toThrow("its thread has ended");
  expect(await thread.run("b")).not.toBe(first);
  vi.advanceTimersByTime(1_000);
});
