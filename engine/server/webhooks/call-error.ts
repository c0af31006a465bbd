import { hostAndPort } from "../../lib/ip-address.ts";

interface SystemError extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
  readonly host?: string;
  readonly cert?: { readonly subjectaltname?: string };
}

const UNKNOWN_AUTHORITY = ["DEPTH_ZERO_SELF_SIGNED_CERT", "SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "CERT_SIGNATURE_FAILURE"];

/** Whether nobody who is trusted has signed the other end's certificate, as far as OpenSSL can tell. */
export function isOfUnknownAuthority(error: unknown): boolean {
  return error instanceof Error && UNKNOWN_AUTHORITY.includes((error as SystemError).code ?? "");
}

/** Why a call failed, in the words that people know from Kubernetes and search for. */
export function describeCallError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = "", address, port, hostname = "", host = "", cert, message } = error as SystemError; // whatever Node adds to its errors
  const place = address === undefined ? "" : ` ${hostAndPort(address, port ?? 0)}`;
  if (isOfUnknownAuthority(error)) return "tls: failed to verify certificate: x509: certificate signed by unknown authority";
  switch (code) {
    case "ECONNREFUSED":
      return `dial tcp${place}: connect: connection refused`;
    case "EHOSTUNREACH":
      return `dial tcp${place}: connect: no route to host`;
    case "ENETUNREACH":
      return `dial tcp${place}: connect: network is unreachable`;
    case "ETIMEDOUT":
      return `dial tcp${place}: i/o timeout`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `dial tcp: lookup ${hostname}: no such host`;
    case "ECONNRESET":
      return "EOF";
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return "tls: failed to verify certificate: x509: certificate has expired or is not yet valid";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `tls: failed to verify certificate: x509: certificate is valid for ${(cert?.subjectaltname ?? "").replace(/DNS:|IP Address:/g, "") || "no name"}, not ${host}`;
    default:
      return message;
  }
}
