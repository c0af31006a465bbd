import { X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import type { ConnectionOptions } from "node:tls";
import { nodeJs } from "../../lib/late-modules.ts";

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const TIMEOUT_MS = 10_000;

/** Whether a call failed because of a certificate that says it has signed itself. */
export function looksSelfSigned(error: unknown): boolean {
  return error instanceof Error && (error as { readonly code?: unknown }).code === "DEPTH_ZERO_SELF_SIGNED_CERT";
}

/**
 * The certificate that the other end shows, as PEM, if it bears the name of one of these authorities and was signed by it; undefined if not.
 * OpenSSL takes whatever is issued by its own name for self-signed and asks no further, while Go, in which webhooks and what they are
 * called with are mostly written, follows the signature. Webhooks that make both of their certificates themselves, as those of Knative do,
 * give both one name. Who trusts the certificate in place of the authorities (beside them OpenSSL may find one of theirs by the name) has
 * everything else about it checked as always.
 */
export async function namesakeCertificate(options: ConnectionOptions, socket: Duplex | undefined, authorities: string, nowMs: number): Promise<string | undefined> {
  const shown = await shownCertificate({ ...options, ...(socket === undefined ? {} : { socket }), rejectUnauthorized: false });
  if (shown === undefined || shown.subject !== shown.issuer) return undefined;
  const isValid = ({ validFromDate, validToDate }: X509Certificate) => validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime();
  const signed = (authority: X509Certificate) => authority.ca && isValid(authority) && shown.checkIssued(authority) && shown.verify(authority.publicKey);
  return (authorities.match(PEM) ?? []).some((pem) => signed(new X509Certificate(pem))) ? shown.toString() : undefined;
}

/** Nothing is sent on the connection, which ends at once. */
function shownCertificate(options: ConnectionOptions): Promise<X509Certificate | undefined> {
  return new Promise((resolve, reject) => {
    const socket = nodeJs.tls.connect(options);
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error("TLS handshake timeout")));
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      resolve(socket.getPeerX509Certificate());
      socket.destroy();
    });
  });
}
