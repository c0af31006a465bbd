import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { ClientCertificate, Credentials } from "../../auth/authenticate.ts";
import { readCertificateFields } from "../../auth/certificate-fields.ts";
import type { RequestNotes } from "../../apimachinery/request-notes.ts";
import { readHeaderText } from "../../lib/header-text.ts";
import type { Headers } from "../../auth/authentication/request-header.ts";

const CHAIN_MAX = 8;

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
export function credentialsOf({ certificate }: Connection, headers: Headers, notes?: RequestNotes): Credentials {
  const [authorization] = [headers["authorization"]].flat();
  const bearer = bearerOfHeader(authorization, notes);
  return { headers, ...(certificate === undefined ? {} : { certificate }), ...(bearer === undefined ? {} : { bearer }) };
}

function bearerOfHeader(authorization = "", notes?: RequestNotes): string | undefined {
  const [scheme = "", token, ...more] = readHeaderText(authorization).trim().split(" ");
  if (scheme.toLowerCase() !== "bearer") return undefined;
  if (token === "" && more.length > 0) notes?.warn("the provided Authorization header contains extra space before the bearer token, and is ignored");
  return token || undefined;
}

function readPeer(socket: Partial<TLSSocket>): ClientCertificate | undefined {
  const peer = socket.getPeerCertificate?.(true);
  // Without a certificate node answers an empty object.
  if (peer === undefined || Object.keys(peer).length === 0) return undefined;
  return {
    ...namesOf(peer.raw),
    fingerprint: (peer.fingerprint256 ?? "").replaceAll(":", "").toLowerCase(),
    chain: chainOf(peer),
  };
}

/** What nobody can read names nobody, and no authority's word makes it good. */
function namesOf(bytes: Buffer): Pick<ClientCertificate, "commonName" | "organizations" | "uids"> {
  try {
    const { commonName, organizations, uids } = readCertificateFields(bytes);
    return { commonName, organizations, uids };
  } catch {
    return { commonName: "", organizations: [], uids: [] };
  }
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
