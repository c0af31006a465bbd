import { expect, test } from "vitest";
import { SharedLooks } from "../../../../node-agent/logs/shared-looks.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

test("however many want to know of a thing, it is looked at once at a time", async () => {
  const clock = new VirtualClock();
  const looks: string[] = [];
  const shared = new SharedLooks(async (key) => `${key}${looks.push(key)}`, clock, 200);
  expect(await Promise.all(["a", "a", "b", "a"].map((key) => shared.get(key)))).toEqual(["a1", "a1", "b2", "a1"]);
  await clock.advance(199);
  expect(await shared.get("a")).toBe("a1");
  await clock.advance(2);
  expect(await shared.get("a")).toBe("a3");
});

test("a look that failed is no answer for whoever asks next", async () => {
  let isAway = true;
  const shared = new SharedLooks(async () => (isAway ? Promise.reject(new Error("away")) : "there"), new VirtualClock(), 200);
  await expect(shared.get("a")).rejects.toThrow("away");
  isAway = false;
  expect(await shared.get("a")).toBe("there");
});
