import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { keyPairProblem } from "../../../engine/apimachinery/key-pair.ts";
import { makeNamesakes } from "../../kit/namesakes.ts";

const { certificate, key } = await makeNamesakes("shop");
const other = await makeNamesakes("shop");
const { privateKey: rsa } = generateKeyPairSync("rsa", { modulusLength: 2048, privateKeyEncoding: { type: "pkcs1", format: "pem" }, publicKeyEncoding: { type: "spki", format: "pem" } });
const { privateKey: koblitz } = generateKeyPairSync("ec", { namedCurve: "secp256k1", privateKeyEncoding: { type: "sec1", format: "pem" }, publicKeyEncoding: { type: "spki", format: "pem" } });
const block = (type: string) => `-----BEGIN ${type}-----\nAAAA\n-----END ${type}-----\n`;

test.each<[string, string, string, string | undefined]>([
  ["they fit", certificate, key, undefined],
  ["they fit, with other things around them", `${block("X")}${certificate}${other.certificate}`, `${block("EC PARAMETERS")}${key}`, undefined],
  ["another's key", certificate, other.key, "tls: private key does not match public key"],
  ["a key of another type", certificate, rsa, "tls: private key type does not match public key type"],
  ["a key on a curve that nobody uses", certificate, koblitz, "tls: failed to parse private key"],
  ["no text", "", key, "tls: failed to find any PEM data in certificate input"],
  ["them in each other's place", key, certificate, "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"],
  ["no certificate", `${block("X")}${key}`, key, 'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [X PRIVATE KEY]'],
  ["no key's text", certificate, "x", "tls: failed to find any PEM data in key input"],
  ["a certificate for the key", certificate, certificate, "tls: found a certificate rather than a key in the PEM for the private key"],
  ["no key", certificate, block("X"), 'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [X]'],
  ["a certificate that is none", block("CERTIFICATE"), key, "x509: malformed certificate"],
  ["a key that is none", certificate, block("PRIVATE KEY"), "tls: failed to parse private key"],
])("of certificate and key, where there is %s, Go says what it says", (_, shown, held, problem) => {
  expect(keyPairProblem(shown, held)).toBe(problem);
});
