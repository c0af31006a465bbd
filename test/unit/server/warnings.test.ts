import { expect, test } from "vitest";
import { warningHeaders } from "../../../engine/server/http/response.ts";

test("warnings are told as they are, in UTF-8, as long as they are not too much together", () => {
  expect(warningHeaders([])).toEqual({});
  expect(warningHeaders(['a "b" \\ ü\n', "x".repeat(4_000)])).toEqual({ warning: ['299 - "a \\"b\\" \\\\ Ã¼?"', `299 - "${"x".repeat(4_000)}"`] });
});

test("where they are, each is cut, and the last ones are left out", () => {
  const { warning = [] } = warningHeaders(["y", "x".repeat(500_000), ...Array.from({ length: 60 }, (_, index) => `${index} ${"z".repeat(300)}`)]);
  expect(warning.slice(0, 3)).toEqual(['299 - "y"', `299 - "${"x".repeat(256)}"`, `299 - "0 ${"z".repeat(254)}"`]);
  expect(warning).toHaveLength(17);
});
