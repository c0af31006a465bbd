import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import type { KeyUsageFlags, Name } from "@peculiar/x509";
import { alternativeNames, isSelfSigned, nameOf, parseCertificateRequest, subjectOf } from "../apimachinery/certificate-request.ts";
import { loadX509, nodeJs } from "../lib/late-modules.ts";

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

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const CURVES: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };

/** A new certificate authority. */
export async function createAuthority(commonName: string, notBeforeMs: number, notAfterMs: number): Promise<KeyPair> {
  const x509 = loadX509();
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: userName(commonName),
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(notAfterMs),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await exportKey(keys.privateKey) };
}

/** A new key with a certificate for it. */
export async function issueCertificate(authority: KeyPair, request: CertificateRequest): Promise<KeyPair> {
  const keys = await generateKeys();
  return { certificate: await sign(authority, keys.publicKey, request), key: await exportKey(keys.privateKey) };
}

/**
 * A certificate for the key of a signing request. Of the request only the key counts: who it is for is the caller's decision.
 * Throws an Error when the request is malformed or not signed by its own key.
 */
export async function signRequest(authority: KeyPair, requestPem: string, request: CertificateRequest): Promise<string> {
  const csr = parseCertificateRequest(requestPem);
  if (!(await isSelfSigned(csr))) throw new Error("the certificate request is not signed by its own key");
  return sign(authority, await csr.publicKey.export(), request);
}

/** The uses of a key by the names of the API, and what a certificate says for each. */
const KEY_USAGES: Readonly<Record<string, keyof typeof KeyUsageFlags>> = {
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
  any: "2.5.29.37.0",
  "server auth": "1.3.6.1.5.5.7.3.1",
  "client auth": "1.3.6.1.5.5.7.3.2",
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
  const x509 = loadX509();
  const csr = parseCertificateRequest(requestPem);
  if (!(await isSelfSigned(csr))) throw new Error("the certificate request is not signed by its own key");
  const issuer = new x509.X509Certificate(authority.certificate);
  const names = alternativeNames(csr);
  const keyUsage = usages.reduce((flags, usage) => flags | keyUsageFlag(usage), 0);
  const extended = usages.flatMap((usage) => EXTENDED_USAGES[usage] ?? []);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    issuer: issuer.subjectName,
    subject: subjectOf(csr),
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(Math.min(notAfterMs, issuer.notAfter.getTime())),
    ...(await signerOf(authority)),
    publicKey: csr.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      ...(keyUsage === 0 ? [] : [new x509.KeyUsagesExtension(keyUsage, true)]),
      ...(extended.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...new Set(extended)])]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...(names === undefined ? [] : [names]),
    ],
  });
  return certificate.toString("pem");
}

/** A key and a signing request for it, as an agent sends it to join. */
export async function createSigningRequest(
  commonName: string,
  organizations: readonly string[] = [],
  dnsNames: readonly string[] = [],
): Promise<{ readonly request: string; readonly key: string }> {
  const x509 = loadX509();
  const keys = await generateKeys();
  const extensions = dnsNames.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: "dns" as const, value })))];
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: userName(commonName, organizations),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions,
  });
  return { request: request.toString("pem"), key: await exportKey(keys.privateKey) };
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

async function sign(authority: KeyPair, publicKey: webcrypto.CryptoKey, request: CertificateRequest): Promise<string> {
  const x509 = loadX509();
  const issuer = new x509.X509Certificate(authority.certificate);
  const names = [
    ...(request.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(request.ipAddresses ?? []).map((value) => ({ type: "ip" as const, value })),
  ];
  const purposes = [
    ...(request.usage === "client" ? [] : [x509.ExtendedKeyUsage.serverAuth]),
    ...(request.usage === "serving" ? [] : [x509.ExtendedKeyUsage.clientAuth]),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    issuer: issuer.subjectName,
    subject: userName(request.commonName, request.organizations),
    notBefore: new Date(request.notBeforeMs),
    notAfter: new Date(request.notAfterMs),
    ...(await signerOf(authority)),
    publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(purposes),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  });
  return certificate.toString("pem");
}

/** One relative name per organization: a user has as many groups. */
function userName(commonName: string, organizations: readonly string[] = []): Name {
  return nameOf([...organizations.map((organization) => ({ O: [organization] })), { CN: [commonName] }]);
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const x509 = loadX509();
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

/** How an authority signs: our own do with P-256, those of operators by RSA or another curve as well. Throws for other keys. */
async function signerOf({
  key: pem,
}: KeyPair): Promise<{ readonly signingAlgorithm: { readonly name: string; readonly hash: string }; readonly signingKey: webcrypto.CryptoKey }> {
  const key = createPrivateKey(pem);
  const namedCurve = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ""];
  const signingAlgorithm =
    key.asymmetricKeyType === "rsa" ? { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } : namedCurve === undefined ? undefined : { ...ALGORITHM, namedCurve };
  if (signingAlgorithm === undefined) throw new Error("the key of an authority must be RSA, or ECDSA over P-256, P-384 or P-521");
  return {
    signingAlgorithm,
    signingKey: await webcrypto.subtle.importKey("pkcs8", key.export({ type: "pkcs8", format: "der" }), signingAlgorithm, false, ["sign"]),
  };
}

function keyUsageFlag(usage: string): number {
  const name = KEY_USAGES[usage];
  return name === undefined ? 0 : loadX509().KeyUsageFlags[name];
}

/** 128 random bits, positive: unpredictable, as browsers' rules want it. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}
