import { expect, test } from "vitest";
import { certificatesIn, pemBlocks } from "../../../engine/lib/pem.ts";
import { processorMs } from "../../kit/processor-time.ts";

const block = (type: string, content = "\nAAAA\n") => `-----BEGIN ${type}-----${content}-----END ${type}-----`;

test.each<readonly [string, string, readonly string[]]>([
  ["nothing", "", []],
  ["one", block("CERTIFICATE"), ["CERTIFICATE"]],
  ["several, with text around them", `a\n${block("CERTIFICATE")}\r\nb\n${block("RSA PRIVATE KEY")}\n`, ["CERTIFICATE", "RSA PRIVATE KEY"]],
  ["one without an end", "-----BEGIN CERTIFICATE-----\nAAAA\n", []],
  ["one that ends as another", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END KEY-----", []],
  ["one behind one without an end", `-----BEGIN CERTIFICATE-----\nAAAA\n${block("KEY")}`, ["KEY"]],
  ["one with headers", block("KEY", "\nProc-Type: 4,ENCRYPTED\n\nAAAA\n"), ["KEY"]],
])("a text with %s", (_what, text, types) => {
  expect(pemBlocks(text).map(({ type }) => type)).toEqual(types);
  for (const { type, pem, content } of pemBlocks(text)) {
    expect(text).toContain(pem);
    expect(pem).toBe(`-----BEGIN ${type}-----${content}-----END ${type}-----`);
  }
});

test("certificates are told from other blocks", () => {
  expect(certificatesIn(`${block("CERTIFICATE")}\n${block("KEY")}\n${block("CERTIFICATE", "\nBBBB\n")}`)).toEqual([block("CERTIFICATE"), block("CERTIFICATE", "\nBBBB\n")]);
});

test("many beginnings cost no more than their number", () => {
  const read = (count: number) => processorMs(() => expect(pemBlocks("-----BEGIN CERTIFICATE-----\n".repeat(count))).toEqual([]));
  expect(read(200_000) / read(10_000)).toBeLessThan(130); // their square is four hundred times as much
});
