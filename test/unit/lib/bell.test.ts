import { describe, expect, test } from "vitest";
import { Bell } from "../../../engine/lib/bell.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const never = new AbortController().signal;

/** What became of a wait, once time has passed. */
async function waited(clock: VirtualClock, wait: Promise<boolean>, ms: number): Promise<boolean | "waits"> {
  let result: boolean | "waits" = "waits";
  void wait.then((isRung) => (result = isRung));
  await clock.advance(ms);
  return result;
}

describe("a bell", () => {
  test("that was rung before keeps nobody waiting, however often, until that is seen to", async () => {
    const clock = new VirtualClock();
    const bell = new Bell(clock);
    bell.ring();
    bell.ring();
    expect(await bell.wait(Infinity, never)).toBe(true);
    expect([bell.take(), bell.take()]).toEqual([true, false]);
    expect(await waited(clock, bell.wait(Infinity, never), 1_000_000)).toBe("waits");
  });

  test("wakes who waits; so do the end of the time and of the service", async () => {
    const clock = new VirtualClock();
    const bell = new Bell(clock);
    const rung = bell.wait(Infinity, never);
    bell.ring();
    expect(await rung).toBe(true);
    bell.take();
    expect(await waited(clock, bell.wait(1_000, never), 999)).toBe("waits");
    expect(await waited(clock, bell.wait(1_000, never), 1_000)).toBe(false);
    const stop = new AbortController();
    const stopped = bell.wait(Infinity, stop.signal);
    stop.abort();
    expect(await stopped).toBe(false);
    expect(await bell.wait(Infinity, stop.signal)).toBe(false);
  });

  test("may be rung from the start", async () => {
    expect(await new Bell(new VirtualClock(), { isRung: true }).wait(Infinity, never)).toBe(true);
  });
});
