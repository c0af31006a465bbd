import { describe, expect, it } from "vitest";
import { chooseLeaked } from "../../../node-agent/cri/leaked-shims.ts";

const shim = (pid: number, id: string) => ({ pid, id, program: "containerd-shim-runc-v2" });
const pids = (found: readonly { readonly pid: number }[]) => found.map(({ pid }) => pid);

describe("shims without a sandbox", () => {
  it("are ended soon when they were there before the agent, and later when they may be of a call under way", () => {
    const since = new Map<number, number>();
    const look = (nowMs: number) => pids(chooseLeaked([shim(1, "a"), shim(2, "b"), shim(3, "c")], new Set(["a"]), new Set([1, 2]), since, nowMs));
    expect(look(0)).toEqual([]);
    expect(look(7_999)).toEqual([]);
    expect(look(8_000)).toEqual([2]);
    expect(look(299_999)).toEqual([2]);
    expect(look(300_000)).toEqual([2, 3]);
  });

  it("are left alone once their sandbox is known, and begin anew when it is not", () => {
    const since = new Map<number, number>();
    const look = (sandboxes: string[], nowMs: number) => pids(chooseLeaked([shim(1, "a")], new Set(sandboxes), new Set([1]), since, nowMs));
    expect(look([], 0)).toEqual([]);
    expect(look(["a"], 8_000)).toEqual([]);
    expect(look([], 16_000)).toEqual([]);
    expect(look([], 24_000)).toEqual([1]);
  });
});
