import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import path from "node:path";
import { createSigningRequest } from "../engine/auth/certificates.ts";
import { hashOfAuthority, parseNodeToken } from "../engine/auth/node-token.ts";
import { formatKubeconfig } from "../engine/client/kubeconfig.ts";
import type { AgentConfig } from "./config.ts";

interface JoinAnswer {
  readonly certificate: string;
  readonly ca: string;
  readonly servingCertificate?: string;
}

const TIMEOUT_MS = 30_000;

/**
 * Gets this machine its certificates with the join token, once; they are kept in the data directory. A token that carries the hash of
 * the cluster's authority is given only to a server of that authority; with a bare token the server is trusted on this first use.
 * The machine's own password, made here, keeps its name to it. Throws with what the server said.
 */
export async function joinCluster(config: AgentConfig, nodeIp: string): Promise<string> {
  const folder = path.join(config.dataDir, "pki");
  const file = path.join(folder, "kubeconfig.yaml");
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const server = (config.server ?? "").replace(/\/$/, "");
  const { caHash, secret } = parseNodeToken(config.token ?? "");
  const trusted = caHash === undefined ? undefined : await fetchAuthority(server, caHash);
  const user = `system:node:${config.nodeName}`;
  const client = await createSigningRequest(user, ["system:nodes"]);
  const serving = await createSigningRequest(user, ["system:nodes"]);
  const body = { nodeName: config.nodeName, nodePassword: machinePassword(folder), csr: client.request, servingCsr: serving.request, addresses: [nodeIp] };
  const answer = JSON.parse(await send(`${server}/mainstay/v1/join`, trusted, { token: secret, body })) as JoinAnswer; // the server's own form
  if (caHash !== undefined && hashOfAuthority(answer.ca) !== caHash) throw new Error(`${server} answered with another authority than the token names`);
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text, { mode: 0o600 });
  write("ca.crt", answer.ca);
  write("serving.crt", answer.servingCertificate ?? answer.certificate);
  write("serving.key", answer.servingCertificate === undefined ? client.key : serving.key);
  // Last: it says that all is there.
  write("kubeconfig.yaml", formatKubeconfig({ server, ca: answer.ca, certificate: answer.certificate, key: client.key }, { cluster: "mainstay", user }));
  return file;
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
function send(url: string, ca: string | undefined, post: { readonly token: string; readonly body: unknown } | undefined): Promise<string> {
  const payload = post === undefined ? undefined : JSON.stringify(post.body);
  const headers = post === undefined ? {} : { authorization: `Bearer ${post.token}`, "content-type": "application/json", "content-length": Buffer.byteLength(payload ?? "") };
  const trust = ca === undefined ? { rejectUnauthorized: false } : { ca };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: post === undefined ? "GET" : "POST", ...trust, headers, signal: AbortSignal.timeout(TIMEOUT_MS), agent: false }, (response) => {
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
