import { mkdirSync } from "node:fs";
import { createLogBounds } from "../engine/lib/bounded-log.ts";
import { createIdleCollection } from "../engine/lib/idle-collection.ts";
import { runServices } from "../engine/lib/service.ts";
import { openAgentBasis, type AgentParts } from "./agent-basis.ts";
import { createAgentEndpoint } from "./agent-endpoint.ts";
import { createAgentNode } from "./agent-node.ts";
import type { AgentConfig } from "./agent-options.ts";
import { createAgentPods } from "./agent-pods.ts";
import { nodeSettingsOf } from "./agent-settings.ts";
import { agentLog } from "./config.ts";
import { writeDnsAddresses } from "./network/dns-addresses.ts";
import { rangesByFamily } from "./network/families.ts";
import { createNetworkServices, enableForwarding } from "./network/network.ts";
import type { NodeSettings } from "./pods/container-config/container-config.ts";
import { openRootDir } from "./root-dir.ts";
import { shareMounts } from "./volumes/mounts.ts";

/** Runs the node agent until the signal fires. Pods keep running when it ends; the next agent adopts them. */
export async function runAgent(config: AgentConfig, parts: AgentParts, signal: AbortSignal): Promise<void> {
  const { nodeName, dataDir, clusterCidr } = config;
  const settings = nodeSettingsOf(config, parts.nodeIps);
  await prepareMachine(config, settings);
  const basis = await openAgentBasis(config, settings, parts, signal);
  const { clock, informers, nodeRuntime, events } = basis;
  const pods = createAgentPods(basis);
  try {
    await runServices(
      [
        ...nodeRuntime.services,
        ...parts.services,
        createIdleCollection(clock),
        informers.asService(),
        ...createAgentNode(basis, pods),
        ...pods.services,
        createLogBounds([agentLog(dataDir)], clock),
        basis.usage.asService(),
        ...createNetworkServices({
          ...basis,
          nodeName,
          clusterCidrs: rangesByFamily(clusterCidr),
          clusterDns: settings.clusterDns,
          clusterDomain: config.clusterDomain,
          resolvConf: config.resolvConf,
        }),
        createAgentEndpoint(basis, pods.csi),
      ],
      signal,
    );
  } finally {
    await events.flush();
    await nodeRuntime.close();
  }
}

/** What is to be there before anything runs. */
async function prepareMachine({ dataDir, rootDir, clusterCidr }: AgentConfig, { logsDir, clusterDns }: NodeSettings): Promise<void> {
  mkdirSync(logsDir, { recursive: true, mode: 0o750 });
  openRootDir(dataDir, rootDir);
  // What drivers mount in their containers is to be seen here, and by the pods' containers.
  await shareMounts(rootDir);
  enableForwarding(rangesByFamily(clusterCidr));
  writeDnsAddresses(dataDir, clusterDns);
}
