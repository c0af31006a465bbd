import { expect, test } from "vitest";
import { inBatches } from "../../../engine/lib/batches.ts";

const lengths = { lengthOf: (text: string) => text.length, lengthMax: 4 };

test("a batch ends before it is too long, or has too many; what is longer alone stands alone", () => {
  expect([...inBatches(["aa", "bb", "c", "dddddd", "e"], lengths)]).toEqual([["aa", "bb"], ["c"], ["dddddd"], ["e"]]);
  expect([...inBatches(["a", "b", "c"], { ...lengths, itemsMax: 2 })]).toEqual([["a", "b"], ["c"]]);
  expect([...inBatches([], lengths)]).toEqual([]);
});

test("an item is made when the batch before its own has been taken", () => {
  const made: string[] = [];
  const items = ["aaa", "bbb", "ccc"].values().map((item) => (made.push(item), item));
  const batches = inBatches(items, lengths);
  batches.next();
  expect(made).toEqual(["aaa", "bbb"]); // the second shows that the first is full
});
