import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { describe, expect, test } from "vitest";
import { contentOf, parseCertificateRequest } from "../../../engine/apimachinery/certificate-request.ts";
import { Authenticator, type ClientCertificate } from "../../../engine/auth/authenticate.ts";
import { CertificateVerifier } from "../../../engine/auth/authentication/client-certificate.ts";
import { readCertificateFields } from "../../../engine/auth/certificate-fields.ts";
import { extension, keyIdOf, PURPOSE, signCertificate, signCertificateRequest } from "../../../engine/auth/certificate-form.ts";
import { generateTokenKey, ServiceAccountTokens } from "../../../engine/auth/service-account-token.ts";
import { der } from "../../../engine/lib/der.ts";
import { toPem } from "../../../engine/lib/pem.ts";
import { seededRandom } from "../../../engine/lib/random.ts";

const nowMs = Date.parse("2026-01-01T00:00:00Z");
const [CN, O, UID] = ["2.5.4.3", "2.5.4.10", "1.3.6.1.4.1.57683.2"];
const text = (value: string) => der.text(value);
const attribute = (type: string, value: Buffer) => der.sequence(der.objectIdentifier(type), value);
/** Each a name of its own, or several that stand for one. */
const subject = (...names: readonly (readonly [string, Buffer] | readonly (readonly [string, Buffer])[])[]) =>
  der.sequence(
    ...names.map((one) =>
      der.set(...(typeof one[0] === "string" ? [one as readonly [string, Buffer]] : (one as readonly (readonly [string, Buffer])[])).map(([type, value]) => attribute(type, value))),
    ),
  );
const odd = (type: string, content: Buffer, isCritical: boolean) => der.sequence(der.objectIdentifier(type), ...(isCritical ? [der.boolean(true)] : []), der.octets(content));
const authorityWithin = (below: number) => odd("2.5.29.19", der.sequence(der.boolean(true), der.integer(below)), true);
const client = extension.extendedKeyUsage([PURPOSE.clientAuth]);
const anAuthority = extension.basicConstraints(true);

interface Issued {
  readonly name: Buffer;
  readonly key: KeyObject;
  readonly keyId: Buffer;
  readonly bytes: Buffer;
}

function issued(by: Issued | undefined, name: Buffer, extensions: readonly Buffer[]): Issued {
  const { privateKey: key, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const own = { name, key, keyId: keyIdOf(spki) };
  return { ...own, bytes: signCertificate(by ?? own, { subject: name, publicKey: spki, notBeforeMs: nowMs - 1_000, notAfterMs: nowMs + 1_000_000, extensions }) };
}

const root = issued(undefined, subject([CN, text("root")]), [anAuthority]);
const verifier = new CertificateVerifier(toPem("CERTIFICATE", root.bytes));
const shownAs = (...chain: readonly Issued[]): ClientCertificate => ({ ...readCertificateFields(chain[0]?.bytes ?? Buffer.alloc(0)), fingerprint: "ab", chain: chain.map(({ bytes }) => bytes) });
const isTrusted = (...chain: readonly Issued[]) => verifier.isTrusted(shownAs(...chain), nowMs);

describe("a chain of certificates", () => {
  const through = (...extensions: readonly Buffer[]) => issued(root, subject([CN, text("between")]), extensions);
  const dns = (tag: number, name: string) => der.sequence(der.numbered(tag, der.sequence(der.numberedBytes(2, Buffer.from(name)))));
  const constrained = (content: Buffer) => odd("2.5.29.30", content, true);
  const ofDirectories = der.sequence(der.numbered(1, der.sequence(der.numbered(4, subject([CN, text("x")])))));
  const jane = (by: Issued, ...extensions: readonly Buffer[]) => issued(by, subject([CN, text("jane")]), extensions.length === 0 ? [client] : extensions);

  test.each<[boolean, string, Buffer[], Buffer[]?]>([
    [true, "an authority between", [anAuthority]],
    [false, "one that is no authority", [extension.basicConstraints(false)]],
    [false, "one that does not say that it is one", []],
    [false, "one that may not sign", [anAuthority, extension.keyUsage(["digitalSignature"])]],
    [false, "one for servers", [anAuthority, extension.extendedKeyUsage([PURPOSE.serverAuth])]],
    [true, "one for clients", [anAuthority, client]],
    [true, "one for anything", [anAuthority, extension.extendedKeyUsage([PURPOSE.any])]],
    [true, "one that has no authorities below itself, and has none", [authorityWithin(0)]],
    [false, "one that demands what nobody understands", [anAuthority, odd("1.2.3.4.5", der.nothing(), true)]],
    [true, "one that tells what nobody understands", [anAuthority, odd("1.2.3.4.5", der.nothing(), false)]],
    [false, "one that is bound in names of the kind that are there", [anAuthority, constrained(dns(1, "bad.example"))], [client, extension.alternativeNames(["good.example"], [])]],
    [true, "one that is bound in names of another kind", [anAuthority, constrained(dns(1, "bad.example"))], [client, extension.alternativeNames([], ["10.0.0.1"])]],
    [false, "one that is bound in what nobody judges", [anAuthority, constrained(ofDirectories)]],
  ])("is good or not (%s): %s", (isGood, _what, extensions, own = []) => {
    const between = through(...extensions);
    expect(isTrusted(jane(between, ...own), between)).toBe(isGood);
  });

  test("goes over no more authorities than each allows", () => {
    const [narrow, wide] = [through(authorityWithin(0)), through(authorityWithin(1))];
    for (const [first, isGood] of [
      [narrow, false],
      [wide, true],
    ] as const) {
      const second = issued(first, subject([CN, text("second")]), [anAuthority]);
      expect(isTrusted(jane(second), second, first)).toBe(isGood);
    }
  });

  test("does not begin with what demands something that nobody understands, and may be one that is trusted by itself", () => {
    expect(isTrusted(jane(root, client, odd("1.2.3.4.5", der.nothing(), true)))).toBe(false);
    const alone = jane(through(anAuthority));
    expect(new CertificateVerifier(toPem("CERTIFICATE", alone.bytes)).isTrusted(shownAs(alone), nowMs)).toBe(true);
  });

  test.each([
    ["sha1", "1.2.840.10045.4.1", false],
    ["sha256", "1.2.840.10045.4.3.2", true],
    ["sha384", "1.2.840.10045.4.3.3", true],
  ])("is good with signatures that nobody can forge: %s", (digest, algorithm, isGood) => {
    const { bytes, ...own } = jane(root);
    // The same again, with another algorithm in both places.
    const [weak, known] = [der.sequence(der.objectIdentifier(algorithm)), der.sequence(der.objectIdentifier("1.2.840.10045.4.3.2"))];
    const content = der.sequence(contentOfSequence(contentOfSequence(bytes), true, known, weak));
    expect(isTrusted({ ...own, bytes: der.sequence(content, weak, der.bits(sign(digest, content, root.key))) })).toBe(isGood);
  });
});

/** What is in a sequence, or in the first of its parts with one text for another. */
function contentOfSequence(bytes: Buffer, isReplaced = false, known: Buffer = Buffer.alloc(0), other: Buffer = Buffer.alloc(0)): Buffer {
  const sizeBytes = (bytes[1] ?? 0) < 0x80 ? 0 : (bytes[1] ?? 0) & 0x7f;
  const size = sizeBytes === 0 ? (bytes[1] ?? 0) : bytes.readUIntBE(2, sizeBytes);
  const content = bytes.subarray(2 + sizeBytes, 2 + sizeBytes + size);
  if (!isReplaced) return content;
  const at = content.indexOf(known);
  return Buffer.concat([content.subarray(0, at), other, content.subarray(at + known.length)]);
}

describe("the user of a certificate", () => {
  const clock = { now: () => nowMs, monotonic: () => nowMs, after: () => () => {} };
  const lookup = { serviceAccount: async () => undefined, pod: async () => undefined, secret: async () => undefined, node: async () => undefined, secretObject: async () => undefined };
  const tokens = new ServiceAccountTokens(generateTokenKey(), clock, seededRandom(1));
  const authenticator = new Authenticator({ tokens, lookup, clock, clientAuthority: verifier });
  const userOf = async (name: Buffer) => {
    const { extra: _extra, ...user } = await authenticator.authenticate({ certificate: shownAs(issued(root, name, [client])) });
    return user;
  };
  const bmp = (value: string) => Buffer.concat([Buffer.of(0x1e, 2 * value.length), Buffer.from(value, "utf16le").swap16()]);
  const universal = Buffer.concat([Buffer.of(0x1c, 4), Buffer.from([0, 0, 0, 0x78])]);

  test("has the last of several names, as every program that is written in Go reads it, and so is a request for one judged", async () => {
    const name = subject(
      [CN, text("system:node:n1")],
      [O, text("a")],
      [
        [CN, text("admin")],
        [O, text("b")],
      ],
    );
    expect(await userOf(name)).toEqual({ username: "admin", groups: ["a", "b", "system:authenticated"] });
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const request = toPem("CERTIFICATE REQUEST", signCertificateRequest(privateKey, name, publicKey.export({ type: "spki", format: "der" }), []));
    expect(contentOf(parseCertificateRequest(request)).commonName).toBe("admin");
  });

  test.each<[string, Buffer, object]>([
    ["an id of its own", subject([CN, text("jane")], [UID, text("7")]), { username: "jane", uid: "7", groups: ["system:authenticated"] }],
    ["a name in two bytes a letter", subject([CN, bmp("jän")]), { username: "jän", groups: ["system:authenticated"] }],
    ["a second name that is in no known alphabet", subject([CN, text("jane")], [CN, universal]), { username: "jane", groups: ["system:authenticated"] }],
    ["the name of nobody in particular", subject([CN, text("system:anonymous")]), { username: "system:anonymous", groups: [] }],
    ["the group of strangers", subject([O, text("system:unauthenticated")], [CN, text("x")]), { username: "x", groups: ["system:unauthenticated"] }],
    ["the group of all", subject([O, text("system:authenticated")], [CN, text("x")]), { username: "x", groups: ["system:authenticated"] }],
  ])("is told with %s", async (_what, name, user) => {
    expect(await userOf(name)).toEqual(user);
  });

  test.each<[string, Buffer]>([
    ["two ids", subject([CN, text("jane")], [UID, text("7")], [UID, text("8")])],
    ["an empty id", subject([CN, text("jane")], [UID, text("")])],
    ["an id that is no text", subject([CN, text("jane")], [UID, universal])],
    ["an empty name behind another", subject([CN, text("jane")], [CN, text("")])],
  ])("is nobody with %s", async (_what, name) => {
    await expect(userOf(name)).rejects.toMatchObject({ reason: "Unauthorized" });
  });
});
