import { expect, test } from "vitest";
import { Timers } from "../../../engine/lib/timers.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

test("of the timers of one name the first that is due counts, whenever it was set", async () => {
  const clock = new VirtualClock();
  const timers = new Timers(clock);
  const rung: string[] = [];
  const after = (ms: number, name?: string) => timers.after(ms, () => rung.push(`${name ?? "unnamed"} ${ms}`), name);
  after(100, "a");
  after(1_000, "a");
  after(10, "a");
  after(100);
  after(50, "b");
  await clock.advance(10);
  expect(rung.splice(0)).toEqual(["a 10"]);
  await clock.advance(10_000);
  expect(rung.splice(0)).toEqual(["b 50", "unnamed 100"]);
  after(1_000, "a");
  after(5);
  timers.cancelAll();
  expect(clock.pending).toBe(0);
  after(20, "a");
  await clock.advance(10_000);
  expect(rung).toEqual(["a 20"]);
});
