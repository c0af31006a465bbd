import { describe, expect, test } from "vitest";
import { findCondition, isConditionTrue, withCondition, type ConditionLike } from "../../../engine/apimachinery/conditions.ts";
import { scaledValue } from "../../../engine/apimachinery/int-or-string.ts";

describe("conditions", () => {
  const ready = { type: "Ready", status: "True", reason: "Up", lastTransitionTime: "t0" };
  const list: readonly ConditionLike[] = [{ type: "Other", status: "False", lastTransitionTime: "t0" }, ready];

  test("are found by type", () =>
    expect([findCondition(list, "Ready"), findCondition(undefined, "Ready"), isConditionTrue(list, "Ready"), isConditionTrue(list, "Other")]).toEqual([ready, undefined, true, false]));

  test("keep their time while the status stays", () => {
    expect(withCondition(list, { type: "Ready", status: "True", reason: "Better" }, "t1")[1]).toEqual({ type: "Ready", status: "True", reason: "Better", lastTransitionTime: "t0" });
  });

  test("get a new time when the status changes", () => {
    expect(withCondition(list, { type: "Ready", status: "False", reason: "Down" }, "t1")[1]).toEqual({ type: "Ready", status: "False", reason: "Down", lastTransitionTime: "t1" });
  });

  test("are added at the end", () => expect(withCondition(undefined, { type: "New", status: "True" }, "t1")).toEqual([{ type: "New", status: "True", lastTransitionTime: "t1" }]));

  test("give the very same list back when nothing was said anew", () => {
    expect(withCondition(list, { type: "Ready", status: "True", reason: "Up" }, "t1")).toBe(list);
    const observed = [{ ...ready, observedGeneration: 1 }];
    expect(withCondition(observed, { ...ready, observedGeneration: 1, lastTransitionTime: "t9" }, "t9")).toBe(observed);
    expect(withCondition(observed, { ...ready, observedGeneration: 2 }, "t9")).not.toBe(observed);
  });
});

describe("int or percentage", () => {
  test("rounds as asked", () =>
    expect([scaledValue(3, 10, true), scaledValue("25%", 10, true), scaledValue("25%", 10, false), scaledValue("0%", 10, true), scaledValue("100%", 0, true)]).toEqual([3, 3, 2, 0, 0]));
  test.each(["25", "x%", "-5%", "2.5%", ""])("refuses %j", (text) => expect(() => scaledValue(text, 10, true)).toThrow(/percentage/));
});
