import type { Service } from "../engine/lib/service.ts";
import type { AgentBasis } from "./agent-basis.ts";
import { accessMemoryOf, tlsOf } from "./agent-settings.ts";
import { PAUSE_IMAGE } from "./cri/containerd.ts";
import type { CsiVolumes } from "./csi/csi-volumes.ts";
import { computeKubeletConfiguration } from "./kubelet-configuration.ts";
import { AgentAccess } from "./server/agent-access.ts";
import { createAgentServer } from "./server/agent-server.ts";
import { meterVolumes, readVolumes } from "./stats/volume-stats.ts";

/** Where the API server, and whoever else may, asks the agent for logs, streams and measures. */
export function createAgentEndpoint(basis: AgentBasis, csi: CsiVolumes): Service {
  const { config, client, clock, metrics, nodeRuntime, here, nodeIps } = basis;
  const { nodeName, port } = config;
  const volumes = () => readVolumes(here.mountedVolumes(), (place) => csi.usage(place));
  return createAgentServer({
    ...basis,
    ...basis.endpoint,
    address: nodeIps[0],
    port,
    nodeName,
    runtime: nodeRuntime.runtime,
    streaming: nodeRuntime.streaming,
    measure: meterVolumes(metrics.registry, volumes),
    volumes,
    sandboxImage: nodeRuntime.paths === undefined ? "" : PAUSE_IMAGE,
    configuration: computeKubeletConfiguration(config, nodeIps[0]),
    access: new AgentAccess({ client, clock, nodeName, memory: accessMemoryOf(config) }),
    tls: tlsOf(config),
    serves: { containers: config.enableDebuggingHandlers, machineLogs: config.enableSystemLogHandler },
    pods: () => here.list(),
  });
}
