import { expect, test } from "vitest";
import { internalError } from "../../../engine/apimachinery/status-error.ts";
import { ChangingValue } from "../../../engine/lib/changing-value.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import type { Service } from "../../../engine/lib/service.ts";
import { writeAtStart, writeOnChange } from "../../../engine/setup/write-at-start.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const parts = () => {
  const started: Service[] = [];
  const stop = new AbortController();
  return { clock: new VirtualClock(), logger: silentLogger, started, stop, scope: { signal: stop.signal, start: (...services: readonly Service[]) => void started.push(...services) } };
};

test("what is let at once leaves nothing to do, and what is no refusal ends the start", async () => {
  const given = parts();
  await writeAtStart("it", async () => {}, given);
  await expect(writeAtStart("it", () => Promise.reject(new Error("disk full")), given)).rejects.toThrow("disk full");
  expect(given.started).toEqual([]);
});

test("what is refused keeps no start up, and is done again until it is let", async () => {
  const given = parts();
  let tries = 0;
  await writeAtStart(
    "it",
    async () => {
      if (++tries < 3) throw internalError("failed calling webhook");
    },
    given,
  );
  expect([tries, given.started.length]).toEqual([1, 1]);
  const [stop, ended] = [new AbortController(), [] as string[]];
  const running = given.started[0]!.run(stop.signal).then(() => void ended.push("it"));
  await given.clock.advance(5_000);
  expect(tries).toBe(2);
  for (let looks = 0; looks < 3; looks++) await given.clock.advance(5_000);
  expect([tries, ended]).toEqual([3, []]); // a service that ends by itself would end the server
  stop.abort();
  await running;
});

test("it is not done again once the server ends", async () => {
  const given = parts();
  let tries = 0;
  await writeAtStart("it", () => (tries++, Promise.reject(internalError("no"))), given);
  const stop = new AbortController();
  const running = given.started[0]!.run(stop.signal);
  stop.abort();
  await running;
  expect(tries).toBe(1);
});

test("what changes is written after each change, the last one until it is let", async () => {
  const given = parts();
  const facts = new ChangingValue("first");
  const written: string[] = [];
  let isRefused = false;
  writeOnChange(
    "it",
    async () => {
      if (isRefused) throw internalError("failed calling webhook");
      written.push(facts.current);
    },
    facts,
    given,
  );
  facts.set("before it runs");
  const running = given.started[0]!.run(given.stop.signal);
  await given.clock.advance(60_000);
  expect(written).toEqual(["before it runs"]);
  isRefused = true;
  facts.set("refused");
  await given.clock.advance(5_000);
  facts.set("last");
  await given.clock.advance(5_000);
  isRefused = false;
  for (let looks = 0; looks < 3; looks++) await given.clock.advance(5_000);
  expect([written, given.started.length]).toEqual([["before it runs", "last"], 1]);
  given.stop.abort();
  await running;
});
