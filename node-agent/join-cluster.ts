import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { NODES_GROUP, nodeUsername } from "../engine/apimachinery/known-users.ts";
import { API_SERVER_NAME } from "../engine/apimachinery/names.ts";
import { createSigningRequest, readCertificate } from "../engine/auth/certificates.ts";
import { askToJoin, fetchAuthority, type JoinProof } from "../engine/auth/join-call.ts";
import { JOIN_PATH } from "../engine/auth/join-paths.ts";
import { parseNodeToken } from "../engine/auth/node-token.ts";
import { formatKubeconfig } from "../engine/client/kubeconfig.ts";
import { writeWholeFile } from "../engine/lib/whole-file.ts";
import type { AgentConfig } from "./agent-options.ts";
import { NodeIdentity } from "./node-identity.ts";

interface JoinAnswer {
  readonly certificate: string;
  readonly ca: string;
  readonly servingCertificate?: string;
}

/**
 * Gets this machine its certificates with the join token, once; they are kept in the data directory, and renewed at a start when they end
 * soon (node-identity.ts renews them in between). A token that carries the hash of the cluster's authority is given only to a server of
 * that authority; with a bare token the server is trusted on this first use.
 * The machine's own password, made here, keeps its name to it. Throws with what the server said.
 */
export async function joinCluster(config: AgentConfig, nodeIps: readonly string[], nowMs: number): Promise<string> {
  const file = joinedKubeconfig(config.dataDir);
  const folder = path.dirname(file);
  if (existsSync(file)) {
    await renewIfEnding(config, folder, nodeIps, nowMs);
    return file;
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await obtainCertificates(config.nodeName, nodeIps, folder, await tokenProof(config));
  return file;
}

/** Where a machine that has joined has its certificates; there is no such file before. */
export function joinedKubeconfig(dataDir: string): string {
  return path.join(dataDir, "pki", "kubeconfig.yaml");
}

/** The proof of a machine that has not joined yet, for the server that it was told of. */
export async function tokenProof(config: Pick<AgentConfig, "server" | "token">): Promise<Proof> {
  const server = (config.server ?? "").replace(/\/$/, "");
  const { caHash, secret } = parseNodeToken(config.token ?? "");
  return { server, trusted: caHash === undefined ? undefined : await fetchAuthority(server, caHash), token: secret };
}

/** A certificate is replaced when less than this part of its life is left. */
const RENEW_SHARE = 0.3;

/** A node that has joined gets its next certificates with the ones it has. While those are good, a server that does not answer is no reason not to start. */
async function renewIfEnding({ nodeName }: AgentConfig, folder: string, nodeIps: readonly string[], nowMs: number): Promise<void> {
  const identity = new NodeIdentity(path.join(folder, "kubeconfig.yaml"));
  const { server, certificate = "" } = identity.connection.current;
  const { notBeforeMs, notAfterMs } = readCertificate(certificate);
  if (notAfterMs - nowMs > (notAfterMs - notBeforeMs) * RENEW_SHARE) return;
  try {
    await obtainCertificates(nodeName, nodeIps, folder, renewalProof(identity, server));
  } catch (error) {
    if (nowMs > notAfterMs)
      throw new Error(`the certificate of node ${nodeName} has ended; remove ${folder}/kubeconfig.yaml and join again with a token`, { cause: error });
    process.stderr.write(
      `the certificate of node ${nodeName} could not be renewed, going on with the old one: ${error instanceof Error ? error.message : String(error)}\n`,
    );
  }
}

/** A node's certificate is the proof that it may have the next one. */
export function renewalProof({ connection }: NodeIdentity, server: string): Proof {
  const { ca, certificate = "", key = "" } = connection.current;
  return { server, trusted: ca, certificate, key };
}

export type Proof = { readonly server: string; readonly trusted: string | undefined } & JoinProof;

/** Asks for both certificates of the node and keeps them in the folder. Rejects with what the server said, or why it could not be asked. */
export async function obtainCertificates(nodeName: string, nodeIps: readonly string[], folder: string, proof: Proof): Promise<void> {
  const user = nodeUsername(nodeName);
  const client = await createSigningRequest(user, [NODES_GROUP]);
  const serving = await createSigningRequest(user, [NODES_GROUP]);
  const body = { nodeName, nodePassword: machinePassword(folder), csr: client.request, servingCsr: serving.request, addresses: nodeIps };
  const answer = (await askToJoin(`${proof.server}${JOIN_PATH}`, proof.trusted, proof, body)) as JoinAnswer; // the server's own form
  if (proof.trusted !== undefined && answer.ca !== proof.trusted)
    throw new Error(`${proof.server} answered with another authority than the one that is trusted`);
  const write = (name: string, text: string) => writeWholeFile(path.join(folder, name), text);
  write("ca.crt", answer.ca);
  write("serving.crt", answer.servingCertificate ?? answer.certificate);
  write("serving.key", answer.servingCertificate === undefined ? client.key : serving.key);
  // Last: it says that all is there.
  write(
    "kubeconfig.yaml",
    formatKubeconfig(
      { server: proof.server, ca: answer.ca, serverName: API_SERVER_NAME, certificate: answer.certificate, key: client.key },
      { cluster: "mainstay", user },
    ),
  );
}

/** Kept through restarts and attempts: it is how the server knows this machine again. */
function machinePassword(folder: string): string {
  const file = path.join(folder, "node-password");
  if (!existsSync(file)) writeWholeFile(file, randomBytes(24).toString("base64url"));
  return readFileSync(file, "utf8").trim();
}
