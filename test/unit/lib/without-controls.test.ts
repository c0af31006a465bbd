import { expect, test } from "vitest";
import { withoutControls } from "../../../engine/lib/without-controls.ts";

test.each([
  ["a title of its own", "\u001b]0;mine\u0007ok", "?]0;mine?ok"],
  ["the same by one character", "\u009d0;mine\u009c\u0090ok", "?0;mine??ok"],
  ["a line over another", "refused\rhealthy\b", "refused?healthy?"],
  ["lines and columns, and letters of all sorts", "a\tb\nçé 🟩", "a\tb\nçé 🟩"],
])("a terminal is shown %s as text", (_what, text, shown) => expect(withoutControls(text)).toBe(shown));
