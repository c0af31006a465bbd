import { describe, expect, it } from "vitest";
import { expand, expandAll } from "../../../../../node-agent/pods/container-config/expand.ts";
import { processorMs } from "../../../../kit/processor-time.ts";

describe("expand", () => {
  it.each([
    ["$(A)", "1"],
    ["x$(A)y$(B)", "x1y2"],
    ["$$(A)", "$(A)"],
    ["$(UNKNOWN)", "$(UNKNOWN)"],
    ["$A", "$A"],
    ["$(A$$", "$(A$"],
    ["$(A)$(", "1$("],
    [")$(A", ")$(A"],
    ["$($(A))", "$($(A))"],
  ])("turns %s into %s", (text, expected) => {
    expect(
      expand(
        text,
        new Map([
          ["A", "1"],
          ["B", "2"],
        ]),
      ),
    ).toBe(expected);
  });

  it("takes no longer for many beginnings of references than for many references", () => {
    const timeOf = (text: string) => {
      return processorMs(() => expand(text, new Map([["A", ""]])));
    };
    timeOf("$(A)".repeat(30_000));
    expect(timeOf("$(".repeat(60_000))).toBeLessThan(20 * timeOf("$(A)".repeat(30_000)) + 50);
  });

  it("makes nothing that is longer than a program can be given", () => {
    const values = new Map([["A", "x".repeat(1000)]]);
    expect(expand("$(A)".repeat(131), values)).toHaveLength(131_000);
    expect(() => expand("$(A)".repeat(132), values)).toThrow("longer than 131072 bytes");
    expect(() =>
      expandAll(
        Array.from({ length: 100 }, () => "$(A)".repeat(131)),
        values,
      ),
    ).toThrow("a command with its variables is longer than");
  });
});
