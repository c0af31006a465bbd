import { describe, expect, test } from "vitest";
import { abortError, aborted, isAbort, raceAbort, throwIfAborted } from "../../../engine/lib/abort.ts";
import { backoffMs } from "../../../engine/lib/backoff.ts";
import { formatMicroTime, formatTime, sleep, type Clock } from "../../../engine/lib/clock.ts";
import { formatGoDuration, parseGoDurationMs } from "../../../engine/lib/go-duration.ts";
import { randomInteger, randomSuffix, seededRandom, systemRandom } from "../../../engine/lib/random.ts";

/** A clock whose time stands still until it is advanced. */
function stoppedClock(): Clock & { advance(ms: number): void; readonly waiting: number } {
  let now = 0;
  const timers = new Set<{ at: number; run: () => void }>();
  return {
    now: () => now,
    monotonic: () => now,
    after(delayMs, run) {
      const timer = { at: now + delayMs, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance(ms) {
      now += ms;
      for (const timer of [...timers].filter(({ at }) => at <= now)) {
        timers.delete(timer);
        timer.run();
      }
    },
    get waiting() {
      return timers.size;
    },
  };
}

describe("time", () => {
  test("is written in whole seconds or with six decimals", () => {
    expect([formatTime(1_767_225_600_999), formatMicroTime(1_767_225_600_123), formatTime(-1)]).toEqual(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123000Z", "1969-12-31T23:59:59Z"]);
  });

  test("passes for a sleeper as it passes for the clock", async () => {
    const clock = stoppedClock();
    let awake = false;
    const sleeper = sleep(clock, 100, new AbortController().signal).then(() => (awake = true));
    clock.advance(99);
    await Promise.resolve();
    expect(awake).toBe(false);
    clock.advance(1);
    await sleeper;
    expect(awake).toBe(true);
  });

  test("is given back when a sleeper is aborted", async () => {
    const clock = stoppedClock();
    const abort = new AbortController();
    const sleeper = sleep(clock, 100, abort.signal);
    abort.abort();
    await expect(sleeper).rejects.toSatisfy(isAbort);
    expect(clock.waiting).toBe(0);
    await expect(sleep(clock, 100, abort.signal)).rejects.toSatisfy(isAbort);
  });
});

describe("abort", () => {
  test("is told from failures", () => {
    const abort = new AbortController();
    abort.abort();
    expect([isAbort(abortError(abort.signal)), isAbort(abortError()), isAbort(new Error("x")), isAbort("x"), isAbort(Object.assign(new Error("x"), { code: "ABORT_ERR" }))]).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(() => throwIfAborted(abort.signal)).toThrow(expect.objectContaining({ name: "AbortError" }));
    expect(() => throwIfAborted(new AbortController().signal)).not.toThrow();
  });

  test("wins the race against work that does not end", async () => {
    const abort = new AbortController();
    const race = raceAbort(new Promise(() => {}), abort.signal);
    const seen = aborted(abort.signal);
    abort.abort();
    await expect(race).rejects.toSatisfy(isAbort);
    await expect(seen).resolves.toBeUndefined();
  });

  test("loses against work that is done", async () => {
    await expect(raceAbort(Promise.resolve(1), new AbortController().signal)).resolves.toBe(1);
    await expect(raceAbort(Promise.reject(new Error("x")), new AbortController().signal)).rejects.toThrow("x");
  });
});

describe("backoff", () => {
  test("doubles up to its bound", () => expect([1, 2, 3, 4, 100].map((failures) => backoffMs({ initialMs: 10, maxMs: 50 }, failures))).toEqual([10, 20, 40, 50, 50]));
  test("is spread by its jitter", () => {
    const delay = backoffMs({ initialMs: 100, maxMs: 100, jitter: 0.5 }, 1, { next: () => 0.5, uuid: () => "" });
    expect(delay).toBe(125);
  });
});

describe("chance", () => {
  test("repeats itself from the same seed", () => {
    const sequence = (seed: number) => {
      const random = seededRandom(seed);
      return [random.next(), random.next(), random.uuid(), randomSuffix(random), randomInteger(random, 1000)];
    };
    expect(sequence(7)).toEqual(sequence(7));
    expect(sequence(7)).not.toEqual(sequence(8));
  });

  test("stays within its bounds", () => {
    for (const random of [seededRandom(1), systemRandom]) {
      for (let i = 0; i < 500; i++) {
        const value = random.next();
        expect(value >= 0 && value < 1).toBe(true);
        expect([0, 1, 2]).toContain(randomInteger(random, 3));
      }
      expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(randomSuffix(random)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    }
  });
});

test.each([
  [0, "0s"],
  [250, "250ms"],
  [1_500, "1.5s"],
  [90_000, "1m30s"],
  [300_000, "5m0s"],
  [3_600_000, "1h0m0s"],
  [5_430_000, "1h30m30s"],
])("%i ms are %s in Go's words, and read as such", (ms, text) => {
  expect([formatGoDuration(ms), parseGoDurationMs(text)]).toEqual([text, ms]);
});
