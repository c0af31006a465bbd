import { expect, test } from "vitest";
import { KeyedLocks } from "../../../engine/lib/keyed-locks.ts";

test("one thing at a time is done for each key, in order, also after a failure", async () => {
  const locks = new KeyedLocks();
  const done: string[] = [];
  const step =
    (name: string, fails = false) =>
    async () => {
      await Promise.resolve();
      done.push(name);
      if (fails) throw new Error(name);
    };
  const all = await Promise.allSettled([locks.run(["v"], step("first", true)), locks.run(["v"], step("second")), locks.run(["w"], step("other"))]);
  expect(all.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
  expect(done).toEqual(["first", "other", "second"]);
});

test("who wants several keys has all of them at once, whatever the order in which others name them", async () => {
  const locks = new KeyedLocks();
  const said: string[] = [];
  const step = (name: string) => async () => {
    said.push(`${name} begins`);
    await Promise.resolve();
    said.push(`${name} ends`);
  };
  await Promise.all([locks.run(["a", "b"], step("ab")), locks.run(["b", "a"], step("ba")), locks.run(["b"], step("b"))]);
  expect(said).toEqual(["ab begins", "ab ends", "ba begins", "ba ends", "b begins", "b ends"]);
});
