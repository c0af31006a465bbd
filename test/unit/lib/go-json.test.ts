import { expect, test } from "vitest";
import { goJson, sortedGoJson } from "../../../engine/lib/go-json.ts";

test("what could end a script in a page is escaped, in names too", () => {
  expect(goJson({ "<b>": "a & b\u2028" })).toBe('{"\\u003cb\\u003e":"a \\u0026 b\\u2028"}');
});

test.each<[unknown, string]>([
  [{ b: 1, a: { d: [{ y: null, x: true }], c: "" } }, '{"a":{"c":"","d":[{"x":true,"y":null}]},"b":1}'],
  // Names that look like numbers are names: objects of JavaScript keep them in an order of their own.
  [{ "9": 1, "10": 2 }, '{"10":2,"9":1}'],
  [{ a: undefined, b: [undefined] }, '{"b":[null]}'],
  [{ n: 2n ** 62n, empty: {}, none: [] }, '{"empty":{},"n":4611686018427387904,"none":[]}'],
])("maps have their keys in order: %#", (value, text) => {
  expect(sortedGoJson(value)).toBe(text);
});

test("with an indent every item has its line, but for empty lists and maps", () => {
  expect(sortedGoJson({ b: [1, { c: "<" }], a: {}, d: [] }, 2)).toBe('{\n  "a": {},\n  "b": [\n    1,\n    {\n      "c": "\\u003c"\n    }\n  ],\n  "d": []\n}');
});
