import { expect, test } from "vitest";
import { SourceSet, type SourceSetOptions } from "../../../../engine/gitops/sources/source-set.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

test("repositories that cannot be forgotten while the API is away are tried again later and later, and then no more", async () => {
  const clock = new VirtualClock();
  let [lists, isAway] = [0, true];
  const list = () => {
    lists++;
    return isAway ? Promise.reject(new Error("not now")) : Promise.resolve({ items: [] });
  };
  const parts = { client: { for: () => ({ list }) }, clock, logger: silentLogger } as unknown as SourceSetOptions["parts"]; // all that a set without sources uses
  const set = new SourceSet({ parts, host: undefined, mirrors: "", onChange: () => {} });
  const stop = new AbortController();
  const running = set.run(stop.signal);
  set.start([]);
  await clock.advance(500);
  expect(lists).toBe(1);
  await clock.advance(10_000);
  expect(lists).toBeGreaterThan(2);
  expect(lists).toBeLessThan(6);
  isAway = false;
  await clock.advance(60_000);
  const settled = lists;
  await clock.advance(600_000);
  expect(lists).toBe(settled);
  stop.abort();
  await running;
});
