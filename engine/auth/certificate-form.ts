import { createHash, createPrivateKey, randomBytes, sign, X509Certificate, type KeyObject } from "node:crypto";
import { assert } from "../lib/assert.ts";
import { der, derValues, type DerValue } from "../lib/der.ts";
import { ADDRESS_BITS, parseAddress } from "../lib/net/ip-address.ts";

/**
 * Certificates (X.509 version 3, RFC 5280) and requests for them (PKCS #10, RFC 2986) as bytes. A server makes five before it first answers, and the
 * library that could make them as well takes a quarter of such a start to be loaded (test/bench/README.md, "The start, and memory").
 */

/** Bits of an allowed use of a key. */
const KEY_USAGE = {
  digitalSignature: 0,
  nonRepudiation: 1,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
  encipherOnly: 7,
  decipherOnly: 8,
} as const;

export type KeyUsage = keyof typeof KEY_USAGE;

/** Object identifiers by their names in the RFCs. */
const OID = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extKeyUsage: "2.5.29.37",
  extensionRequest: "1.2.840.113549.1.9.14",
  sha256WithRSAEncryption: "1.2.840.113549.1.1.11",
  ecdsaWithSHA256: "1.2.840.10045.4.3.2",
} as const;
/** First bytes of two fields of a certificate, of which one, the version, may be left out. */
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
/** What a certificate may be shown for, among others. */
export const PURPOSE = { any: "2.5.29.37.0", serverAuth: "1.3.6.1.5.5.7.3.1", clientAuth: "1.3.6.1.5.5.7.3.2" } as const;
const CURVES: readonly unknown[] = ["prime256v1", "secp384r1", "secp521r1"];

/** What signs: who it says it is, and with which key. */
export interface Issuer {
  /** A name as bytes. */
  readonly name: Buffer;
  /** By which its key is told from others of that name. */
  readonly keyId: Buffer;
  readonly key: KeyObject;
}

export interface CertificateContent {
  /** A name as bytes. */
  readonly subject: Buffer;
  /** SubjectPublicKeyInfo as bytes. */
  readonly publicKey: Buffer;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly Buffer[];
}

/** An authority as it signs: those of operators by RSA or any of three curves. Throws for other keys. */
export function issuerOf(authority: X509Certificate, keyPem: string): Issuer {
  const key = createPrivateKey(keyPem);
  if (key.asymmetricKeyType !== "rsa" && !CURVES.includes(key.asymmetricKeyDetails?.namedCurve))
    throw new Error("the key of an authority must be RSA, or ECDSA over P-256, P-384 or P-521");
  const fields = derValues(inner(inner(authority.raw)));
  const subject = fields[fields[0]?.tag === VERSION ? 5 : 4]; // behind number, algorithm, issuer and times
  assert(subject !== undefined, "a certificate has a subject");
  const publicKey = authority.publicKey.export({ type: "spki", format: "der" });
  return { name: subject.bytes, keyId: statedKeyId(fields) ?? keyIdOf(publicKey), key };
}

/** A certificate, as bytes. */
export function signCertificate(issuer: Issuer, { subject, publicKey, notBeforeMs, notAfterMs, extensions }: CertificateContent): Buffer {
  return signed(
    issuer.key,
    der.sequence(
      der.numbered(0, der.integer(2)), // version 3
      der.integer(...serialNumber()),
      algorithmOf(issuer.key),
      issuer.name,
      der.sequence(der.time(notBeforeMs), der.time(notAfterMs)),
      subject,
      publicKey,
      der.numbered(3, der.sequence(...extensions)),
    ),
  );
}

/** A request for a certificate, as bytes, signed by the key that it is for. */
export function signCertificateRequest(key: KeyObject, subject: Buffer, publicKey: Buffer, extensions: readonly Buffer[]): Buffer {
  const attributes = extensions.length === 0 ? [] : [der.sequence(der.objectIdentifier(OID.extensionRequest), der.set(der.sequence(...extensions)))];
  return signed(key, der.sequence(der.integer(0), subject, publicKey, der.numbered(0, ...attributes)));
}

/** A user's name as bytes: one relative name for each organization, for a user has as many groups. */
export function userName(commonName: string, organizations: readonly string[] = []): Buffer {
  const relative = (type: string, text: string) => der.set(der.sequence(der.objectIdentifier(type), der.text(text)));
  return der.sequence(...organizations.map((organization) => relative(OID.organization, organization)), relative(OID.commonName, commonName));
}

/** By which a key is told from others, of its SubjectPublicKeyInfo. */
export function keyIdOf(publicKey: Buffer): Buffer {
  const bits = derValues(inner(publicKey))[1];
  assert(bits !== undefined, "a public key has bits");
  return createHash("sha1").update(bits.content.subarray(1)).digest(); // the first way of RFC 5280, 4.2.1.2
}

/** Extensions, each as bytes. */
export const extension = {
  basicConstraints: (isAuthority: boolean) => extensionOf(OID.basicConstraints, der.sequence(...(isAuthority ? [der.boolean(true)] : [])), true),
  keyUsage: (usages: readonly KeyUsage[]) => extensionOf(OID.keyUsage, der.flags(usages.map((usage) => KEY_USAGE[usage])), true),
  /** Purposes by their object identifiers. */
  extendedKeyUsage: (purposes: readonly string[]) => extensionOf(OID.extKeyUsage, der.sequence(...purposes.map((purpose) => der.objectIdentifier(purpose)))),
  subjectKeyId: (keyId: Buffer) => extensionOf(OID.subjectKeyIdentifier, der.octets(keyId)),
  authorityKeyId: (keyId: Buffer) => extensionOf(OID.authorityKeyIdentifier, der.sequence(der.numberedBytes(0, keyId))),
  alternativeNames: (dnsNames: readonly string[], addresses: readonly string[]) =>
    extensionOf(OID.subjectAltName, der.sequence(...dnsNames.map(dnsName), ...addresses.map(addressName))),
};

/** How an authority says that its key is told from others: not all do it in the way of `keyIdOf`, and OpenSSL believes only its own words. */
function statedKeyId(fields: readonly DerValue[]): Buffer | undefined {
  const extensions = fields.find(({ tag }) => tag === EXTENSIONS);
  if (extensions === undefined) return undefined;
  const type = der.objectIdentifier(OID.subjectKeyIdentifier);
  const stated = derValues(inner(extensions.content)).find(({ content }) => content.subarray(0, type.length).equals(type));
  const octets = stated === undefined ? undefined : derValues(stated.content).at(-1);
  return octets === undefined ? undefined : inner(octets.content);
}

/** What is in the first of these values. */
function inner(bytes: Buffer): Buffer {
  const [first] = derValues(bytes);
  assert(first !== undefined, "there is a value in the bytes");
  return first.content;
}

function extensionOf(type: string, content: Buffer, isCritical = false): Buffer {
  return der.sequence(der.objectIdentifier(type), ...(isCritical ? [der.boolean(true)] : []), der.octets(content));
}

function dnsName(name: string): Buffer {
  if (!/^[\x21-\x7e]+$/.test(name)) throw new Error(`a certificate cannot name ${JSON.stringify(name)}: the letters of a host's name are those of ASCII`);
  return der.numberedBytes(2, Buffer.from(name));
}

function addressName(text: string): Buffer {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`a certificate cannot name the address ${JSON.stringify(text)}, which is none`);
  return der.numberedBytes(7, Buffer.from(address.value.toString(16).padStart(ADDRESS_BITS[address.family] / 4, "0"), "hex"));
}

function signed(key: KeyObject, content: Buffer): Buffer {
  return der.sequence(content, algorithmOf(key), der.bits(sign("sha256", content, key)));
}

function algorithmOf(key: KeyObject): Buffer {
  if (key.asymmetricKeyType === "rsa") return der.sequence(der.objectIdentifier(OID.sha256WithRSAEncryption), der.nothing());
  return der.sequence(der.objectIdentifier(OID.ecdsaWithSHA256));
}

/** 128 random bits, positive: unpredictable, as browsers' rules want it. */
function serialNumber(): readonly number[] {
  const [first = 0, ...rest] = randomBytes(16);
  return [(first & 0x3f) | 0x40, ...rest];
}
