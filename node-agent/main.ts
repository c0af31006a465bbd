import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { createHttpClient } from "../engine/client/http-client.ts";
import { ServerList } from "../engine/client/server-list.ts";
import { systemClock } from "../engine/lib/clock.ts";
import { createLogger } from "../engine/lib/log.ts";
import { systemRandom } from "../engine/lib/random.ts";
import { runAgent } from "./agent.ts";
import { kubeletFilesOf, parseAgentFlags } from "./agent-flags.ts";
import { agentLog, isToldNetwork, resolveAgentConfig } from "./config.ts";
import { joinCluster, obtainCertificates, renewalProof } from "./join-cluster.ts";
import { idleFlagNotices, readKubeletConfiguration } from "./kubelet-config-file.ts";
import { learnNetwork } from "./learn-network.ts";
import { agentAddresses } from "./machine-address.ts";
import { machineProblem } from "./machine-problem.ts";
import { createIdentityRenewal, NodeIdentity } from "./node-identity.ts";
import { readServers, SERVERS_FILE } from "./node/follow-servers.ts";
import { GIT_VERSION } from "../engine/server/version.ts";

/** `mainstay agent`: joins if need be, then runs the agent until it is told to stop, or its parent process is gone. */
export async function runAgentCommand(args: readonly string[]): Promise<void> {
  const flags = parseAgentFlags(args);
  const files = readKubeletConfiguration(...kubeletFilesOf(flags, process.env));
  const notices = [...files.notices, ...idleFlagNotices(flags)];
  const told = resolveAgentConfig(flags, process.env, {}, files.told);
  const problem = machineProblem(told);
  if (problem !== undefined) throw new Error(problem);
  mkdirSync(told.dataDir, { recursive: true, mode: 0o700 });
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
  // Started by `mainstay server`: without it there is nobody to answer to, and the next one brings its own agent.
  if (process.send !== undefined) process.on("disconnect", () => stop.abort());
  const config = isToldNetwork(flags, process.env, files.told) ? told : resolveAgentConfig(flags, process.env, await learnNetwork(told), files.told);
  const nodeIps = agentAddresses(config);
  const kubeconfig = config.kubeconfig ?? (await joinCluster(config, nodeIps, systemClock.now()));
  const folder = path.dirname(kubeconfig);
  const logger = createLogger(config.logLevel, agentLog(config.dataDir));
  for (const notice of notices) logger.warn(notice);
  const identity = new NodeIdentity(kubeconfig);
  const connection = identity.connection.current;
  // A server's own agent lives and dies with it; one that has joined goes to whichever server of the cluster answers.
  const serversFile = path.join(folder, SERVERS_FILE);
  const servers = new ServerList(config.kubeconfig === undefined ? readServers(serversFile, connection.server) : [connection.server]);
  const client = createHttpClient(identity.connection, `mainstay-agent/${GIT_VERSION}`, servers);
  const endpoint = { certificate: identity.serving, clientCa: readFileSync(config.clientCaFile ?? path.join(folder, "ca.crt"), "utf8") };
  const renewal = createIdentityRenewal(identity, {
    renew: () => obtainCertificates(config.nodeName, nodeIps, folder, renewalProof(identity, servers.pick().url)),
    clock: systemClock,
    random: systemRandom,
    logger,
  });
  try {
    await runAgent(
      config,
      {
        client,
        clock: systemClock,
        random: systemRandom,
        logger,
        nodeIps,
        connection: identity.connection,
        endpoint,
        services: [renewal],
        version: GIT_VERSION,
        ...(config.kubeconfig === undefined ? { servers: { list: servers, first: connection.server, file: serversFile } } : {}),
      },
      stop.signal,
    );
  } finally {
    // The open channel to the server would keep this process, and so the server, waiting for ever.
    if (process.connected) process.disconnect();
  }
}
