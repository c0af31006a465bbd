import { createPrivateKey, generateKeyPair, X509Certificate, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { Pkcs10CertificateRequest } from "@peculiar/x509";
import { alternativeNames, isSelfSigned, parseCertificateRequest, subjectOf } from "../apimachinery/certificate-request.ts";
import { nodeJs } from "../lib/late-modules.ts";
import { toPem } from "../lib/pem.ts";
import { extension, issuerOf, keyIdOf, PURPOSE, signCertificate, signCertificateRequest, userName, type KeyUsage } from "./certificate-form.ts";

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** What a certificate is to say. */
export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  /** `peer` is both: for members of a cluster that call each other. */
  readonly usage: "client" | "serving" | "peer";
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const generateKeyPairLater = promisify(generateKeyPair);

/** A new certificate authority. */
export async function createAuthority(commonName: string, notBeforeMs: number, notAfterMs: number): Promise<KeyPair> {
  const { publicKey, key } = await generateKeys();
  const keyId = keyIdOf(publicKey);
  const name = userName(commonName);
  const extensions = [extension.basicConstraints(true), extension.keyUsage(["keyCertSign", "cRLSign", "digitalSignature"]), extension.subjectKeyId(keyId)];
  const certificate = signCertificate({ name, keyId, key }, { subject: name, publicKey, notBeforeMs, notAfterMs, extensions });
  return { certificate: toPem("CERTIFICATE", certificate), key: keyToPem(key) };
}

/** A new key with a certificate for it. */
export async function issueCertificate(authority: KeyPair, request: CertificateRequest): Promise<KeyPair> {
  const { publicKey, key } = await generateKeys();
  return { certificate: certify(authority, publicKey, request), key: keyToPem(key) };
}

/**
 * A certificate for the key of a signing request. Of the request only the key counts: who it is for is the caller's decision.
 * Throws an Error when the request is malformed or not signed by its own key.
 */
export async function signRequest(authority: KeyPair, requestPem: string, request: CertificateRequest): Promise<string> {
  const csr = await readSelfSigned(requestPem);
  return certify(authority, Buffer.from(csr.publicKey.rawData), request);
}

/** The uses of a key by the names of the API, and what a certificate says for each. */
const KEY_USAGES: Readonly<Record<string, KeyUsage>> = {
  signing: "digitalSignature",
  "digital signature": "digitalSignature",
  "content commitment": "nonRepudiation",
  "key encipherment": "keyEncipherment",
  "key agreement": "keyAgreement",
  "data encipherment": "dataEncipherment",
  "cert sign": "keyCertSign",
  "crl sign": "cRLSign",
  "encipher only": "encipherOnly",
  "decipher only": "decipherOnly",
};
const EXTENDED_USAGES: Readonly<Record<string, string>> = {
  any: PURPOSE.any,
  "server auth": PURPOSE.serverAuth,
  "client auth": PURPOSE.clientAuth,
  "code signing": "1.3.6.1.5.5.7.3.3",
  "email protection": "1.3.6.1.5.5.7.3.4",
  "s/mime": "1.3.6.1.5.5.7.3.4",
  "ipsec end system": "1.3.6.1.5.5.7.3.5",
  "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
  "ipsec user": "1.3.6.1.5.5.7.3.7",
  timestamping: "1.3.6.1.5.5.7.3.8",
  "ocsp signing": "1.3.6.1.5.5.7.3.9",
  "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
  "netscape sgc": "2.16.840.1.113730.4.1",
};

/** A certificate that says what an approved request asks for: its subject and names, for these uses of its key. It never makes an authority. */
export async function signAsRequested(
  authority: KeyPair,
  requestPem: string,
  usages: readonly string[],
  notBeforeMs: number,
  notAfterMs: number,
): Promise<string> {
  const csr = await readSelfSigned(requestPem);
  const ca = new X509Certificate(authority.certificate);
  const issuer = issuerOf(ca, authority.key);
  const names = alternativeNames(csr);
  const keyUsages = usages.flatMap((usage) => KEY_USAGES[usage] ?? []);
  const purposes = usages.flatMap((usage) => EXTENDED_USAGES[usage] ?? []);
  const certificate = signCertificate(issuer, {
    subject: Buffer.from(subjectOf(csr).toArrayBuffer()),
    publicKey: Buffer.from(csr.publicKey.rawData),
    notBeforeMs,
    notAfterMs: Math.min(notAfterMs, ca.validToDate.getTime()),
    extensions: [
      extension.basicConstraints(false),
      ...(keyUsages.length === 0 ? [] : [extension.keyUsage(keyUsages)]),
      ...(purposes.length === 0 ? [] : [extension.extendedKeyUsage([...new Set(purposes)])]),
      extension.authorityKeyId(issuer.keyId),
      ...(names === undefined ? [] : [Buffer.from(names.rawData)]),
    ],
  });
  return toPem("CERTIFICATE", certificate);
}

/** A key and a signing request for it, as an agent sends it to join. */
export async function createSigningRequest(
  commonName: string,
  organizations: readonly string[] = [],
  dnsNames: readonly string[] = [],
): Promise<{ readonly request: string; readonly key: string }> {
  const { publicKey, key } = await generateKeys();
  const extensions = dnsNames.length === 0 ? [] : [extension.alternativeNames(dnsNames, [])];
  return {
    request: toPem("CERTIFICATE REQUEST", signCertificateRequest(key, userName(commonName, organizations), publicKey, extensions)),
    key: keyToPem(key),
  };
}

/** What matters of a certificate that exists already. Throws an Error for text that is none. */
export function readCertificate(pem: string): { readonly commonName: string; readonly notBeforeMs: number; readonly notAfterMs: number } {
  const certificate = new X509Certificate(pem);
  void nodeJs.tls; // of which the legacy form brings only a half, and no other half follows (Node 24)
  return {
    commonName: [certificate.toLegacyObject().subject.CN].flat()[0] ?? "",
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
  };
}

/** Whether a server may show the certificate at every one of these names and addresses. */
export function isFor(pem: string, { dnsNames = [], ipAddresses = [] }: Pick<CertificateRequest, "dnsNames" | "ipAddresses">): boolean {
  const certificate = new X509Certificate(pem);
  return (
    dnsNames.every((name) => certificate.checkHost(name, { subject: "never", wildcards: false }) !== undefined) &&
    ipAddresses.every((address) => certificate.checkIP(address) !== undefined)
  );
}

/** Throws, saying why, unless these are the certificate of an authority and its key. */
export function requireAuthority({ certificate: pem, key }: KeyPair): void {
  const certificate = new X509Certificate(pem);
  if (!certificate.ca) throw new Error("the certificate is not one of an authority");
  if (!certificate.checkPrivateKey(createPrivateKey(key))) throw new Error("the key is that of another certificate");
}

/** Whether the authority has signed the certificate. */
export function isSignedBy(authority: KeyPair, pem: string): boolean {
  return new X509Certificate(pem).verify(new X509Certificate(authority.certificate).publicKey);
}

function certify(authority: KeyPair, publicKey: Buffer, request: CertificateRequest): string {
  const { commonName, organizations, usage, dnsNames = [], ipAddresses = [], notBeforeMs, notAfterMs } = request;
  const issuer = issuerOf(new X509Certificate(authority.certificate), authority.key);
  const purposes = [...(usage === "client" ? [] : [PURPOSE.serverAuth]), ...(usage === "serving" ? [] : [PURPOSE.clientAuth])];
  const extensions = [
    extension.basicConstraints(false),
    extension.keyUsage(["digitalSignature"]),
    extension.extendedKeyUsage(purposes),
    extension.authorityKeyId(issuer.keyId),
    ...(dnsNames.length + ipAddresses.length === 0 ? [] : [extension.alternativeNames(dnsNames, ipAddresses)]),
  ];
  const subject = userName(commonName, organizations);
  return toPem("CERTIFICATE", signCertificate(issuer, { subject, publicKey, notBeforeMs, notAfterMs, extensions }));
}

/** Throws an Error when the request is malformed or not signed by its own key. */
async function readSelfSigned(requestPem: string): Promise<Pkcs10CertificateRequest> {
  const csr = parseCertificateRequest(requestPem);
  if (!(await isSelfSigned(csr))) throw new Error("the certificate request is not signed by its own key");
  return csr;
}

async function generateKeys(): Promise<{ readonly publicKey: Buffer; readonly key: KeyObject }> {
  const { publicKey, privateKey } = await generateKeyPairLater("ec", { namedCurve: "P-256" });
  return { publicKey: publicKey.export({ type: "spki", format: "der" }), key: privateKey };
}

function keyToPem(key: KeyObject): string {
  return String(key.export({ type: "pkcs8", format: "pem" }));
}
