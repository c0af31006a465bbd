import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { agentLog } from "../../node-agent/config.ts";
import { machineAddress } from "../../node-agent/machine-address.ts";
import { createAgentProcess } from "../agent-process.ts";
import { NODES_GROUP, nodeUsername } from "../apimachinery/known-users.ts";
import { API_SERVER_NAME } from "../apimachinery/names.ts";
import type { ClusterPki } from "../auth/cluster-pki.ts";
import { during } from "../cli/progress.ts";
import type { Client } from "../client/client.ts";
import { formatKubeconfig } from "../client/kubeconfig.ts";
import type { ServerConfig } from "../options/config.ts";
import type { EngineParts } from "../engine-parts.ts";
import { sleep } from "../lib/clock.ts";
import { familyOf } from "../lib/net/ip-address.ts";
import { isLoopback, isUnspecified, loopbackOf } from "../lib/net/loopback.ts";
import type { Service } from "../lib/service.ts";
import { agentNetwork, familiesOf } from "../options/network-options.ts";
import { nodeResource } from "../resources/core/node.ts";

/** The addresses of this machine towards others, one of each family that pods have, as far as there are any; the first is what others come to. */
export function nodeAddresses({
  nodeIp,
  bindAddress,
  clusterCidr,
}: Pick<ServerConfig, "nodeIp" | "bindAddress" | "clusterCidr">): readonly [string, ...string[]] {
  const named = nodeIp?.split(",") ?? (isLoopback(bindAddress) || isUnspecified(bindAddress) ? [] : [bindAddress]);
  const missing = nodeIp === undefined ? familiesOf(clusterCidr).filter((family) => !named.some((address) => familyOf(address) === family)) : [];
  const [first = loopbackOf(bindAddress), ...others] = [...named, ...missing.flatMap((family) => machineAddress(family) ?? [])];
  return [first, ...others];
}

/** The agent of this machine gets its certificates straight from the authority, and everything else as any agent would. */
export async function setUpAgent(
  config: ServerConfig,
  { clock, logger }: EngineParts,
  pki: ClusterPki,
  nodeIps: readonly string[],
  apiUrl: string,
): Promise<Service> {
  const agentDir = path.join(config.dataDir, "agent");
  const folder = path.join(agentDir, "pki");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const commonName = nodeUsername(config.nodeName);
  const client = await pki.certificate(`node-${config.nodeName}`, { commonName, organizations: [NODES_GROUP], usage: "client" });
  const serving = await pki.certificate(`node-${config.nodeName}-serving`, {
    commonName,
    organizations: [NODES_GROUP],
    usage: "serving",
    dnsNames: [config.nodeName],
    ipAddresses: nodeIps,
  });
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text, { mode: 0o600 });
  write("ca.crt", pki.ca);
  write("serving.crt", serving.certificate);
  write("serving.key", serving.key);
  write(
    "kubeconfig.yaml",
    formatKubeconfig(
      { server: apiUrl, ca: pki.ca, serverName: API_SERVER_NAME, certificate: client.certificate, key: client.key },
      { cluster: config.clusterName, user: commonName },
    ),
  );
  const { clusterCidr, clusterDns, clusterDomain } = agentNetwork(config);
  const args = [
    "--kubeconfig",
    path.join(folder, "kubeconfig.yaml"),
    "--data-dir",
    agentDir,
    "--node-name",
    config.nodeName,
    "--node-ip",
    nodeIps.join(","),
    "--cluster-cidr",
    clusterCidr,
    "--cluster-dns",
    clusterDns,
    "--cluster-domain",
    clusterDomain,
    "--log-level",
    config.logLevel,
  ];
  if (config.containerRuntimeEndpoint !== undefined) args.push("--container-runtime-endpoint", config.containerRuntimeEndpoint);
  return createAgentProcess(args, agentLog(agentDir), clock, logger);
}

/** Resolves when this machine's Node is ready. */
export async function awaitNode(config: ServerConfig, { clock, progress }: EngineParts, client: Client, signal: AbortSignal): Promise<void> {
  await during(progress, "start the node agent", config.nodeName, async () => {
    for (;;) {
      const node = await client
        .for(nodeResource)
        .get("", config.nodeName)
        .catch(() => undefined);
      if (node?.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true) return;
      await sleep(clock, 100, signal);
    }
  });
}
