import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterEach, expect, test, vi } from "vitest";
import { ExcessiveWork, WorkThread } from "../../../engine/lib/work-thread.ts";

afterEach(() => vi.useRealTimers());

/** Answers with the number of the thread, and ends, or goes on for ever, when it is told to. Says to who waits for it that it has answered. */
const MODULE = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, threadId } from "node:worker_threads";
    parentPort.on("message", ({ id, work }) => {
      if (work === "end") process.exit(0);
      while (work === "stay");
      parentPort.postMessage({ id, result: threadId });
      if (work instanceof Int32Array) Atomics.notify(work, Atomics.store(work, 0, 1) - 1);
    });
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

test("work that takes longer than it may is given up, and what waits behind it is done in a new thread", async () => {
  const thread = new WorkThread<string, number>(MODULE, { timeoutMs: 2_000 });
  const first = await thread.run("a");
  const [stays, ends, next, last] = await Promise.allSettled(["stay", "end", "b", "c"].map((work) => thread.run(work)));
  expect(stays).toMatchObject({ status: "rejected", reason: new ExcessiveWork("it took longer than 2000 ms") });
  expect(ends).toMatchObject({ status: "rejected", reason: new Error("its thread has ended") });
  expect(next).toMatchObject({ status: "fulfilled" });
  expect(last).toEqual(next);
  expect(next).not.toMatchObject({ value: first });
});

test("a thread that cannot begin fails what asked for it and leaves nothing behind", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const module = new URL("https://nowhere.invalid/"); // a thread is begun with a file or with data
  const thread = new WorkThread<string, number>(module, { timeoutMs: 2_000 });
  for (const work of ["a", "b"]) await expect(thread.run(work)).rejects.toThrow(/URL/);
  expect(vi.getTimerCount()).toBe(0);
  await expect(new WorkThread<string, number>(new URL("data:text/javascript,throw new Error('no handles')")).run("a")).rejects.toThrow("no handles");
});

test("the end of a process waits for work only where nobody else does", async () => {
  const program = (holdsProcess: boolean) =>
    `import { WorkThread } from ${JSON.stringify(new URL("../../../engine/lib/work-thread.ts", import.meta.url).href)};
    void new WorkThread(new URL(${JSON.stringify(MODULE.href)}), { timeoutMs: 1_000, holdsProcess: ${holdsProcess} }).run("stay").catch(() => console.log("given up"));`;
  const said = (holdsProcess: boolean) => promisify(execFile)(process.execPath, ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", program(holdsProcess)]);
  expect((await said(true)).stdout).toBe("given up\n");
  expect((await said(false)).stdout).toBe("");
});

test("work that was done in time is not given up because its answer was read late", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const thread = new WorkThread<string | Int32Array<SharedArrayBuffer>, number>(MODULE, { timeoutMs: 2_000 });
  const first = await thread.run("a");
  const answered = new Int32Array(new SharedArrayBuffer(4));
  const piece = thread.run(answered);
  Atomics.wait(answered, 0, 0);
  vi.advanceTimersByTime(2_000);
  expect(await piece).toBe(first);
  vi.advanceTimersByTime(1_000);
});
