import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Client } from "../engine/client/client.ts";
import { EventRecorder } from "../engine/client/event-recorder.ts";
import { InformerFactory } from "../engine/client/informer-factory.ts";
import { createLogBounds } from "../engine/lib/bounded-log.ts";
import type { Following } from "../engine/lib/changing-value.ts";
import { formatTime, type Clock } from "../engine/lib/clock.ts";
import { createIdleCollection } from "../engine/lib/idle-collection.ts";
import type { Logger } from "../engine/lib/log.ts";
import { meterProcess } from "../engine/lib/process-metrics.ts";
import type { Random } from "../engine/lib/random.ts";
import { runServices, type Service } from "../engine/lib/service.ts";
import { standardBlock } from "../engine/lib/ip-address.ts";
import { nodeResource, podCidrsOf } from "../engine/resources/core/node.ts";
import { podResource } from "../engine/resources/core/pod.ts";
import { serviceResource } from "../engine/resources/core/service.ts";
import type { Node, Pod } from "../engine/resources/types.ts";
import type { AgentConfig } from "./agent-options.ts";
import { agentLog } from "./config.ts";
import { computeKubeletConfiguration } from "./kubelet-configuration.ts";
import { openNodeRuntime } from "./cri/node-runtime.ts";
import { createImageMounts } from "./images/image-mounts.ts";
import { cniPlaces, hasBandwidthPlugin } from "./network/cni.ts";
import { rangesByFamily } from "./network/families.ts";
import { writeDnsAddresses } from "./network/dns-addresses.ts";
import { createNetworkServices, enableForwarding } from "./network/network.ts";
import { hasAppArmor } from "./node/app-armor.ts";
import { followServers, type KnownServers } from "./node/follow-servers.ts";
import { readHugePageSizes } from "./node/huge-pages.ts";
import { createNodeLease } from "./node/node-lease.ts";
import { createNodeReporter } from "./node/node-status.ts";
import { parseNodeLabels, parseTaints, type Registration } from "./node/registration.ts";
import { openRootDir } from "./root-dir.ts";
import { refusePod } from "./pods/admit-pod.ts";
import { FollowedContent } from "./pods/followed-content.ts";
import { Limiter } from "./pods/limiter.ts";
import { limitCgroup } from "./pods/cgroups.ts";
import { podCgroup, type NodeSettings } from "./pods/container-config.ts";
import { computePodLimits } from "./pods/pod-cgroup.ts";
import { refuseNeeds } from "./pods/pod-needs.ts";
import { refusePlace } from "./pods/refuse-place.ts";
import type { PodContext } from "./pods/pod-context.ts";
import { createLogRotation } from "./pods/rotate-logs.ts";
import { PodManager } from "./pods/pod-manager.ts";
import { requestPodToken } from "./pods/pod-token.ts";
import { runtimeHandlerOf } from "./pods/runtime-handler.ts";
import { readStaticPod } from "./read-static-pod.ts";
import { createNodeResources } from "./resources/node-resources.ts";
import { AgentAccess, type AccessMemory } from "./server/agent-access.ts";
import { createAgentServer, type ServingPair, type TlsSettings } from "./server/agent-server.ts";
import { ManifestFolder } from "./static-pods/manifest-folder.ts";
import { MirrorPods } from "./static-pods/mirror-pods.ts";
import { isMirrorOf, isStatic } from "./static-pods/static-pod.ts";
import { createAgentMetrics } from "./stats/agent-metrics.ts";
import { UsageSampler } from "./stats/usage-sampler.ts";
import { meterVolumes, readVolumes } from "./stats/volume-stats.ts";
import { createNodePlugins } from "./plugins/node-plugins.ts";
import { ExclusiveClaims } from "./volumes/exclusive-claims.ts";
import { createLocalVolumes } from "./volumes/local-volumes.ts";
import { shareMounts } from "./volumes/mounts.ts";
import { createVolumeSources } from "./volumes/volume-sources.ts";
import type { VolumeSources } from "./volumes/volume-plugin.ts";

export interface AgentParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** One of each family that the machine has; the first is where others come to. */
  readonly nodeIps: readonly [string, ...string[]];
  /** What the agent's endpoint shows, and the authority of those who may ask there. */
  readonly endpoint: { readonly certificate: Following<ServingPair>; readonly clientCa: string };
  /** What runs beside it as long as it does. */
  readonly services: readonly Service[];
  /** Followed, when the node may go from server to server. */
  readonly servers?: KnownServers;
  /** What the Node says of itself, such as v1.36.0+mainstay. */
  readonly version: string;
}

/** Pods whose sandbox or container is being started at once; more only makes all of them slower. */
const STARTS_MAX = 6;

/** Runs the node agent until the signal fires. Pods keep running when it ends; the next agent adopts them. */
export async function runAgent(config: AgentConfig, parts: AgentParts, signal: AbortSignal): Promise<void> {
  const { client, clock, random, logger, nodeIps } = parts;
  const { dataDir, rootDir, nodeName } = config;
  const settings = settingsOf(config, nodeIps);
  const podsDir = path.join(rootDir, "pods");
  const volumesDir = path.join(dataDir, "volumes");
  const clusterCidrs = rangesByFamily(config.clusterCidr);
  await prepareMachine(config, settings);
  const metrics = createAgentMetrics(nodeName);
  meterProcess(metrics.registry, clock);
  const nodeRuntime = await openNodeRuntime({ dataDir, endpoint: config.containerRuntimeEndpoint, metrics, clock, logger }, signal);
  const { runtime, streaming } = nodeRuntime;

  const informers = new InformerFactory({ client, clock, random, logger });
  const pods = informers.informer(podResource, { fieldSelector: `spec.nodeName=${nodeName}` });
  const services = informers.informer(serviceResource);
  if (parts.servers !== undefined) followServers(informers, parts.servers, logger);
  const events = new EventRecorder({ client, clock, random, logger, component: "kubelet", host: nodeName });
  let node: Node | undefined;
  const token: VolumeSources["token"] = (pod, audience, expirationSeconds) => requestPodToken(client, pod, audience, expirationSeconds);
  const plugins = createNodePlugins({
    client,
    clock,
    logger,
    metrics,
    events,
    nodeName,
    dataDir,
    rootDir,
    token,
    onDeviceChange: () => manager.devicesChanged(),
    podUids: () => manager.uids(),
  });
  const { devices, csi } = plugins;
  const exclusiveClaims = new ExclusiveClaims(() => manager.volumeUsers());
  const abilities = { unsafeSysctls: config.allowedUnsafeSysctls, hasAppArmor: hasAppArmor() };
  const context: PodContext = {
    runtime,
    devices,
    client,
    events,
    clock,
    random,
    logger,
    metrics,
    images: createImageMounts(nodeRuntime.snapshots),
    settings,
    podsDir,
    csi,
    starts: new Limiter(STARTS_MAX),
    pulls: new Limiter(config.serializeImagePulls === true ? 1 : (config.maxParallelImagePulls ?? STARTS_MAX)),
    syncMs: config.syncFrequency,
    restartMaxMs: config.maxContainerRestartPeriod,
    sources: (podIps, content) => sources(podIps, content),
    servicesKnown: (waiting) => services.waitForSync(waiting),
    runtimeHandler: (pod) => runtimeHandlerOf(client, pod),
    limitPod: (pod, onlyRaise) => limitCgroup(podCgroup(pod, settings), computePodLimits(pod, config.podMaxPids, settings.hugePageSizes), onlyRaise),
    mirrorOf: (pod) => {
      const shown = pods.get(pod.metadata.namespace ?? "", pod.metadata.name ?? "");
      return shown !== undefined && isMirrorOf(shown, pod) ? shown : undefined;
    },
    // What of static pods begins before the API has said what the node can take is not asked.
    refuse: (pod) =>
      refuseNeeds(pod, abilities) ??
      resources.refuse(pod) ??
      (node !== undefined ? refusePod(pod, manager.claimants(), node.status?.allocatable ?? {}) : isStatic(pod) ? undefined : "not known yet"),
    refusePlace: async (pod) => {
      // The labels and taints that are known here may be older than the scheduler's.
      const isRefused = node !== undefined && refusePlace(pod, node) !== undefined;
      return isRefused ? refusePlace(pod, await client.for(nodeResource).get("", nodeName)) : undefined;
    },
    refuseForever: (pod) => refusePod(pod, [], node?.status?.allocatable ?? {}),
  };
  const manager: PodManager = new PodManager(
    context,
    pods,
    () => {
      content.podEnded();
      mirrors.look();
    },
    () => mirrors.look(),
  );
  const mirrors = new MirrorPods({ client, pods, statics: () => manager.staticPods(), node: () => node, clock, logger });
  const content = new FollowedContent({ client, informers, pods: () => manager.pods(), onChange: (changed) => manager.contentChanged(changed) });
  const sources = createVolumeSources({
    client,
    clock,
    events,
    content,
    token,
    volumesDir,
    nodeName,
    csi,
    exclusiveClaims,
    services: () => services.list(),
    node: () => node,
    hostIps: nodeIps,
  });
  const usage = new UsageSampler({ runtime, pods: () => manager.pods(), cgroupRoot: settings.cgroupRoot, clock });
  const resources = createNodeResources({
    config,
    runtime,
    clock,
    logger,
    events,
    metrics,
    usage,
    manager,
    node: () => node,
    places: { podsDir, logsDir: settings.logsDir, cgroupRoot: settings.cgroupRoot },
    imageDir: nodeRuntime.paths?.root ?? "/var/lib/containerd",
    memoryBytes: settings.memoryBytes,
  });

  const staticPods = createStaticPods(config, parts, (found) => {
    manager.setStaticPods(found);
    mirrors.look();
  });
  const volumes = () => readVolumes(manager.mountedVolumes(), (place) => csi.usage(place));
  const all: Service[] = [
    ...nodeRuntime.services,
    ...parts.services,
    createIdleCollection(clock),
    informers.asService(),
    createNodeReporter({
      client,
      runtime,
      clock,
      logger,
      events,
      dataDir,
      volumesDir,
      pressures: resources.pressures,
      reserved: resources.reserved,
      registration: registrationOf(config),
      podsMax: podsOf(config, os.availableParallelism()),
      imagesMax: config.nodeStatusMaxImages,
      lookMs: config.nodeStatusUpdateFrequency,
      reportMs: config.nodeStatusReportFrequency,
      volumesInUse: () => csi.uses.names(),
      onChange: (changed) => {
        const undo = [resources.onChange(changed), csi.uses.onChange(changed)];
        return () => undo.forEach((end) => end());
      },
      identity: { name: nodeName, ips: nodeIps, port: config.port, version: parts.version },
      onNode: (seen) => {
        const isAnother = node?.metadata.uid !== seen.metadata.uid;
        node = seen;
        csi.uses.nodeSeen(seen);
        if (isAnother) {
          manager.nodeSeen();
          mirrors.look();
        }
        nodeRuntime.useRanges(podCidrsOf(seen).map(standardBlock));
      },
    }),
    createNodeLease({
      client,
      clock,
      logger,
      nodeName,
      durationSeconds: config.nodeLeaseDurationSeconds,
      onReturn: () => {
        informers.retryNow();
        manager.serverIsBack();
      },
    }),
    ...manager.services(),
    ...staticPods,
    mirrors.asService(),
    ...plugins.services,
    createLocalVolumes({ client, informers, clock, logger, nodeName, volumesDir }),
    createLogRotation({
      runtime,
      clock,
      logger,
      bytesMax: config.containerLogMaxSize,
      filesMax: config.containerLogMaxFiles,
      lookMs: config.containerLogMonitorInterval,
    }),
    createLogBounds([agentLog(dataDir)], clock),
    usage.asService(),
    ...resources.services,
    ...createNetworkServices({
      informers,
      nodeName,
      clusterCidrs,
      clusterDns: settings.clusterDns,
      clusterDomain: config.clusterDomain,
      resolvConf: config.resolvConf,
      clock,
      logger,
    }),
    createAgentServer({
      address: nodeIps[0],
      port: config.port,
      ...parts.endpoint,
      runtime,
      streaming,
      nodeName,
      usage,
      metrics,
      measure: meterVolumes(metrics.registry, volumes),
      volumes,
      configuration: computeKubeletConfiguration(config, nodeIps[0]),
      access: new AgentAccess({ client, clock, nodeName, memory: accessMemoryOf(config) }),
      tls: tlsOf(config),
      serves: { containers: config.enableDebuggingHandlers, machineLogs: config.enableSystemLogHandler },
      pods: () => manager.pods(),
      clock,
      logger,
    }),
  ];
  try {
    await runServices(all, signal);
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

/** The pods of files on this machine, where there is a place for them. */
function createStaticPods(config: AgentConfig, { clock, logger }: Pick<AgentParts, "clock" | "logger">, onPods: (pods: readonly Pod[]) => void): Service[] {
  if (config.podManifestPath === undefined) return [];
  const manifests = new ManifestFolder({
    place: config.podManifestPath,
    read: (text, file) => readStaticPod(text, file, config.nodeName, formatTime(clock.now())),
    onPods,
    clock,
    logger,
    lookMs: config.fileCheckFrequency,
  });
  return [manifests.asService()];
}

/** What pods are told of their node. */
function settingsOf(config: AgentConfig, hostIps: readonly string[]): NodeSettings {
  const { dataDir } = config;
  return {
    nodeName: config.nodeName,
    hostIps,
    clusterDns: config.clusterDns.split(","),
    clusterDomain: config.clusterDomain,
    resolvConf: config.resolvConf,
    logsDir: config.podLogsDir ?? path.join(dataDir, "logs"),
    cgroupRoot: cgroupRoot(dataDir),
    memoryBytes: os.totalmem(),
    hugePageSizes: readHugePageSizes(),
    boundsBandwidth: () => config.containerRuntimeEndpoint !== undefined || hasBandwidthPlugin(cniPlaces(dataDir)),
    seccompDir: path.join(dataDir, "seccomp"),
    seccompDefault: config.seccompDefault,
  };
}

function registrationOf(config: AgentConfig): Registration {
  return {
    labels: parseNodeLabels(config.nodeLabels),
    taints: parseTaints(config.registerWithTaints),
    providerId: config.providerId,
    makesNode: config.registerNode,
  };
}

function accessMemoryOf(config: AgentConfig): AccessMemory {
  return {
    tokenMs: config.authenticationTokenWebhookCacheTtl,
    allowedMs: config.authorizationWebhookCacheAuthorizedTtl,
    deniedMs: config.authorizationWebhookCacheUnauthorizedTtl,
  };
}

function tlsOf(config: AgentConfig): TlsSettings {
  return {
    minVersion: config.tlsMinVersion,
    ...(config.tlsCipherSuites === undefined ? {} : { ciphers: config.tlsCipherSuites }),
    ...(config.tlsCurvePreferences === undefined ? {} : { ecdhCurve: config.tlsCurvePreferences }),
  };
}

/** Pods that the machine takes, with this many processors. Pure. */
function podsOf({ maxPods, podsPerCore }: Pick<AgentConfig, "maxPods" | "podsPerCore">, processors: number): number {
  return podsPerCore === 0 ? maxPods : Math.min(maxPods, podsPerCore * processors);
}

/** Agents on one machine, as tests run them, must not share cgroups. */
export function cgroupRoot(dataDir: string): string {
  return `/mainstay/${createHash("sha256").update(dataDir).digest("hex").slice(0, 12)}`;
}
