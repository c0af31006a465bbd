import { expect, test } from "vitest";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { RuleKeeper, type KeptRules } from "../../../../node-agent/network/keep-rules.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

/** A keeper of rules that writes down what it does. */
function start(over: Partial<KeptRules> = {}) {
  const clock = new VirtualClock();
  const done: string[] = [];
  const rules: KeptRules = {
    name: "rules",
    sync: async () => void done.push("sync"),
    forget: () => void done.push("forget"),
    restoreJumps: async () => (done.push("look"), false),
    reconsiderRefused: async () => void done.push("reconsider"),
    ...over,
  };
  const keeper = new RuleKeeper(rules, { clock, logger: silentLogger });
  const stop = new AbortController();
  const ended = keeper.run(stop.signal);
  const finish = async () => {
    stop.abort();
    await clock.settle();
    await ended;
  };
  return { clock, keeper, done, finish };
}

test("what others removed is looked for every half minute, also while something changes more often than that", async () => {
  const { clock, keeper, done, finish } = start();
  for (let seconds = 0; seconds < 95; seconds += 5) {
    keeper.requestSync();
    await clock.advance(5_000);
  }
  expect(done.filter((step) => step === "look")).toHaveLength(3);
  expect(done.filter((step) => step === "reconsider")).toHaveLength(3);
  expect(done.filter((step) => step === "sync").length).toBeGreaterThan(15);
  await finish();
});

test("a look that fails, as while another program holds the lock for long, ends nothing: it is tried again", async () => {
  let looks = 0;
  const { clock, done, finish } = start({
    restoreJumps: async () => {
      if (++looks === 1) throw new Error("another app is currently holding the xtables lock");
      return true;
    },
  });
  await clock.advance(31_000);
  expect(done).toEqual(["sync", "forget", "sync"]);
  await clock.advance(30_000);
  expect(done).toEqual(["sync", "forget", "sync", "forget", "reconsider", "sync"]);
  await finish();
});
