import { X509Certificate } from "node:crypto";
import { certificatesIn } from "../../lib/pem.ts";
import type { ClientCertificate } from "../authenticate.ts";
import { EXTENSION, readCertificateFields, type CertificateFields } from "../certificate-fields.ts";
import { PURPOSE } from "../certificate-form.ts";

/** More certificates between a client and its authority than anybody has. */
const CHAIN_MAX = 8;
/** So many signatures are looked at for one client, whatever it shows; upstream's number. */
const SIGNATURES_MAX = 100;
/** Extensions that may be critical. */
const UNDERSTOOD: ReadonlySet<string> = new Set(Object.values(EXTENSION));
/** RSA with SHA-256, 384 and 512, ECDSA with the same, Ed25519 (RFC 8017, 5758, 8410). */
const STRONG_SIGNATURES: ReadonlySet<string> = new Set([
  ...[11, 12, 13].map((number) => `1.2.840.113549.1.1.${number}`),
  ...[2, 3, 4].map((number) => `1.2.840.10045.4.3.${number}`),
  "1.3.101.112",
]);
/** Kinds of names: of mail, DNS, URIs and addresses (RFC 5280, 4.2.1.6). */
const JUDGED_NAMES: ReadonlySet<number> = new Set([1, 2, 6, 7]);
const RSASSA_PSS = "1.2.840.113549.1.1.10";
const STRONG_DIGESTS: ReadonlySet<string> = new Set([1, 2, 3].map((number) => `2.16.840.1.101.3.4.2.${number}`));

interface ReadCertificate {
  readonly certificate: X509Certificate;
  readonly fields: CertificateFields;
}

interface Validity {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Whether clients' certificates come from one of these authorities. Throws for text that holds no certificates. */
export class CertificateVerifier {
  #authorities: readonly ReadCertificate[] = [];
  #validity = new WeakMap<ClientCertificate, Validity | "untrusted">();

  constructor(pem: string) {
    this.trust(pem);
  }

  /** Trusts these from now on and no others, also on connections that are open. Throws for text that holds no certificates, and then goes on as before. */
  trust(pem: string): void {
    const authorities = parseCertificates(pem);
    if (authorities.length === 0) throw new Error("there is no certificate of an authority in it");
    this.#authorities = authorities.map(readCertificate);
    this.#validity = new WeakMap();
  }

  /** The chain of a connection is followed once; its time is looked at in each request. */
  isTrusted(certificate: ClientCertificate, nowMs: number): boolean {
    let validity = this.#validity.get(certificate);
    if (validity === undefined) this.#validity.set(certificate, (validity = this.#follow(certificate.chain)));
    return validity !== "untrusted" && validity.fromMs <= nowMs && nowMs <= validity.toMs;
  }

  #follow(chain: readonly Buffer[]): Validity | "untrusted" {
    try {
      const [leaf, ...others] = chain.slice(0, CHAIN_MAX).map((der) => readCertificate(new X509Certificate(der)));
      if (leaf === undefined || !isKnown(leaf)) return "untrusted";
      if (this.#authorities.some(({ certificate }) => certificate.raw.equals(leaf.certificate.raw)))
        return mayAuthenticateClients(leaf) ? validityOf([leaf]) : "untrusted";
      const steps = { left: SIGNATURES_MAX };
      return this.#continue([leaf], others, steps) ?? "untrusted";
    } catch {
      return "untrusted"; // nothing that OpenSSL reads twice in the same way, or that Go would read
    }
  }

  /** The time in which a way from the last of these certificates to an authority is good, by those that were shown along with them. */
  #continue(below: readonly ReadCertificate[], others: readonly ReadCertificate[], steps: { left: number }): Validity | undefined {
    for (const authority of this.#authorities) {
      const all = [...below, authority];
      if (mayHaveSigned(authority, below, steps) && all.every(mayAuthenticateClients)) return validityOf(all);
    }
    for (const next of others) {
      if (below.includes(next) || !next.certificate.ca || !mayHaveSigned(next, below, steps)) continue;
      const found = this.#continue([...below, next], others, steps);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** Whether this authority has signed the last of these certificates, and may stand above all of them (RFC 5280, 6.1). */
function mayHaveSigned(authority: ReadCertificate, below: readonly ReadCertificate[], steps: { left: number }): boolean {
  const { certificate, fields } = authority;
  const last = below.at(-1);
  if (last === undefined || !isKnown(authority) || (fields.isVersion3 && !certificate.ca) || !isStronglySigned(last)) return false;
  if (fields.authoritiesBelowMax !== undefined && below.length - 1 > fields.authoritiesBelowMax) return false;
  // Whether it may give a name is not looked at: it may give none of the kinds that it is bound in.
  if (below.some((one) => one.fields.alternativeNames.some((kind) => fields.constrainedNames.includes(kind)))) return false;
  if (!last.certificate.checkIssued(certificate) || steps.left-- <= 0) return false;
  return last.certificate.verify(certificate.publicKey);
}

function validityOf(chain: readonly ReadCertificate[]): Validity {
  return {
    fromMs: Math.max(...chain.map(({ certificate }) => Date.parse(certificate.validFrom))),
    toMs: Math.min(...chain.map(({ certificate }) => Date.parse(certificate.validTo))),
  };
}

/** Whether all that must be understood of it is. */
function isKnown({ fields: { criticalExtensions, constrainedNames } }: ReadCertificate): boolean {
  if (!criticalExtensions.every((type) => UNDERSTOOD.has(type))) return false;
  return !criticalExtensions.includes(EXTENSION.nameConstraints) || constrainedNames.every((kind) => JUDGED_NAMES.has(kind));
}

/** Neither by MD5 nor by SHA-1, for which others can make a certificate of the same signature. */
function isStronglySigned({ fields: { signatureAlgorithm, signatureDigest } }: ReadCertificate): boolean {
  return signatureAlgorithm === RSASSA_PSS ? STRONG_DIGESTS.has(signatureDigest ?? "") : STRONG_SIGNATURES.has(signatureAlgorithm);
}

/** A certificate that names purposes must name this one: an authority, too, for all that it signs. */
function mayAuthenticateClients({ certificate: { keyUsage } }: ReadCertificate): boolean {
  const usages: readonly string[] | undefined = keyUsage; // undefined without the extension, whatever the types say
  return usages === undefined || usages.length === 0 || usages.includes(PURPOSE.clientAuth) || usages.includes(PURPOSE.any);
}

function readCertificate(certificate: X509Certificate): ReadCertificate {
  return { certificate, fields: readCertificateFields(certificate.raw) };
}

/** Every certificate in a PEM text. */
function parseCertificates(pem: string): X509Certificate[] {
  return certificatesIn(pem).map((text) => new X509Certificate(text));
}

/** Throws for text that holds no certificate of an authority. */
export function checkedAuthorities(pem: string): string {
  new CertificateVerifier(pem);
  return pem;
}
