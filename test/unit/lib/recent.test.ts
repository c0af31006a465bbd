import { expect, test } from "vitest";
import { RecentMap } from "../../../engine/lib/recent-map.ts";

test("what was made lately is found, what was made long before is not, and there is never more than twice the bound", () => {
  const recent = new RecentMap<number, string>(100);
  for (let index = 0; index < 1_000; index++) {
    recent.set(index, `value ${index}`, 10);
    for (let back = 0; back < 10; back++) if (index >= back) expect(recent.get(index - back)).toBe(`value ${index - back}`);
    expect(recent.get(index - 20)).toBeUndefined();
  }
});
