import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { ClientCertificate, Credentials } from "../../auth/authenticate.ts";
import type { Headers } from "../../auth/authentication/request-header.ts";

const CHAIN_MAX = 8;
const TOKEN_PROTOCOL = "base64url.bearer.authorization.k8s.io.";

/** What all requests of a connection have in common. */
export interface Connection {
  /** Of IPv4 as such, also where the socket takes both families. */
  readonly remoteAddress: string | undefined;
  readonly remotePort?: number | undefined;
  /** Absent when the client has shown none. */
  readonly certificate?: ClientCertificate;
}

/** None of it changes while a connection lasts: it is read once, from a socket that HTTP/2 makes costly to look at. */
const connections = new WeakMap<object, Connection>();

/** `owner` lives as long as the connection: its socket, or its HTTP/2 session. */
export function connectionOf(owner: object, socketOf: () => object | undefined): Connection {
  let connection = connections.get(owner);
  if (connection === undefined) {
    const socket: Partial<TLSSocket> = socketOf() ?? {};
    const certificate = readPeer(socket);
    connections.set(
      owner,
      (connection = {
        remoteAddress: socket.remoteAddress?.replace(/^::ffff:/, ""),
        remotePort: socket.remotePort,
        ...(certificate === undefined ? {} : { certificate }),
      }),
    );
  }
  return connection;
}

/** The headers with every value of those that came several times: node joins them by commas, which names of groups may hold as well. */
export function distinctHeaders({ headers, rawHeaders }: { readonly headers: Headers; readonly rawHeaders: readonly string[] }): Headers {
  if (rawHeaders.length === 2 * Object.keys(headers).length) return headers;
  const distinct: Record<string, string[]> = {};
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) (distinct[rawHeaders[index]?.toLowerCase() ?? ""] ??= []).push(rawHeaders[index + 1] ?? "");
  return { ...headers, ...Object.fromEntries(Object.entries(distinct).filter(([name, values]) => values.length > 1 && headers[name] !== undefined)) };
}

/**
 * What a client has shown of itself. An authorization that is not a bearer token says nothing: proxies and probes send such ones, and
 * others beside a certificate.
 */
export function credentialsOf({ certificate }: Connection, headers: Headers): Credentials {
  const [authorization] = [headers["authorization"]].flat();
  const bearer = bearerOfHeader(authorization) ?? bearerOfProtocols(headers["sec-websocket-protocol"]);
  return { headers, ...(certificate === undefined ? {} : { certificate }), ...(bearer === undefined ? {} : { bearer }) };
}

function bearerOfHeader(authorization = ""): string | undefined {
  const [scheme = "", token] = authorization.trim().split(" ");
  return scheme.toLowerCase() === "bearer" ? token || undefined : undefined;
}

/** Browsers can give a WebSocket no headers, so the token comes as one of its protocols. */
function bearerOfProtocols(protocols: string | readonly string[] | undefined): string | undefined {
  if (protocols === undefined) return undefined;
  const given = [protocols]
    .flat()
    .flatMap((list) => list.split(","))
    .map((protocol) => protocol.trim())
    .find((protocol) => protocol.startsWith(TOKEN_PROTOCOL));
  return given === undefined ? undefined : Buffer.from(given.slice(TOKEN_PROTOCOL.length), "base64url").toString("utf8") || undefined;
}

function readPeer(socket: Partial<TLSSocket>): ClientCertificate | undefined {
  const peer = socket.getPeerCertificate?.(true);
  // Without a certificate node answers an empty object.
  if (peer === undefined || Object.keys(peer).length === 0) return undefined;
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
  for (
    let current: DetailedPeerCertificate | undefined = peer;
    current !== undefined && !seen.has(current) && chain.length < CHAIN_MAX;
    current = current.issuerCertificate
  ) {
    seen.add(current);
    chain.push(current.raw);
  }
  return chain;
}
