import { expect, test } from "vitest";
import { Lock } from "../../../engine/lib/lock.ts";

test("one thing at a time is done, in order, also after a failure, and each asker gets what became of his own", async () => {
  const lock = new Lock();
  const said: string[] = [];
  const step =
    (name: string, fails = false) =>
    async () => {
      said.push(`${name} begins`);
      await Promise.resolve();
      said.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const all = await Promise.allSettled([lock.run(step("first", true)), lock.run(step("second")), lock.run(step("third"))]);
  expect(all.map((one) => (one.status === "fulfilled" ? one.value : (one.reason as Error).message))).toEqual(["first", "second", "third"]);
  expect(all.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
  expect(said).toEqual(["first begins", "first ends", "second begins", "second ends", "third begins", "third ends"]);
});
