import { expect, test } from "vitest";
import { judgeMachine } from "../../../node-agent/machine-problem.ts";

const HEAD = "Filename\tType\tSize\tUsed\tPriority\n";
const both = { failSwapOn: true, failCgroupv1: true };

test.each<[string, Parameters<typeof judgeMachine>[0], Parameters<typeof judgeMachine>[1], RegExp | undefined]>([
  ["runs on a machine without swap and with cgroups of version 2", both, { swaps: HEAD, hasCgroup2: true }, undefined],
  ["does not run where memory is swapped, if it was told so", both, { swaps: `${HEAD}/dev/sda2 partition 1 0 -2\n`, hasCgroup2: true }, /^the machine swaps/],
  ["does not run on cgroups of version 1, if it was told so", both, { swaps: HEAD, hasCgroup2: false }, /of version 1/],
  ["runs on both, if it was not", { failSwapOn: false, failCgroupv1: false }, { swaps: `${HEAD}/dev/sda2 partition 1 0 -2\n`, hasCgroup2: false }, undefined],
])("an agent %s", (_what, told, machine, expected) => {
  const problem = judgeMachine(told, machine);
  if (expected === undefined) expect(problem).toBeUndefined();
  else expect(problem).toMatch(expected);
});
