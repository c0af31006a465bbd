import { expect, test } from "vitest";
import { goText } from "../../../engine/apimachinery/go-text.ts";

test("values are shown as Go shows them", () => {
  expect(goText({ b: [1, "x", null], a: { on: true } })).toBe("map[a:map[on:true] b:[1 x <nil>]]");
});
