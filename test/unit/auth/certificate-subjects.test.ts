import { webcrypto, X509Certificate } from "node:crypto";
import "node:tls"; // whole, before the legacy form of a certificate brings a half of it (Node 24)
import type { JsonNameParams } from "@peculiar/x509";
import { describe, expect, test } from "vitest";
import { contentOf, parseCertificateRequest } from "../../../engine/apimachinery/certificate-request.ts";
import { createAuthority, createSigningRequest, issueCertificate, signAsRequested } from "../../../engine/auth/certificates.ts";
import { loadX509 } from "../../../engine/lib/late-modules.ts";

const nowMs = Date.parse("2026-01-01T00:00:00Z");

describe("certificates", () => {
  test.each(['system:node:n1"system:admin"', "system\\:masters", "a\\0ab", "Ünicode", "with, comma + plus = equals"])("say word for word what a request asks for: %s", async (text) => {
    const authority = await createAuthority("ca", nowMs, nowMs + 1_000_000);
    const { request } = await createSigningRequest(text, [text]);
    expect(contentOf(parseCertificateRequest(request))).toMatchObject({ commonName: text, organizations: [text] });
    const certificate = new X509Certificate(await signAsRequested(authority, request, ["client auth"], nowMs, nowMs + 1_000));
    expect(certificate.toLegacyObject().subject).toMatchObject({ CN: text, O: text });
    const own = await issueCertificate(authority, { usage: "client", commonName: text, organizations: [text], notBeforeMs: nowMs, notAfterMs: nowMs + 1_000 });
    expect(new X509Certificate(own.certificate).toLegacyObject().subject).toMatchObject({ CN: text, O: text });
  });

  test.each(["#120e73797374656d3a6d617374657273", { utf8String: "#0c0e73797374656d3a6d617374657273" }])("are not made for a subject that is no text, or looks so: %j", async (organization) => {
    const { Pkcs10CertificateRequestGenerator } = loadX509();
    const signingAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const keys = await webcrypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
    const name = new (loadX509().Name)([{ O: [organization] } as JsonNameParams[number], { CN: ["eve"] }]);
    const request = (await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm })).toString("pem");
    expect(() => parseCertificateRequest(request)).toThrow("a value of the certificate request's subject is no text");
    await expect(signAsRequested(await createAuthority("ca", nowMs, nowMs + 1_000), request, ["client auth"], nowMs, nowMs + 1_000)).rejects.toThrow("is no text");
  });
});
