import { hostAndPort } from "./net/ip-address.ts";
import { describeCertificateError } from "./net/tls-connection.ts";

interface SystemError extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
}

/** Why a call failed, in the words that people know from Kubernetes and search for. */
export function describeCallError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = "", address, port, hostname = "", message } = error as SystemError; // whatever Node adds to its errors
  const place = address === undefined ? "" : ` ${hostAndPort(address, port ?? 0)}`;
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
    default:
      return describeCertificateError(error) ?? message;
  }
}
