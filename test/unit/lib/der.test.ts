import { describe, expect, test } from "vitest";
import { der, derValues } from "../../../engine/lib/der.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("DER", () => {
  test.each([
    [0, "0400"],
    [127, "047f"],
    [128, "048180"],
    [255, "0481ff"],
    [256, "04820100"],
    [65_536, "0483010000"],
  ])("says in as few bytes as possible that %i follow", (size, start) => {
    const bytes = der.octets(new Uint8Array(size));
    expect(hex(bytes.subarray(0, start.length / 2))).toBe(start);
    expect(bytes).toHaveLength(start.length / 2 + size);
    expect(derValues(bytes)).toEqual([{ tag: 4, content: Buffer.alloc(size), bytes }]);
  });

  // X.690, 8.19.5, and the identifiers of RFC 8017 and RFC 5480
  test.each([
    ["2.999.3", "0603883703"],
    ["1.2.840.113549.1.1.11", "06092a864886f70d01010b"],
    ["1.2.840.10045.4.3.2", "06082a8648ce3d040302"],
    ["2.5.29.15", "0603551d0f"],
  ])("writes the identifier %s", (text, bytes) => {
    expect(hex(der.objectIdentifier(text))).toBe(bytes);
  });

  test.each([
    [[], "030100"],
    [[0], "03020780"],
    [[0, 5, 6], "03020186"],
    [[8], "0303070080"],
  ])("writes flags %j without what is behind the last", (numbers, bytes) => {
    expect(hex(der.flags(numbers))).toBe(bytes);
  });

  test.each([
    ["1950-01-01T00:00:00Z", 0x17, "500101000000Z"],
    ["2049-12-31T23:59:59.999Z", 0x17, "491231235959Z"],
    ["2050-01-01T00:00:00Z", 0x18, "20500101000000Z"],
    ["1949-12-31T23:59:59Z", 0x18, "19491231235959Z"],
  ])("writes %s with as many digits of the year as certificates want", (text, tag, content) => {
    expect(derValues(der.time(Date.parse(text)))).toMatchObject([{ tag, content: Buffer.from(content) }]);
  });

  test("takes apart what follows each other", () => {
    const parts = [der.integer(2), der.sequence(der.text("plain"), der.text("Ünicode")), der.nothing()];
    const values = derValues(Buffer.concat(parts));
    expect(values.map(({ bytes }) => bytes)).toEqual(parts);
    expect(derValues(values[1]!.content)).toMatchObject([
      { tag: 0x13, content: Buffer.from("plain") },
      { tag: 0x0c, content: Buffer.from("Ünicode") },
    ]);
  });

  test("takes nothing for whole that is cut off", () => {
    const bytes = der.sequence(der.integer(2), der.octets(new Uint8Array(300)));
    for (let length = 1; length < bytes.length; length++) expect(() => derValues(bytes.subarray(0, length))).toThrow();
  });
});
