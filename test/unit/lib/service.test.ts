import { describe, expect, test, vi } from "vitest";
import { aborted, throwIfAborted } from "../../../engine/lib/abort.ts";
import { assert, assertNever } from "../../../engine/lib/assert.ts";
import { describeError } from "../../../engine/lib/log.ts";
import { inTurns, runServices, service } from "../../../engine/lib/service.ts";

describe("services", () => {
  test("run until they are told to end, and are awaited", async () => {
    const abort = new AbortController();
    const ended: string[] = [];
    const until = (name: string) =>
      service(name, async (signal) => {
        await aborted(signal);
        await Promise.resolve();
        ended.push(name);
      });
    const running = runServices([until("a"), until("b")], abort.signal);
    abort.abort();
    await running;
    expect(ended.sort()).toEqual(["a", "b"]);
  });

  test("take their siblings down when one fails, and name it", async () => {
    let siblingEnded = false;
    const sibling = service("sibling", async (signal) => {
      await aborted(signal);
      siblingEnded = true;
      throwIfAborted(signal); // an abort is no failure
    });
    const failing = service("store", async () => {
      throw new Error("disk is full");
    });
    const failure: unknown = await runServices([sibling, failing], new AbortController().signal).catch((error: unknown) => error);
    expect(describeError(failure)).toBe("service store: disk is full");
    expect(siblingEnded).toBe(true);
  });

  test("may not end by themselves", async () => {
    const failure: unknown = await runServices([service("short", async () => {})], new AbortController().signal).catch((error: unknown) => error);
    expect(describeError(failure)).toBe("service short: ended while it should still run");
  });

  test("begin in turns, between which the process does what else there is", async () => {
    const seen: string[] = [];
    const stop = new AbortController();
    const until = (name: string) =>
      service(name, async (signal) => {
        seen.push(name);
        setImmediate(() => seen.push(`turn after ${name}`));
        await aborted(signal);
      });
    const done = runServices(inTurns([until("a"), until("b"), until("c")]), stop.signal);
    expect(seen).toEqual([]);
    await vi.waitFor(() => expect(seen).toContain("turn after c"));
    expect(seen.filter((entry) => !entry.startsWith("turn"))).toEqual(["a", "b", "c"]);
    expect(seen.indexOf("turn after a")).toBeLessThan(seen.indexOf("c"));
    stop.abort();
    await done;
  });

  test("do not begin once they are to end", async () => {
    const stop = new AbortController();
    let hasBegun = false;
    const done = runServices(inTurns([service("late", async () => void (hasBegun = true))]), stop.signal);
    stop.abort();
    await done;
    expect(hasBegun).toBe(false);
  });
});

describe("errors", () => {
  test("are described with all of their causes", () => {
    expect(describeError(new Error("pull image nginx", { cause: new Error("dial", { cause: "refused" }) }))).toBe("pull image nginx: dial: refused");
    expect(describeError("text")).toBe("text");
    expect(describeError(new Error("join: connect ECONNREFUSED", { cause: new Error("connect ECONNREFUSED", { cause: "twice" }) }))).toBe("join: connect ECONNREFUSED: twice");
  });

  test("say that an invariant is broken", () => {
    expect(() => assert(false, "one owner")).toThrow("invariant broken: one owner");
    expect(() => assert(1, "one owner")).not.toThrow();
    expect(() => assertNever({ do: "x" } as never, "action")).toThrow('invariant broken: unexpected action: {"do":"x"}');
  });
});
