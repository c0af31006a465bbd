import { generateKeyPairSync, webcrypto, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { createAuthority, createSigningRequest, issueCertificate, signAsRequested, type KeyPair } from "../../../engine/auth/certificates.ts";
import { contentOf, parseCertificateRequest } from "../../../engine/apimachinery/certificate-request.ts";
import { loadX509 } from "../../../engine/lib/late-modules.ts";

const HOUR_MS = 3_600_000;
const times = { notBeforeMs: Math.floor(Date.now() / 1000) * 1000 - HOUR_MS, notAfterMs: Math.floor(Date.now() / 1000) * 1000 + HOUR_MS };
const server = { commonName: "server", usage: "serving" as const, ...times };
const x509 = loadX509();

let cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const close of cleanUp) close();
  cleanUp = [];
});

describe("a certificate", () => {
  test("is read by another library as it was meant", async () => {
    const authority = await createAuthority("the authority", times.notBeforeMs, times.notAfterMs);
    const { certificate } = await issueCertificate(authority, {
      ...server,
      usage: "peer",
      organizations: ["first", "zweite Gruppe (ä)"],
      dnsNames: ["localhost", "*.example.org"],
      ipAddresses: ["127.0.0.1", "fd00::1"],
    });
    const [ca, own] = [new x509.X509Certificate(authority.certificate), new x509.X509Certificate(certificate)];
    expect(own.subjectName.toJSON()).toEqual([{ O: ["first"] }, { O: ["zweite Gruppe (ä)"] }, { CN: ["server"] }]);
    expect(own.issuer).toBe("CN=the authority");
    expect([own.notBefore.getTime(), own.notAfter.getTime()]).toEqual([times.notBeforeMs, times.notAfterMs]);
    expect(own.serialNumber).toMatch(/^[4-7][0-9a-f]{31}$/);
    expect(await own.verify({ publicKey: ca.publicKey })).toBe(true);
    expect(own.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON()).toEqual([
      { type: "dns", value: "localhost" },
      { type: "dns", value: "*.example.org" },
      { type: "ip", value: "127.0.0.1" },
      { type: "ip", value: "fd00::1" },
    ]);
    expect(own.getExtension(x509.BasicConstraintsExtension)).toMatchObject({ ca: false, critical: true });
    expect(own.getExtension(x509.KeyUsagesExtension)).toMatchObject({ usages: x509.KeyUsageFlags.digitalSignature, critical: true });
    expect(own.getExtension(x509.ExtendedKeyUsageExtension)?.usages).toEqual([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]);
    expect(ca.getExtension(x509.BasicConstraintsExtension)).toMatchObject({ ca: true, critical: true });
    const flags = x509.KeyUsageFlags;
    expect(ca.getExtension(x509.KeyUsagesExtension)?.usages).toBe(flags.keyCertSign | flags.cRLSign | flags.digitalSignature);
    const keyId = await x509.SubjectKeyIdentifierExtension.create(await ca.publicKey.export());
    expect(ca.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId).toBe(keyId.keyId);
    expect(own.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId).toBe(keyId.keyId);
  });

  test.each([
    ["P-256", { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }],
    ["P-384", { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" }],
    ["P-521", { name: "ECDSA", namedCurve: "P-521", hash: "SHA-512" }],
    ["RSA", { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", publicExponent: Uint8Array.of(1, 0, 1), modulusLength: 2048 }],
  ])("of an operator's authority is trusted by who trusts that, however it tells its key (%s)", async (_, algorithm) => {
    for (const keyId of ["00112233445566778899", undefined])
      expect(await greeting(await operatorsAuthority(algorithm, keyId === undefined ? [] : [new x509.SubjectKeyIdentifierExtension(keyId)]))).toBe("hello");
  });

  test("is trusted by nobody who trusts a namesake of its authority", async () => {
    const [ours, theirs] = [await createAuthority("one name", times.notBeforeMs, times.notAfterMs), await createAuthority("one name", times.notBeforeMs, times.notAfterMs)];
    await expect(greeting(ours, theirs)).rejects.toThrow(/certificate/);
  });

  test("cannot be made with a key that is none of an authority's kinds, or for what is no name", async () => {
    const authority = await createAuthority("ca", times.notBeforeMs, times.notAfterMs);
    const other = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
    await expect(issueCertificate({ ...authority, key: String(other) }, server)).rejects.toThrow("must be RSA, or ECDSA over P-256, P-384 or P-521");
    await expect(issueCertificate(authority, { ...server, dnsNames: ["bücher.example"] })).rejects.toThrow('cannot name "bücher.example"');
    await expect(issueCertificate(authority, { ...server, ipAddresses: ["1.2.3"] })).rejects.toThrow('the address "1.2.3", which is none');
  });

  test("says of a request what is approved of it, and ends with its authority", async () => {
    const authority = await createAuthority("ca", times.notBeforeMs, times.notAfterMs);
    const { request } = await createSigningRequest("jane", ["dev"], ["jane.example"]);
    expect(contentOf(parseCertificateRequest(request))).toMatchObject({ commonName: "jane", organizations: ["dev"], dnsNames: ["jane.example"] });
    const usages = ["digital signature", "key encipherment", "decipher only", "client auth", "client auth"];
    const pem = await signAsRequested(authority, request, usages, times.notBeforeMs, times.notAfterMs + HOUR_MS);
    const certificate = new x509.X509Certificate(pem);
    const flags = x509.KeyUsageFlags;
    expect(certificate.getExtension(x509.KeyUsagesExtension)?.usages).toBe(flags.digitalSignature | flags.keyEncipherment | flags.decipherOnly);
    expect(certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages).toEqual([x509.ExtendedKeyUsage.clientAuth]);
    expect(certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON()).toEqual([{ type: "dns", value: "jane.example" }]);
    expect(certificate.notAfter.getTime()).toBe(times.notAfterMs);
    expect(new X509Certificate(pem).subject).toBe("O=dev\nCN=jane");
    expect(pem).toMatch(/^-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n$/);
  });
});

/** What a server with a certificate of one authority says to a client that trusts the other. */
async function greeting(authority: KeyPair, trusted = authority): Promise<string> {
  const { certificate, key } = await issueCertificate(authority, { ...server, dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] });
  const listener = createServer({ cert: certificate, key }, (socket) => socket.on("error", () => undefined).end("hello"));
  listener.on("tlsClientError", () => undefined);
  listener.listen(0, "127.0.0.1");
  cleanUp.push(() => listener.close());
  await once(listener, "listening");
  const socket: TLSSocket = connect({ host: "127.0.0.1", port: (listener.address() as AddressInfo).port, ca: trusted.certificate });
  cleanUp.push(() => socket.destroy());
  return (await socket.setEncoding("utf8").toArray()).join("");
}

async function operatorsAuthority(algorithm: object, extensions: readonly InstanceType<typeof x509.Extension>[]): Promise<KeyPair> {
  const keys = (await webcrypto.subtle.generateKey(algorithm as webcrypto.EcKeyGenParams, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=operator",
    notBefore: new Date(times.notBeforeMs),
    notAfter: new Date(times.notAfterMs),
    signingAlgorithm: algorithm as webcrypto.EcdsaParams,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true), ...extensions],
  });
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { certificate: certificate.toString("pem"), key: x509.PemConverter.encode(key, "PRIVATE KEY") };
}
