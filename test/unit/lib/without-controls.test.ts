import { expect, test } from "vitest";
import { jsonWithoutControls, quoteControls, withoutControls } from "../../../engine/lib/without-controls.ts";

test.each([
  ["a title of its own", "\u001b]0;mine\u0007ok", "?]0;mine?ok"],
  ["the same by one character", "\u009d0;mine\u009c\u0090ok", "?0;mine??ok"],
  ["a line over another", "refused\rhealthy\b", "refused?healthy?"],
  ["what follows in the order it has", "\u202eyaml.exe\u202c\u2066a\u2069", "?yaml.exe??a?"],
  ["lines and columns, and letters of all sorts", "a\tb\nçé 🟩", "a\tb\nçé 🟩"],
])("a terminal is shown %s as text", (_what, text, shown) => expect(withoutControls(text)).toBe(shown));

test("JSON for a terminal says the same, without a byte that would steer it", () => {
  const value = { message: "a\u009b31mb\u007f\u001b[0m – ü" };
  const json = jsonWithoutControls(JSON.stringify(value));
  expect(json).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  expect(JSON.parse(json)).toEqual(value);
});

test("a name that turns what follows it around is quoted, and is the same behind the quotes", () => {
  const name = "apps/\u202elmay.txt";
  expect(quoteControls(name)).toBe('"apps/\\u202elmay.txt"');
  expect(JSON.parse(quoteControls(name))).toBe(name);
});
