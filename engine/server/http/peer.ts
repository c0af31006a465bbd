import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { StatusError } from "../../apimachinery/status-error.ts";
import type { ClientCertificate, Credentials } from "../../auth/authenticate.ts";
import { valuesOf, type Headers } from "../../auth/authentication/request-header.ts";

const CHAIN_MAX = 8;
const TOKEN_PROTOCOL = "base64url.bearer.authorization.k8s.io.";

/** What node gives us of a request; on HTTP/2 the connection is that of the session. */
export interface RawRequest {
  readonly socket: unknown;
  readonly stream?: { readonly session?: { readonly socket: unknown } | undefined };
}

/** A connection's certificate does not change: it is read once. */
const certificates = new WeakMap<object, ClientCertificate | "none">();

/** What a client has shown of itself. Throws 401 for an authorization that is not a bearer token. */
export function credentialsOf(raw: RawRequest, headers: Headers): Credentials {
  const session = raw.stream?.session;
  const connection = (session ?? raw.socket) as object; // either is an object that lives as long as the connection
  let certificate = certificates.get(connection);
  if (certificate === undefined) certificates.set(connection, (certificate = readPeer((session?.socket ?? raw.socket) as Partial<TLSSocket>)));
  const authorization = headers["authorization"];
  const bearer = typeof authorization === "string" ? /^bearer +(\S+)$/i.exec(authorization.trim())?.[1] : bearerOfProtocols(headers["sec-websocket-protocol"]);
  if (authorization !== undefined && bearer === undefined) throw new StatusError("Unauthorized", "Unauthorized");
  return { headers, ...(certificate === "none" ? {} : { certificate }), ...(bearer === undefined ? {} : { bearer }) };
}

/** Browsers can give a WebSocket no headers, so the token comes as one of its protocols. */
function bearerOfProtocols(protocols: string | readonly string[] | undefined): string | undefined {
  const given = valuesOf(protocols).find((protocol) => protocol.startsWith(TOKEN_PROTOCOL));
  return given === undefined ? undefined : Buffer.from(given.slice(TOKEN_PROTOCOL.length), "base64url").toString("utf8") || undefined;
}

function readPeer(socket: Partial<TLSSocket>): ClientCertificate | "none" {
  const peer = socket.getPeerCertificate?.(true);
  // Without a certificate node answers an empty object.
  if (peer === undefined || Object.keys(peer).length === 0) return "none";
  const { CN, O } = peer.subject as { readonly CN?: string | readonly string[]; readonly O?: string | readonly string[] }; // repeated names come as lists
  return {
    commonName: [CN ?? ""].flat()[0] ?? "",
    organizations: O === undefined ? [] : [O].flat(),
    fingerprint: (peer.fingerprint256 ?? "").replaceAll(":", "").toLowerCase(),
    chain: chainOf(peer),
  };
}

/** The certificate and what was shown to lead from it to an authority; the last one may name itself as its issuer. */
function chainOf(peer: DetailedPeerCertificate): readonly Buffer[] {
  const chain: Buffer[] = [];
  const seen = new Set<DetailedPeerCertificate>();
  for (let current: DetailedPeerCertificate | undefined = peer; current !== undefined && !seen.has(current) && chain.length < CHAIN_MAX; current = current.issuerCertificate) {
    seen.add(current);
    chain.push(current.raw);
  }
  return chain;
}
