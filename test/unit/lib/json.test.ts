import { describe, expect, test } from "vitest";
import { parseJson, wholeNumber } from "../../../engine/lib/json.ts";

describe("whole numbers of 64 bits", () => {
  test.each(["9223372036854775807", "-9223372036854775808", "9007199254740993", "1234567890123456789"])("%s comes out of JSON as it went in", (digits) => {
    const text = `{"a":${digits},"b":[${digits}],"c":"${digits}"}`;
    expect(JSON.stringify(parseJson(text))).toBe(text);
    expect((parseJson(text) as { readonly a: unknown }).a).toBe(BigInt(digits));
  });

  test("are plain numbers wherever these are exact", () => {
    expect(parseJson('[1, -9007199254740991, 9007199254740992, 0.1, 1e3, "1234567890123456789"]')).toEqual([1, -9007199254740991, 9007199254740992, 0.1, 1000, "1234567890123456789"]);
  });

  test("end at 64 bits: beyond, numbers are doubles, as in Go", () => {
    expect(wholeNumber("9223372036854775808")).toBe(2 ** 63);
    expect(parseJson("100000000000000000000")).toBe(1e20);
  });

  test("do not hide an error of the text", () => {
    expect(() => parseJson('{"a":12345678901234567,}')).toThrow(SyntaxError);
  });
});

test.each(["1e400", "-1E+400", `1${"0".repeat(400)}`, "0.000000000000000000001e999"])("a number beyond all that there are (%.20s) is an error in Go's words", (number) => {
  expect(() => parseJson(`{"a":[${number}]}`)).toThrow(`cannot unmarshal number ${number} into Go value of type float64`);
  expect(parseJson(`{"a":"${number}, ${number}"}`)).toEqual({ a: `${number}, ${number}` });
});

test("digits without number are a number as soon as others", () => {
  const before = process.cpuUsage();
  expect(wholeNumber("1".repeat(3_000_000))).toBe(Infinity);
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(300);
  expect(wholeNumber("-0000000000000000000009223372036854775807")).toBe(-9223372036854775807n);
});
