import { expect, test } from "vitest";
import { TerminalSizes } from "../../../../node-agent/streaming/terminal-sizes.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const size = (width: number) => Buffer.from(`{"Width":${width},"Height":24}\n`);

function aTerminal() {
  const clock = new VirtualClock();
  const passed: string[] = [];
  const sizes = new TerminalSizes(clock, (bytes) => passed.push(bytes.toString()));
  return { clock, passed, sizes };
}

test("of many sizes of a terminal the first and the last arrive, and of a longer flood some between", async () => {
  const { clock, passed, sizes } = aTerminal();
  for (let width = 1; width <= 1_000; width++) sizes.take(size(width));
  expect(passed).toEqual([`${size(1)}`]);
  await clock.advance(1_000);
  expect(passed).toEqual([`${size(1)}`, `${size(1_000)}`]);
  for (let width = 1; width <= 100; width++) {
    sizes.take(size(width));
    await clock.advance(10);
  }
  await clock.advance(1_000);
  expect(passed.at(-1)).toBe(`${size(100)}`);
  expect(passed.length).toBeLessThan(2 + 25);
});

test("a size that comes in parts arrives whole, and after what came before it", async () => {
  const { clock, passed, sizes } = aTerminal();
  for (const text of [`${size(1)}`, `${size(2)}`, '{"Width":3,', '"Height":24}', `${size(4)}`]) sizes.take(Buffer.from(text));
  await clock.advance(1_000);
  expect(passed).toEqual([`${size(1)}`, `${size(2)}`, '{"Width":3,', '"Height":24}', `${size(4)}`]);
});

test("nothing is said to a terminal that is gone", async () => {
  const { clock, passed, sizes } = aTerminal();
  for (const width of [1, 2]) sizes.take(size(width));
  sizes.end();
  await clock.advance(1_000);
  expect(passed).toEqual([`${size(1)}`]);
});
