import { expect, test } from "vitest";
import { goJsonType, goText, goType } from "../../../engine/apimachinery/go-text.ts";

test("values are shown as Go shows them", () => {
  expect(goText({ b: [1, "x", null], a: { on: true } })).toBe("map[a:map[on:true] b:[1 x <nil>]]");
});

test("numbers that no whole number of Go holds are floats", () => {
  expect([goText(2n ** 63n), goType(2n ** 63n), goText(1_234_567.5), goType(1e19)]).toEqual(["9.223372036854776e+18", "float64", "1.2345675e+06", "float64"]);
  expect([goText(2n ** 62n), goType(2n ** 62n)]).toEqual(["4611686018427387904", "int64"]);
});

test("the decoder has a word for each type of JSON", () => {
  expect([[], null, true, 2n ** 60n, 1.5, "x", {}].map(goJsonType)).toEqual(["array", "null", "bool", "number", "number", "string", "object"]);
});
