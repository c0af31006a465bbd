import { expect, test } from "vitest";
import { mapConcurrently } from "../../../engine/lib/map-concurrently.ts";
import { Turns } from "../../../engine/lib/turns.ts";

/** How many calls of `during` fall between two turns of everything else. */
async function piecesPerTurn(work: (during: () => void) => Promise<unknown>): Promise<number> {
  let most = 0;
  let now = 0;
  let isOver = false;
  const turn = () => {
    most = Math.max(most, now);
    now = 0;
    if (!isOver) setImmediate(turn);
  };
  turn();
  await work(() => now++);
  isOver = true;
  return Math.max(most, now);
}

test("work that never waits gives everything else its turn after so many pieces, however many do it", async () => {
  const turns = new Turns(10);
  const worker = async (during: () => void) => {
    for (let piece = 0; piece < 50; piece++) {
      await turns.next();
      during();
    }
  };
  expect(await piecesPerTurn((during) => Promise.all([worker(during), worker(during), worker(during)]))).toBeLessThanOrEqual(10);
});

test("calls that are answered out of memory hold up nobody", async () => {
  const items = Array.from({ length: 500 }, (_, index) => index);
  let results: readonly number[] = [];
  expect(
    await piecesPerTurn(
      async (during) =>
        (results = await mapConcurrently(items, 16, async (item) => {
          during();
          return item;
        })),
    ),
  ).toBeLessThanOrEqual(20);
  expect(results).toEqual(items);
});
