import path from "node:path";
import type { Client } from "../engine/client/client.ts";
import { EventRecorder } from "../engine/client/event-recorder.ts";
import type { Informer } from "../engine/client/informer.ts";
import { InformerFactory } from "../engine/client/informer-factory.ts";
import type { Connection } from "../engine/client/kubeconfig.ts";
import type { Following } from "../engine/lib/changing-value.ts";
import type { Clock } from "../engine/lib/clock.ts";
import type { Logger } from "../engine/lib/log.ts";
import { meterProcess } from "../engine/lib/process-metrics.ts";
import type { Random } from "../engine/lib/random.ts";
import type { Service } from "../engine/lib/service.ts";
import { podResource } from "../engine/resources/core/pod.ts";
import { serviceResource } from "../engine/resources/core/service.ts";
import type { Pod, Service as CoreService } from "../engine/resources/types.ts";
import { meterCertificates } from "./certificate-metrics.ts";
import type { AgentConfig } from "./agent-options.ts";
import { openNodeRuntime, type NodeRuntime } from "./cri/node-runtime.ts";
import { followServers, type KnownServers } from "./node/follow-servers.ts";
import { NodeView } from "./node/node-view.ts";
import type { NodeSettings } from "./pods/container-config/container-config.ts";
import { NodePods } from "./pods/node-pods.ts";
import type { ServingPair } from "./server/agent-server.ts";
import { createAgentMetrics, type AgentMetrics } from "./stats/agent-metrics.ts";
import { UsageSampler } from "./stats/usage-sampler.ts";

/** What an agent is given beside its options. */
export interface AgentParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** One of each family that the machine has; the first is where others come to. */
  readonly nodeIps: readonly [string, ...string[]];
  /** How the API server is reached. */
  readonly connection: Following<Connection>;
  /** What the agent's endpoint shows, and the authority of those who may ask there. */
  readonly endpoint: { readonly certificate: Following<ServingPair>; readonly clientCa: string };
  /** What runs beside it as long as it does. */
  readonly services: readonly Service[];
  /** Followed, when the node may go from server to server. */
  readonly servers?: KnownServers;
  /** What the Node says of itself, such as v1.36.0+mainstay. */
  readonly version: string;
}

/** What all of an agent stands on: what it was told, the machine's runtime, the API, and the two things everybody looks at, the Node and the pods. */
export interface AgentBasis extends Omit<AgentParts, "services" | "servers"> {
  readonly config: AgentConfig;
  readonly settings: NodeSettings;
  readonly podsDir: string;
  /** Where volumes are made that are folders of this node. */
  readonly volumesDir: string;
  readonly metrics: AgentMetrics;
  readonly nodeRuntime: NodeRuntime;
  readonly informers: InformerFactory;
  /** All pods of this node that the API has. */
  readonly apiPods: Informer<Pod>;
  readonly apiServices: Informer<CoreService>;
  readonly events: EventRecorder;
  readonly node: NodeView;
  /** The pods that are here, which the pod manager fills in. */
  readonly here: NodePods;
  readonly usage: UsageSampler;
}

/** Connects to the machine's runtime, which is started first where it is ours; nothing of the API is asked for yet. */
export async function openAgentBasis(config: AgentConfig, settings: NodeSettings, parts: AgentParts, signal: AbortSignal): Promise<AgentBasis> {
  const { client, clock, random, logger } = parts;
  const { dataDir, rootDir, nodeName } = config;
  const metrics = createAgentMetrics(nodeName);
  meterProcess(metrics.registry, clock);
  meterCertificates(metrics.registry, clock, { connection: parts.connection, serving: parts.endpoint.certificate });
  const nodeRuntime = await openNodeRuntime({ dataDir, endpoint: config.containerRuntimeEndpoint, metrics, clock, logger }, signal);
  const informers = new InformerFactory({ client, clock, random, logger });
  const here = new NodePods();
  const basis = {
    ...parts,
    config,
    settings,
    podsDir: path.join(rootDir, "pods"),
    volumesDir: path.join(dataDir, "volumes"),
    metrics,
    nodeRuntime,
    informers,
    apiPods: informers.informer(podResource, { fieldSelector: `spec.nodeName=${nodeName}` }),
    apiServices: informers.informer(serviceResource),
    events: new EventRecorder({ client, clock, random, logger, component: "kubelet", host: nodeName }),
    node: new NodeView(),
    here,
    usage: new UsageSampler({ runtime: nodeRuntime.runtime, pods: () => here.list(), cgroupRoot: settings.cgroupRoot, clock }),
  };
  if (parts.servers !== undefined) followServers(informers, parts.servers, logger);
  return basis;
}
