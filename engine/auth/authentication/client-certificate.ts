import { X509Certificate } from "node:crypto";
import { certificatesIn } from "../../lib/pem.ts";
import type { ClientCertificate } from "../authenticate.ts";
import { PURPOSE } from "../certificate-form.ts";

/** More certificates between a client and its authority than anybody has. */
const CHAIN_MAX = 8;

/** Whether clients' certificates come from one of these authorities. Throws for text that holds no certificates. */
export class CertificateVerifier {
  #authorities: readonly X509Certificate[] = [];
  #validity = new WeakMap<ClientCertificate, { readonly fromMs: number; readonly toMs: number } | "untrusted">();

  constructor(pem: string) {
    this.trust(pem);
  }

  /** Trusts these from now on and no others, also on connections that are open. Throws for text that holds no certificates, and then goes on as before. */
  trust(pem: string): void {
    const authorities = parseCertificates(pem);
    if (authorities.length === 0) throw new Error("there is no certificate of an authority in it");
    this.#authorities = authorities;
    this.#validity = new WeakMap();
  }

  /** The chain of a connection is followed once; its time is looked at in each request. */
  isTrusted(certificate: ClientCertificate, nowMs: number): boolean {
    let validity = this.#validity.get(certificate);
    if (validity === undefined) this.#validity.set(certificate, (validity = this.#follow(certificate.chain)));
    return validity !== "untrusted" && validity.fromMs <= nowMs && nowMs <= validity.toMs;
  }

  #follow(chain: readonly Buffer[]): { readonly fromMs: number; readonly toMs: number } | "untrusted" {
    let shown: X509Certificate[];
    try {
      shown = chain.slice(0, CHAIN_MAX).map((der) => new X509Certificate(der));
    } catch {
      return "untrusted"; // nothing that OpenSSL reads twice in the same way
    }
    const [leaf, ...intermediates] = shown;
    if (leaf === undefined || !mayAuthenticateClients(leaf)) return "untrusted";
    let fromMs = -Infinity;
    let toMs = Infinity;
    for (let current: X509Certificate = leaf, steps = 0; steps < CHAIN_MAX; steps++) {
      fromMs = Math.max(fromMs, Date.parse(current.validFrom));
      toMs = Math.min(toMs, Date.parse(current.validTo));
      const authority = this.#authorities.find((candidate) => hasSigned(candidate, current));
      if (authority !== undefined) return { fromMs: Math.max(fromMs, Date.parse(authority.validFrom)), toMs: Math.min(toMs, Date.parse(authority.validTo)) };
      const next = intermediates.find((candidate) => candidate.ca && candidate !== current && hasSigned(candidate, current));
      if (next === undefined) return "untrusted";
      current = next;
    }
    return "untrusted";
  }
}

function hasSigned(authority: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/** A certificate that names purposes must name this one. */
function mayAuthenticateClients({ keyUsage }: X509Certificate): boolean {
  const usages: readonly string[] | undefined = keyUsage; // undefined without the extension, whatever the types say
  return usages === undefined || usages.length === 0 || usages.includes(PURPOSE.clientAuth) || usages.includes(PURPOSE.any);
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
