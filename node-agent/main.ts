import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { Command } from "commander";
import { createHttpClient } from "../engine/client/http-client.ts";
import { ServerList } from "../engine/client/server-list.ts";
import { systemClock } from "../engine/lib/clock.ts";
import { createLogger } from "../engine/lib/log.ts";
import { systemRandom } from "../engine/lib/random.ts";
import { runAgent } from "./agent.ts";
import { agentLog, agentOptions, isToldNetwork, resolveAgentConfig } from "./config.ts";
import { joinCluster, obtainCertificates, renewalProof } from "./join-cluster.ts";
import { learnNetwork } from "./learn-network.ts";
import { agentAddresses } from "./machine-address.ts";
import { createIdentityRenewal, NodeIdentity } from "./node-identity.ts";
import { readServers, SERVERS_FILE } from "./node/follow-servers.ts";
import { GIT_VERSION } from "../engine/server/version.ts";

/** `mainstay agent`: joins if need be, then runs the agent until it is told to stop, or its parent process is gone. */
export async function runAgentCommand(args: readonly string[]): Promise<void> {
  const command = new Command("mainstay agent").description("run the node agent and join a cluster");
  for (const row of agentOptions) command.option(row.flags, `${row.description} [MAINSTAY_…]${row.default === undefined ? "" : ` (default: ${row.default})`}`);
  command.option("--no-install", "refuse to install missing packages; print the command that would");
  const flags = command.parse([...args], { from: "user" }).opts();
  const told = resolveAgentConfig(flags, process.env);
  mkdirSync(told.dataDir, { recursive: true, mode: 0o700 });
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
  // Started by `mainstay server`: without it there is nobody to answer to, and the next one brings its own agent.
  if (process.send !== undefined) process.on("disconnect", () => stop.abort());
  const config = isToldNetwork(flags, process.env) ? told : resolveAgentConfig(flags, process.env, await learnNetwork(told));
  const nodeIps = agentAddresses(config);
  const kubeconfig = config.kubeconfig ?? (await joinCluster(config, nodeIps, systemClock.now()));
  const folder = path.dirname(kubeconfig);
  const logger = createLogger(config.logLevel, agentLog(config.dataDir));
  const identity = new NodeIdentity(kubeconfig);
  const connection = identity.connection.current;
  // A server's own agent lives and dies with it; one that has joined goes to whichever server of the cluster answers.
  const serversFile = path.join(folder, SERVERS_FILE);
  const servers = new ServerList(config.kubeconfig === undefined ? readServers(serversFile, connection.server) : [connection.server]);
  const client = createHttpClient(identity.connection, `mainstay-agent/${GIT_VERSION}`, servers);
  const endpoint = { certificate: identity.serving, clientCa: readFileSync(path.join(folder, "ca.crt"), "utf8") };
  const renewal = createIdentityRenewal(identity, { renew: () => obtainCertificates(config.nodeName, nodeIps, folder, renewalProof(identity, servers.pick().url)), clock: systemClock, random: systemRandom, logger });
  try {
    await runAgent(config, { client, clock: systemClock, random: systemRandom, logger, nodeIps, endpoint, services: [renewal], version: GIT_VERSION, ...(config.kubeconfig === undefined ? { servers: { list: servers, first: connection.server, file: serversFile } } : {}) }, stop.signal);
  } finally {
    // The open channel to the server would keep this process, and so the server, waiting for ever.
    if (process.connected) process.disconnect();
  }
}
