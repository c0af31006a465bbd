import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalAmount, canonicalQuantity, compareQuantities, formatQuantity, milliValue, parseQuantity, wholeValue } from "../../../engine/apimachinery/quantity.ts";

const suffixes = ["", "n", "u", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"];
const quantityText = fc.tuple(fc.integer({ min: 0, max: 99_999 }), fc.constantFrom(...suffixes)).map(([number, suffix]) => `${number}${suffix}`);

describe("quantities", () => {
  test.each([
    ["500m", 0.5],
    ["1Gi", 2 ** 30],
    ["0.1", 0.1],
    ["100m", 0.1],
    ["1e3", 1000],
    ["1E3", 1000],
    ["1E", 1e18],
    ["12e-1", 1.2],
    ["-1500m", -1.5],
    ["+2k", 2000],
    [".5", 0.5],
    ["5.", 5],
  ])("reads %s as %d units", (text, units) => expect(parseQuantity(text)).toBe(units));

  test.each(["", "K", "1K", "1e", " 1", "1 ", "1kk", "0x10", "NaN", "1_000", "m"])("refuses %j", (text) => expect(() => parseQuantity(text)).toThrow(/unable to parse quantity/));

  test.each([
    ["1kk", "unable to parse quantity's suffix"],
    ["1_000", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
    ["1e1000", "it is too large, or has blanks around it"],
  ])("says of %j what upstream's reader says", (text, why) => expect(() => parseQuantity(text)).toThrow(`unable to parse quantity ${JSON.stringify(text)}: ${why}`));

  test.each([
    ["1000m", "1"],
    ["1024Mi", "1Gi"],
    ["0.5", "500m"],
    ["10e2", "1e3"],
    ["0.1Gi", "107374182400m"],
    ["1.5Ki", "1536"],
    ["0.5Ki", "512"],
    ["0Gi", "0"],
    ["-1500m", "-1500m"],
    ["100000k", "100M"],
    ["9007199254740993", "9007199254740993"],
    ["0.0000000001", "1n"],
    ["1.5Gi", "1536Mi"],
    ["9Ei", "9223372036854775807"],
    ["-9Ei", "-9223372036854775807"],
    ["8Ki", "8Ki"],
    ["16Ki", "16Ki"],
    ["12.5n", "13n"],
    ["+1000k", "1M"],
    ["00", "0"],
    ["-0", "0"],
  ])("writes %s as %s", (text, canonical) => expect(canonicalQuantity(text)).toBe(canonical));

  test.each(["07Mi", "+9E", "5e3", "1E3", "010", "0010Ki", "9.", "0073Ki", "1e0"])("leaves %s as it is, as upstream's parser does, which takes it for canonical", (text) =>
    expect(canonicalQuantity(text)).toBe(text),
  );

  test.each([
    ["100n", "1m"],
    ["-100n", "-1m"],
    ["1.0005", "1001m"],
    ["250m", "250m"],
    ["1000m", "1"],
    ["1.5Gi", "1536Mi"],
    ["0", "0"],
  ])("keeps %s of a resource as %s", (text, amount) => expect(canonicalAmount(text)).toBe(amount));

  test("has one text for what is written twice", () => {
    fc.assert(
      fc.property(quantityText, (text) => {
        expect(canonicalQuantity(canonicalQuantity(text))).toBe(canonicalQuantity(text));
      }),
    );
  });

  test("keeps its size when it is written canonically", () => {
    fc.assert(
      fc.property(quantityText, (text) => {
        expect(parseQuantity(canonicalQuantity(text))).toBeCloseTo(parseQuantity(text), 9);
      }),
    );
  });

  test("are ordered by size, whatever their suffix", () => {
    const scales: Readonly<Record<string, bigint>> = { m: 1n, "": 1000n, k: 10n ** 6n, Ki: 1_024_000n, Mi: 1024n * 1_024_000n, G: 10n ** 12n };
    const sized = fc
      .tuple(fc.integer({ min: -9999, max: 9999 }), fc.constantFrom(...Object.keys(scales)))
      .map(([number, suffix]) => ({ text: `${number}${suffix}`, millis: BigInt(number) * scales[suffix]! }));
    fc.assert(
      fc.property(sized, sized, (a, b) => {
        expect(Math.sign(compareQuantities(a.text, b.text))).toBe(a.millis === b.millis ? 0 : a.millis < b.millis ? -1 : 1);
      }),
    );
    expect(["1Gi", "1G", "1100Mi", "1m"].sort(compareQuantities)).toEqual(["1m", "1G", "1Gi", "1100Mi"]);
  });

  test("round up when a count is wanted", () => {
    expect([milliValue("100m"), milliValue("0.1"), milliValue("1u"), wholeValue("1500m"), wholeValue("-1500m"), milliValue(2)]).toEqual([100, 100, 1, 2, -1, 2000]);
  });

  test("are written from numbers", () => {
    expect([formatQuantity(1536 * 1024, "BinarySI"), formatQuantity(0.25, "DecimalSI"), formatQuantity(1000, "BinarySI"), formatQuantity(2 ** 40, "BinarySI"), formatQuantity(0, "DecimalSI")]).toEqual(
      ["1536Ki", "250m", "1k", "1Ti", "0"],
    );
    expect(() => formatQuantity(Number.NaN, "DecimalSI")).toThrow();
  });
});
