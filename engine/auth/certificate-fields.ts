import { derValues, objectIdentifierText, type DerValue } from "../lib/der.ts";

/** What a certificate says of itself beside what `X509Certificate` tells, read as Go reads it: the servers behind this one are written in it. */
export interface CertificateFields {
  /** The last one that is there, as for Go. Empty without one. */
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** Empty where it is no text. */
  readonly uids: readonly string[];
  /** By its object identifier. */
  readonly signatureAlgorithm: string;
  /** Of the digest, where the algorithm leaves it open. */
  readonly signatureDigest: string | undefined;
  /** Certificates of older versions cannot say that they are an authority's. */
  readonly isVersion3: boolean;
  /** How many authorities may stand between this one and a user; any number when absent. */
  readonly authoritiesBelowMax: number | undefined;
  /** By their object identifiers. */
  readonly extensions: readonly string[];
  readonly criticalExtensions: readonly string[];
  /** Of which kinds there are names that an authority may or may not give, by the numbers of RFC 5280. */
  readonly constrainedNames: readonly number[];
  /** Of which kinds its names are beside the subject. */
  readonly alternativeNames: readonly number[];
}

/** Extensions by their names in RFC 5280. */
export const EXTENSION = {
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  cRLDistributionPoints: "2.5.29.31",
  certificatePolicies: "2.5.29.32",
  policyMappings: "2.5.29.33",
  authorityKeyIdentifier: "2.5.29.35",
  extKeyUsage: "2.5.29.37",
  inhibitAnyPolicy: "2.5.29.54",
} as const;

const COMMON_NAME = "2.5.4.3";
const ORGANIZATION = "2.5.4.10";
/** Kubernetes' own. */
const USER_UID = "1.3.6.1.4.1.57683.2";
/** First bytes. */
const TAG = { boolean: 0x01, integer: 0x02, version: 0xa0, extensions: 0xa3 } as const;

/** Reads a certificate's bytes. Throws for what is none, and for texts that Go does not read. */
export function readCertificateFields(bytes: Buffer): CertificateFields {
  const parts = partsOf(partsOf(derValues(bytes)[0])[0]);
  const isVersioned = parts[0]?.tag === TAG.version;
  const [, algorithm, , , subject] = isVersioned ? parts.slice(1) : parts;
  const names = partsOf(subject).flatMap(partsOf).map(nameOf);
  const valuesOf = (type: string) => names.filter((name) => name.type === type && name.text !== undefined).map(({ text = "" }) => text);
  const extensions = partsOf(partsOf(parts.find(({ tag }) => tag === TAG.extensions))[0]).map(extensionOf);
  const valueOf = (wanted: string) => extensions.find(({ type }) => type === wanted)?.value ?? Buffer.alloc(0);
  const [algorithmType, ...parameters] = partsOf(algorithm);
  return {
    commonName: valuesOf(COMMON_NAME).at(-1) ?? "",
    organizations: valuesOf(ORGANIZATION),
    uids: names.filter(({ type }) => type === USER_UID).map(({ text = "" }) => text),
    signatureAlgorithm: identifierOf(algorithmType),
    signatureDigest: digestOf(parameters[0]),
    isVersion3: isVersioned && partsOf(parts[0])[0]?.content.at(-1) === 2,
    authoritiesBelowMax: pathLengthOf(valueOf(EXTENSION.basicConstraints)),
    extensions: extensions.map(({ type }) => type),
    criticalExtensions: extensions.filter(({ isCritical }) => isCritical).map(({ type }) => type),
    constrainedNames: partsOf(derValues(valueOf(EXTENSION.nameConstraints))[0])
      .flatMap(partsOf)
      .map((subtree) => numberOf(partsOf(subtree)[0])),
    alternativeNames: partsOf(derValues(valueOf(EXTENSION.subjectAltName))[0]).map(numberOf),
  };
}

function partsOf(value: DerValue | undefined): readonly DerValue[] {
  return value === undefined ? [] : derValues(value.content);
}

function identifierOf(value: DerValue | undefined): string {
  if (value === undefined) throw new Error("an object identifier is missing");
  return objectIdentifierText(value.content);
}

/** By which a value is told from others that might stand in its place. */
function numberOf(value: DerValue | undefined): number {
  return (value?.tag ?? 0) & 0x1f;
}

function nameOf(attribute: DerValue): { readonly type: string; readonly text: string | undefined } {
  const [type, value] = partsOf(attribute);
  return { type: identifierOf(type), text: textOf(value) };
}

/** Of RSASSA-PSS: a sequence whose first part, numbered 0, names the digest. Without it that is SHA-1. */
function digestOf(parameters: DerValue | undefined): string | undefined {
  if (parameters?.tag !== 0x30) return undefined;
  const [digest] = partsOf(parameters);
  return digest?.tag === 0xa0 ? identifierOf(partsOf(partsOf(digest)[0])[0]) : undefined;
}

function extensionOf(extension: DerValue): { readonly type: string; readonly isCritical: boolean; readonly value: Buffer } {
  const [type, ...rest] = partsOf(extension);
  const isCritical = rest[0]?.tag === TAG.boolean && rest[0].content[0] !== 0;
  return { type: identifierOf(type), isCritical, value: rest.at(-1)?.content ?? Buffer.alloc(0) };
}

function pathLengthOf(basicConstraints: Buffer): number | undefined {
  const length = partsOf(derValues(basicConstraints)[0]).find(({ tag }) => tag === TAG.integer);
  return length === undefined ? undefined : length.content.readUIntBE(0, Math.min(length.content.length, 6));
}

/** A text in one of the alphabets that Go knows; undefined for anything else, which it passes over. */
function textOf(value: DerValue | undefined): string | undefined {
  const { tag, content = Buffer.alloc(0) } = value ?? {};
  switch (tag) {
    case 0x0c: // UTF8String
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
    case 0x12: // NumericString
      return matching(content, /^[0-9 ]*$/);
    case 0x13: // PrintableString, with what is met in it although it should not be
      return matching(content, /^[A-Za-z0-9 '()+,\-./:=?*&]*$/);
    case 0x14: // T61String, which everybody writes in Latin-1
      return content.toString("latin1");
    case 0x16: // IA5String
      return matching(content, /^[\x00-\x7f]*$/);
    case 0x1e: // BMPString
      return wideText(content);
    default:
      return undefined;
  }
}

function matching(content: Buffer, form: RegExp): string {
  const text = content.toString("latin1");
  if (!form.test(text)) throw new Error("a name has letters that its alphabet has not");
  return text;
}

/** Two bytes a letter, perhaps with a zero at the end; no halves of letters and no numbers that stand for none. */
function wideText(content: Buffer): string {
  if (content.length % 2 !== 0) throw new Error("a name ends within a letter");
  const letters = Array.from({ length: content.length / 2 }, (_, index) => content.readUInt16BE(2 * index));
  if (letters.at(-1) === 0) letters.pop();
  if (letters.some((letter) => (letter >= 0xd800 && letter <= 0xdfff) || (letter >= 0xfdd0 && letter <= 0xfdef) || letter >= 0xfffe))
    throw new Error("a name has letters that are none");
  return String.fromCharCode(...letters);
}
