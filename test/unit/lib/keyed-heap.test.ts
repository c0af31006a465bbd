import * as fc from "fast-check";
import { expect, test } from "vitest";
import { KeyedHeap } from "../../../engine/lib/keyed-heap.ts";

const change = fc.oneof(
  fc.record({ do: fc.constant("set" as const), key: fc.constantFrom(..."abcdefghijklmnop"), value: fc.nat(6) }),
  fc.record({ do: fc.constant("delete" as const), key: fc.constantFrom(..."abcdefghijklmnop") }),
);

test("the first of a heap is the first of all by its order, and of equals the one that was added first, whatever was replaced or taken out", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 80 }), (changes) => {
      const heap = new KeyedHeap<number>((one, other) => one < other);
      const all = new Map<string, number>();
      for (const next of changes) {
        if (next.do === "set") {
          heap.set(next.key, next.value);
          all.set(next.key, next.value);
        } else {
          heap.delete(next.key);
          all.delete(next.key);
        }
        expect([heap.size, heap.first, heap.get("c")]).toEqual([all.size, all.size === 0 ? undefined : Math.min(...all.values()), all.get("c")]);
      }
      const pairs = new KeyedHeap<readonly [string, number]>(([, one], [, other]) => one < other);
      for (const [key, value] of all) pairs.set(key, [key, value]);
      const taken: string[] = [];
      for (let first = pairs.first; first !== undefined; first = pairs.first) {
        taken.push(first[0]);
        pairs.delete(first[0]);
      }
      expect(taken).toEqual([...all].sort(([, one], [, other]) => one - other).map(([key]) => key));
    }),
  );
});
