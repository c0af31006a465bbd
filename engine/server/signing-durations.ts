import { X509Certificate } from "node:crypto";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { Counter, MetricsRegistry } from "../lib/metrics.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import type { CertificateSigningRequest } from "../resources/types.ts";

const OWN_SIGNERS = "kubernetes.io/";
/** Signers may date certificates back by so much. */
const BACKDATED_SECONDS = 5 * 60;

/** How often certificates are asked for with a duration, and how often a signer goes by it: upstream's metrics. */
export class SigningDurations {
  readonly #honored: Counter;
  readonly #requested: Counter;

  constructor(registry: MetricsRegistry) {
    this.#honored = registry.counter(
      "apiserver_certificates_registry_csr_honored_duration_total",
      "Certificates that were issued for about as long as was asked for, by signer.",
    );
    this.#requested = registry.counter(
      "apiserver_certificates_registry_csr_requested_duration_total",
      "Certificates that were issued where a duration was asked for, by signer.",
    );
  }

  /** Counts a write that has given a request its certificate; of all others it knows nothing. */
  written({ group, resource }: ResourceDefinition, before: KubeObject | undefined, after: KubeObject): void {
    if (resource !== "certificatesigningrequests" || group !== "certificates.k8s.io") return;
    const { spec, status } = after as CertificateSigningRequest; // the definition says so, here and below
    const former = (before as CertificateSigningRequest | undefined)?.status;
    if (spec.expirationSeconds === undefined || former?.certificate || !status?.certificate) return;
    const labels = { signerName: spec.signerName.startsWith(OWN_SIGNERS) ? spec.signerName : "other" };
    this.#requested.add(labels);
    if (isHonored(spec.expirationSeconds, status.certificate)) this.#honored.add(labels);
  }
}

/** Within a twentieth of what was asked for, and what a certificate may be dated back. */
function isHonored(askedSeconds: number, base64: string): boolean {
  try {
    const { validFrom, validTo } = new X509Certificate(Buffer.from(base64, "base64"));
    return Math.abs((Date.parse(validTo) - Date.parse(validFrom)) / 1000 - askedSeconds) < BACKDATED_SECONDS + askedSeconds / 20;
  } catch {
    return false; // of a signer with a form of its own
  }
}
