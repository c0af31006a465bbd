import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fetchNetwork, JoinRefusedError, type ClusterNetwork } from "../engine/auth/join-call.ts";
import { jsonEqual } from "../engine/lib/freeze.ts";
import { describeError } from "../engine/lib/log.ts";
import { writeWholeFile } from "../engine/lib/whole-file.ts";
import type { AgentConfig } from "./agent-options.ts";
import { joinedKubeconfig, renewalProof, tokenProof, type Proof } from "./join-cluster.ts";
import { NodeIdentity } from "./node-identity.ts";
import { readServers, SERVERS_FILE } from "./node/follow-servers.ts";

/** A node that has joined knows what it learned before; it does not wait long for what may be new. */
const KNOWN_TIMEOUT_MS = 5_000;

/**
 * The cluster's network as its servers tell it, asked at each start of an agent that was not told all of it: of the server that it joins,
 * or of all that a node knows when it has joined, whichever answers first. While none does, what was learned last holds. Nothing of
 * it for servers of earlier versions, which do not tell. Rejects for a machine that has not joined when its server does not answer.
 */
export async function learnNetwork(config: Pick<AgentConfig, "dataDir" | "kubeconfig" | "server" | "token">): Promise<Partial<ClusterNetwork>> {
  const file = path.join(config.dataDir, "network.json");
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as ClusterNetwork) : undefined; // written below
  const kubeconfig = config.kubeconfig ?? joinedKubeconfig(config.dataDir);
  const hasJoined = existsSync(kubeconfig);
  try {
    const proofs = hasJoined ? nodeProofs(kubeconfig) : [await tokenProof(config)];
    const told = await Promise.any(proofs.map((proof) => fetchNetwork(proof.server, proof.trusted, proof, hasJoined ? KNOWN_TIMEOUT_MS : undefined)));
    if (!jsonEqual(told, known)) writeWholeFile(file, JSON.stringify(told));
    return told;
  } catch (error) {
    const reasons = error instanceof AggregateError ? (error.errors as readonly unknown[]) : [error];
    if (reasons.some(isEarlierVersion)) return known ?? {};
    if (!hasJoined) throw reasons[0];
    process.stderr.write(
      `no server says what the cluster's network is, going on with ${known === undefined ? "the usual one" : "what was learned before"}: ${describeError(reasons[0])}\n`,
    );
    return known ?? {};
  }
}

function nodeProofs(kubeconfig: string): readonly Proof[] {
  const identity = new NodeIdentity(kubeconfig);
  const servers = readServers(path.join(path.dirname(kubeconfig), SERVERS_FILE), identity.connection.current.server);
  return servers.map((server) => renewalProof(identity, server));
}

/** It has no such page, nor a right to it that it could have given. */
function isEarlierVersion(error: unknown): boolean {
  return error instanceof JoinRefusedError && (error.code === 404 || error.code === 403);
}
