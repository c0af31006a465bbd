import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import path from "node:path";
import { createSigningRequest, readCertificate } from "../engine/auth/certificates.ts";
import { hashOfAuthority, parseNodeToken } from "../engine/auth/node-token.ts";
import { formatKubeconfig, readKubeconfig } from "../engine/client/kubeconfig.ts";
import type { AgentConfig } from "./config.ts";

interface JoinAnswer {
  readonly certificate: string;
  readonly ca: string;
  readonly servingCertificate?: string;
}

const TIMEOUT_MS = 30_000;

/**
 * Gets this machine its certificates with the join token, once; they are kept in the data directory, and renewed at a start when they end soon. A token that carries the hash of
 * the cluster's authority is given only to a server of that authority; with a bare token the server is trusted on this first use.
 * The machine's own password, made here, keeps its name to it. Throws with what the server said.
 */
export async function joinCluster(config: AgentConfig, nodeIp: string, nowMs: number): Promise<string> {
  const folder = path.join(config.dataDir, "pki");
  const file = path.join(folder, "kubeconfig.yaml");
  if (existsSync(file)) {
    await renewIfEnding(config, folder, nodeIp, nowMs);
    return file;
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const server = (config.server ?? "").replace(/\/$/, "");
  const { caHash, secret } = parseNodeToken(config.token ?? "");
  const trusted = caHash === undefined ? undefined : await fetchAuthority(server, caHash);
  await obtain(config.nodeName, nodeIp, folder, { server, trusted, token: secret });
  return file;
}

/** A certificate is replaced when less than this part of its life is left. */
const RENEW_SHARE = 0.3;

/** A node that has joined gets its next certificates with the ones it has. While those are good, a server that does not answer is no reason not to start. */
async function renewIfEnding({ nodeName }: AgentConfig, folder: string, nodeIp: string, nowMs: number): Promise<void> {
  const { server, ca, certificate = "", key = "" } = readKubeconfig(path.join(folder, "kubeconfig.yaml"));
  const { notBeforeMs, notAfterMs } = readCertificate(certificate);
  if (notAfterMs - nowMs > (notAfterMs - notBeforeMs) * RENEW_SHARE) return;
  try {
    await obtain(nodeName, nodeIp, folder, { server, trusted: ca, certificate, key });
  } catch (error) {
    if (nowMs > notAfterMs) throw new Error(`the certificate of node ${nodeName} has ended; remove ${folder}/kubeconfig.yaml and join again with a token`, { cause: error });
    process.stderr.write(`the certificate of node ${nodeName} could not be renewed, going on with the old one: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

/** How this machine proves that it may have certificates: with a token, or with those it has. */
type Proof = { readonly server: string; readonly trusted: string | undefined } & ({ readonly token: string } | { readonly certificate: string; readonly key: string });

/** Asks for both certificates of the node and keeps them in the folder. */
async function obtain(nodeName: string, nodeIp: string, folder: string, proof: Proof): Promise<void> {
  const user = `system:node:${nodeName}`;
  const client = await createSigningRequest(user, ["system:nodes"]);
  const serving = await createSigningRequest(user, ["system:nodes"]);
  const body = { nodeName, nodePassword: machinePassword(folder), csr: client.request, servingCsr: serving.request, addresses: [nodeIp] };
  const answer = JSON.parse(await send(`${proof.server}/mainstay/v1/join`, proof.trusted, { proof, body })) as JoinAnswer; // the server's own form
  if (proof.trusted !== undefined && answer.ca !== proof.trusted) throw new Error(`${proof.server} answered with another authority than the one that is trusted`);
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text, { mode: 0o600 });
  write("ca.crt", answer.ca);
  write("serving.crt", answer.servingCertificate ?? answer.certificate);
  write("serving.key", answer.servingCertificate === undefined ? client.key : serving.key);
  // Last: it says that all is there.
  write("kubeconfig.yaml", formatKubeconfig({ server: proof.server, ca: answer.ca, certificate: answer.certificate, key: client.key }, { cluster: "mainstay", user }));
}

/** The authority's certificate, if it is the one that the token names: nothing secret has been sent before. */
async function fetchAuthority(server: string, caHash: string): Promise<string> {
  const ca = await send(`${server}/mainstay/v1/ca`, undefined, undefined);
  if (hashOfAuthority(ca) !== caHash) throw new Error(`${server} belongs to another cluster than the token, or somebody is between: its authority's hash is ${hashOfAuthority(ca)}, the token names ${caHash}`);
  return ca;
}

/** Kept through restarts and attempts: it is how the server knows this machine again. */
function machinePassword(folder: string): string {
  const file = path.join(folder, "node-password");
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString("base64url"), { mode: 0o600 });
  return readFileSync(file, "utf8").trim();
}

/** A GET, or with a body a POST. Without an authority any server is talked to. */
function send(url: string, ca: string | undefined, post: { readonly proof: Proof; readonly body: unknown } | undefined): Promise<string> {
  const payload = post === undefined ? undefined : JSON.stringify(post.body);
  const bearer: Record<string, string> = post !== undefined && "token" in post.proof ? { authorization: `Bearer ${post.proof.token}` } : {};
  const identity = post !== undefined && "certificate" in post.proof ? { cert: post.proof.certificate, key: post.proof.key } : {};
  const headers = post === undefined ? {} : { ...bearer, "content-type": "application/json", "content-length": Buffer.byteLength(payload ?? "") };
  const trust = ca === undefined ? { rejectUnauthorized: false } : { ca };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: post === undefined ? "GET" : "POST", ...trust, ...identity, headers, signal: AbortSignal.timeout(TIMEOUT_MS), agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200 || response.statusCode === 201) resolve(text);
        else reject(new Error(`${url} refused to let this machine join (${response.statusCode}): ${messageOf(text)}`));
      });
    });
    outgoing.on("error", (error) => reject(new Error(`join through ${url}: ${error.message}`, { cause: error })));
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
