import { connectionBy } from "../lib/net/dial.ts";
import { nodeJs } from "../lib/late-modules.ts";
import { refuseUpgrade } from "../lib/net/refuse-upgrade.ts";
import { API_SERVER_NAME } from "../apimachinery/names.ts";
import { AUTHORITY_PATH, NETWORK_PATH } from "./join-paths.ts";
import { hashOfAuthority } from "./node-token.ts";

/** How a machine proves that it may have what it asks for: with a token, or with the certificate that it has. */
export type JoinProof = { readonly token: string } | { readonly certificate: string; readonly key: string };

/** The server understood, and said no; `code` is HTTP's. */
export class JoinRefusedError extends Error {
  override readonly name = "JoinRefusedError";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** What every agent of a cluster has to know of its network; where there are two families, both have a part, with a comma between them. */
export interface ClusterNetwork {
  /** The addresses of all pods. */
  readonly clusterCidr: string;
  /** Where pods ask for names. */
  readonly clusterDns: string;
  /** What these names end in. */
  readonly clusterDomain: string;
}

const TIMEOUT_MS = 30_000;

/** The authority's certificate, PEM, if it is the one that the token names: nothing secret has been sent before. */
export async function fetchAuthority(server: string, caHash: string): Promise<string> {
  const ca = await call(`${server}${AUTHORITY_PATH}`);
  if (hashOfAuthority(ca) !== caHash)
    throw new Error(
      `${server} belongs to another cluster than the token, or somebody is between: its authority's hash is ${hashOfAuthority(ca)}, the token names ${caHash}`,
    );
  return ca;
}

/**
 * Sends a request to join and gives the decoded answer. Without an authority (a token that names none) any server is talked to.
 * Rejects with a JoinRefusedError for a server's no, and with what was tried for everything else.
 */
export async function askToJoin(url: string, trusted: string | undefined, proof: JoinProof, body: unknown): Promise<unknown> {
  return JSON.parse(await call(url, { trusted, proof, body })); // the server's own form, checked by whoever asks
}

/** What a server says of the cluster's network. Rejects as `askToJoin` does: with a JoinRefusedError of 403 or 404 for a server of an earlier version. */
export async function fetchNetwork(server: string, trusted: string | undefined, proof: JoinProof, timeoutMs = TIMEOUT_MS): Promise<ClusterNetwork> {
  const { clusterCidr, clusterDns, clusterDomain } = JSON.parse(await call(`${server}${NETWORK_PATH}`, { trusted, proof, timeoutMs })) as ClusterNetwork; // as the server writes it
  return { clusterCidr, clusterDns, clusterDomain };
}

interface CallOptions {
  readonly trusted?: string | undefined;
  readonly proof?: JoinProof;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

/** A GET, or with something to post a POST. */
function call(url: string, { trusted: ca, proof, body, timeoutMs = TIMEOUT_MS }: CallOptions = {}): Promise<string> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const bearer: Record<string, string> = proof !== undefined && "token" in proof ? { authorization: `Bearer ${proof.token}` } : {};
  const identity = proof !== undefined && "certificate" in proof ? { cert: proof.certificate, key: proof.key } : {};
  const headers = { ...bearer, ...(payload === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(payload) }) };
  const trust = ca === undefined ? { rejectUnauthorized: false } : { ca };
  return new Promise((resolve, reject) => {
    const outgoing = nodeJs.https.request(
      url,
      {
        method: payload === undefined ? "GET" : "POST",
        servername: API_SERVER_NAME,
        ...trust,
        ...identity,
        headers,
        signal: AbortSignal.timeout(timeoutMs),
        ...connectionBy(undefined, "https"),
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("error", reject);
        response.on("end", () => {
          const { statusCode = 0 } = response;
          if (statusCode === 200 || statusCode === 201) resolve(text);
          else reject(new JoinRefusedError(statusCode, `${url} refused to let this machine join (${statusCode}): ${messageOf(text)}`));
        });
      },
    );
    outgoing.on("error", (error) => reject(new Error(`join through ${url}: ${error.message}`, { cause: error })));
    refuseUpgrade(outgoing);
    outgoing.end(payload);
  });
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { readonly message?: string }).message ?? text; // a Status, or something else with a message
  } catch {
    return text.slice(0, 300);
  }
}
