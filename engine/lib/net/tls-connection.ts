import { X509Certificate } from "node:crypto";
import { certificatesIn } from "../pem.ts";
import type { ConnectionOptions, PeerCertificate, TLSSocket } from "node:tls";
import { systemClock } from "../clock.ts";
import { nodeJs } from "../late-modules.ts";

/** What node adds to errors of certificates. */
interface CertificateError extends Error {
  readonly code?: string;
  readonly host?: string;
  readonly cert?: { readonly subjectaltname?: string };
}

const UNKNOWN_AUTHORITY = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
];

/**
 * A connection by TLS as node makes it, but that a certificate which bears the name of one of the `ca` and was signed by it is trusted.
 * OpenSSL takes whatever is issued by its own name for self-signed and asks no further, while Go, in which the other ends of a cluster are
 * mostly written, follows the signature; who makes both of his certificates himself, as Knative's webhooks do, gives both one name.
 * Everything else about the certificate is checked as always, and nothing is sent before. Errors are told in Go's words, with node's codes.
 */
export function connectTls(options: ConnectionOptions): TLSSocket {
  if (options.rejectUnauthorized === false) return nodeJs.tls.connect(options);
  const host = options.servername || options.host || "localhost"; // as node chooses it
  const identify = options.checkServerIdentity ?? nodeJs.tls.checkServerIdentity;
  let mismatch: Error | undefined;
  const checkServerIdentity = (name: string, shown: PeerCertificate) => (mismatch = identify(name, shown));
  const socket = nodeJs.tls.connect({ ...options, rejectUnauthorized: false, checkServerIdentity });
  // Node's own check is made at this moment as well: until its listeners return nothing has gone out.
  socket.once("secureConnect", () => {
    if (socket.authorized) return;
    const shown = socket.getPeerCertificate(); // whoever asks for the other form first gets nothing here (Node 24)
    const isNamesake =
      mismatch === undefined && codeOf(socket) === "DEPTH_ZERO_SELF_SIGNED_CERT" && isSignedByNamesake(new X509Certificate(shown.raw), options.ca);
    if (isNamesake) mismatch = identify(host, shown);
    if (!isNamesake || mismatch !== undefined)
      socket.destroy(certificateError(mismatch ?? Object.assign(new Error("the certificate is not trusted"), { code: codeOf(socket) })));
  });
  return socket;
}

/** Why a certificate is refused, in the words that people know from Kubernetes and search for; undefined for errors of another kind. */
export function describeCertificateError(error: Error): string | undefined {
  const { code = "", host = "", cert } = error as CertificateError;
  if (UNKNOWN_AUTHORITY.includes(code)) return failed("certificate signed by unknown authority");
  switch (code) {
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return failed("certificate has expired or is not yet valid");
    case "INVALID_PURPOSE":
      return failed("certificate specifies an incompatible key usage");
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return failed(`certificate is valid for ${(cert?.subjectaltname ?? "").replace(/DNS:|IP Address:/g, "") || "no name"}, not ${host}`);
    default:
      return undefined;
  }
}

function failed(why: string): string {
  return `tls: failed to verify certificate: x509: ${why}`;
}

/** The type says that it is an error; it is OpenSSL's name for what was found, or the error's own text. */
function codeOf(socket: TLSSocket): string {
  return String(socket.authorizationError);
}

function certificateError(cause: Error): Error {
  const { code = "", host, cert } = cause as CertificateError;
  return Object.assign(new Error(describeCertificateError(cause) ?? failed(code || cause.message), { cause }), {
    code,
    ...(host === undefined ? {} : { host, cert }),
  });
}

/** By an authority that holds today: the certificate's own dates and uses OpenSSL has looked at before it says that it is self-signed. */
function isSignedByNamesake(shown: X509Certificate, authorities: ConnectionOptions["ca"]): boolean {
  if (shown.subject !== shown.issuer) return false;
  const nowMs = systemClock.now();
  const holds = ({ validFromDate, validToDate }: X509Certificate) => validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime();
  const texts = [authorities ?? []].flat().flatMap((text) => certificatesIn(text.toString("latin1")));
  return texts
    .map((pem) => new X509Certificate(pem))
    .some((authority) => authority.ca && holds(authority) && shown.checkIssued(authority) && shown.verify(authority.publicKey));
}
