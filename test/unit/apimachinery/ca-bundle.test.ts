import { rootCertificates } from "node:tls";
import { expect, test } from "vitest";
import { caBundleError } from "../../../engine/apimachinery/ca-bundle.ts";

const [root = ""] = rootCertificates;
const errorOf = (text: string) => caBundleError(Buffer.from(text).toString("base64"));

test.each([
  ["one authority", root, undefined],
  ["one beside what is none", `-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n${root}`, undefined],
  ["one after a beginning without an end", `-----BEGIN CERTIFICATE-----\nAAAA\n${root}`, undefined],
  ["no block", "hello", "unable to parse bytes as PEM block"],
  ["ends of something else", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END KEY-----\n", "unable to parse bytes as PEM block"],
  ["no certificate", "-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n", "no valid certificate authority data seen"],
  ["a certificate that is none", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "malformed certificate"],
])("a bundle with %s", (_, text, error) => {
  if (error === undefined) expect(errorOf(text)).toBeUndefined();
  else expect(errorOf(text)).toContain(error);
});

test("a megabyte of beginnings takes no longer than one of anything", () => {
  const before = process.cpuUsage();
  expect(errorOf("-----BEGIN CERTIFICATE-----\n".repeat(37_000))).toContain("unable to parse bytes");
  // In quadratic time a minute.
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(5);
});
