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
import { KeyedLocks } from "../engine/lib/keyed-locks.ts";
import type { Logger } from "../engine/lib/log.ts";
import { meterProcess } from "../engine/lib/process-metrics.ts";
import type { Random } from "../engine/lib/random.ts";
import { runServices, type Service } from "../engine/lib/service.ts";
import { standardBlock } from "../engine/lib/ip-address.ts";
import { nodeResource, podCidrsOf } from "../engine/resources/core/node.ts";
import { persistentVolumeClaimResource } from "../engine/resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../engine/resources/core/persistent-volume.ts";
import { podResource } from "../engine/resources/core/pod.ts";
import { serviceAccountResource } from "../engine/resources/core/service-account.ts";
import { serviceResource } from "../engine/resources/core/service.ts";
import { runtimeClassResource } from "../engine/resources/node/runtime-class.ts";
import type { Node, Pod, TokenRequest } from "../engine/resources/types.ts";
import type { AgentConfig } from "./agent-options.ts";
import { agentLog } from "./config.ts";
import { computeKubeletConfiguration } from "./kubelet-configuration.ts";
import { containerdPaths, keepContainerd } from "./cri/containerd.ts";
import { createShimReaper } from "./cri/leaked-shims.ts";
import { withRuntimeMetrics } from "./cri/metered-runtime.ts";
import { openCriRuntime } from "./cri/cri-runtime.ts";
import { CsiDrivers } from "./csi/csi-drivers.ts";
import { CsiVolumes } from "./csi/csi-volumes.ts";
import { openImageSnapshots } from "./cri/image-snapshots.ts";
import { openStreamingRuntime } from "./cri/streaming-runtime.ts";
import { meterClaims } from "./devices/claims-in-use.ts";
import { DeviceDrivers } from "./devices/device-drivers.ts";
import { DeviceHealthBook } from "./devices/device-health.ts";
import { DeviceManager } from "./devices/device-manager.ts";
import { PreparedClaims } from "./devices/prepared-claims.ts";
import { createImageMounts } from "./images/image-mounts.ts";
import { ensureLocalImages } from "./images/local-images.ts";
import { writeCniConfig } from "./network/cni.ts";
import { rangesByFamily } from "./network/families.ts";
import { writeDnsAddresses } from "./network/dns-addresses.ts";
import { createNetworkServices, enableForwarding } from "./network/network.ts";
import { followServers, type KnownServers } from "./node/follow-servers.ts";
import { createNodeLease } from "./node/node-lease.ts";
import { createNodeReporter } from "./node/node-status.ts";
import { parseNodeLabels, parseTaints } from "./node/registration.ts";
import { openRootDir } from "./root-dir.ts";
import { refusePod } from "./pods/admit-pod.ts";
import { FollowedContent } from "./pods/followed-content.ts";
import { Limiter } from "./pods/limiter.ts";
import { limitCgroup } from "./pods/cgroups.ts";
import { podCgroup } from "./pods/container-config.ts";
import { computePodLimits } from "./pods/pod-cgroup.ts";
import { refuseNeeds } from "./pods/pod-needs.ts";
import { refusePlace } from "./pods/refuse-place.ts";
import type { PodContext } from "./pods/pod-context.ts";
import { createLogRotation } from "./pods/rotate-logs.ts";
import { PodManager } from "./pods/pod-manager.ts";
import { readStaticPod } from "./read-static-pod.ts";
import { createNodeResources } from "./resources/node-resources.ts";
import { AgentAccess } from "./server/agent-access.ts";
import { createAgentServer, type ServingPair } from "./server/agent-server.ts";
import { ManifestFolder } from "./static-pods/manifest-folder.ts";
import { MirrorPods } from "./static-pods/mirror-pods.ts";
import { isMirrorOf, isStatic } from "./static-pods/static-pod.ts";
import { createAgentMetrics } from "./stats/agent-metrics.ts";
import { UsageSampler } from "./stats/usage-sampler.ts";
import { meterVolumes, readVolumes } from "./stats/volume-stats.ts";
import { createPluginRegistry } from "./plugins/plugin-registry.ts";
import { ExclusiveClaims } from "./volumes/exclusive-claims.ts";
import { executeExpansion } from "./volumes/expand-volume.ts";
import { createLocalVolumes } from "./volumes/local-volumes.ts";
import { shareMounts } from "./volumes/mounts.ts";
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

/** A class never changes its handler, and pods start rarely: it is asked for whenever one does. */
async function runtimeHandlerOf(client: Client, { spec }: Pod): Promise<string> {
  const name = spec.runtimeClassName;
  if (name === undefined) return "";
  const found = await client
    .for(runtimeClassResource)
    .get("", name)
    .catch((error: unknown) => {
      throw new Error(`failed to get sandbox runtime: RuntimeClass ${JSON.stringify(name)}`, { cause: error });
    });
  return found.handler;
}

/** Runs the node agent until the signal fires. Pods keep running when it ends; the next agent adopts them. */
export async function runAgent(config: AgentConfig, parts: AgentParts, signal: AbortSignal): Promise<void> {
  const { client, clock, random, logger, nodeIps } = parts;
  const { dataDir, rootDir, nodeName } = config;
  const podsDir = path.join(rootDir, "pods");
  const logsDir = config.podLogsDir ?? path.join(dataDir, "logs");
  const volumesDir = path.join(dataDir, "volumes");
  mkdirSync(logsDir, { recursive: true, mode: 0o750 });
  openRootDir(dataDir, rootDir);
  // What drivers mount in their containers is to be seen here, and by the pods' containers.
  await shareMounts(rootDir);
  const clusterCidrs = rangesByFamily(config.clusterCidr);
  enableForwarding(clusterCidrs);
  writeDnsAddresses(dataDir, config.clusterDns.split(","));
  const containerd = config.containerRuntimeEndpoint === undefined ? await keepContainerd(dataDir, clock, logger, signal) : undefined;
  const socket = containerd?.socket ?? config.containerRuntimeEndpoint ?? "";
  const metrics = createAgentMetrics(nodeName);
  meterProcess(metrics.registry, clock);
  const runtime = withRuntimeMetrics(openCriRuntime(socket), metrics, clock);
  const streaming = openStreamingRuntime(socket);
  const snapshots = openImageSnapshots(socket);
  const built = containerd === undefined ? [] : await ensureLocalImages(runtime, socket);
  if (built.length > 0) logger.info("built local images", { images: built });

  const informers = new InformerFactory({ client, clock, random, logger });
  const pods = informers.informer(podResource, { fieldSelector: `spec.nodeName=${nodeName}` });
  const services = informers.informer(serviceResource);
  if (parts.servers !== undefined) followServers(informers, parts.servers, logger);
  const events = new EventRecorder({ client, clock, random, logger, component: "kubelet", host: nodeName });
  let node: Node | undefined;
  const settings = {
    nodeName,
    hostIps: nodeIps,
    clusterDns: config.clusterDns.split(","),
    clusterDomain: config.clusterDomain,
    resolvConf: config.resolvConf,
    logsDir,
    cgroupRoot: cgroupRoot(dataDir),
    memoryBytes: os.totalmem(),
    seccompDir: path.join(dataDir, "seccomp"),
  };
  const health = new DeviceHealthBook(() => manager.devicesChanged());
  const drivers = new DeviceDrivers({ client, clock, logger, metrics, nodeName, health });
  const claims = new PreparedClaims(path.join(dataDir, "prepared-claims.json"));
  meterClaims(metrics.registry, claims);
  const devices = new DeviceManager({ client, clock, logger, metrics, drivers, health, claims });
  const expansions = new KeyedLocks();
  const exclusiveClaims = new ExclusiveClaims(() => manager.volumeUsers());
  const csiDrivers = new CsiDrivers({ client, clock, logger, metrics, nodeName });
  const csi = new CsiVolumes({ client, clock, events, logger, nodeName, rootDir, drivers: csiDrivers, token: requestToken });
  const context: PodContext = {
    runtime,
    devices,
    client,
    events,
    clock,
    random,
    logger,
    metrics,
    images: createImageMounts(snapshots),
    settings,
    podsDir,
    csi,
    starts: new Limiter(STARTS_MAX),
    pulls: new Limiter(config.serializeImagePulls === true ? 1 : (config.maxParallelImagePulls ?? STARTS_MAX)),
    syncMs: config.syncFrequency,
    restartMaxMs: config.maxContainerRestartPeriod,
    sources: (_pod, podIps) => sources(podIps),
    servicesKnown: (waiting) => services.waitForSync(waiting),
    runtimeHandler: (pod) => runtimeHandlerOf(client, pod),
    limitPod: (pod, onlyRaise) => limitCgroup(podCgroup(pod, settings), computePodLimits(pod, config.podMaxPids), onlyRaise),
    mirrorOf: (pod) => {
      const shown = pods.get(pod.metadata.namespace ?? "", pod.metadata.name ?? "");
      return shown !== undefined && isMirrorOf(shown, pod) ? shown : undefined;
    },
    // What of static pods begins before the API has said what the node can take is not asked.
    refuse: (pod) =>
      refuseNeeds(pod, { unsafeSysctls: config.allowedUnsafeSysctls }) ??
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
    places: { podsDir, logsDir, cgroupRoot: settings.cgroupRoot },
    imageDir: containerd === undefined ? "/var/lib/containerd" : containerdPaths(dataDir).root,
    memoryBytes: os.totalmem(),
  });

  const onStatics = (found: readonly Pod[]) => {
    manager.setStaticPods(found);
    mirrors.look();
  };
  const manifests =
    config.podManifestPath === undefined
      ? undefined
      : new ManifestFolder({
          place: config.podManifestPath,
          read: (text, file) => readStaticPod(text, file, nodeName, formatTime(clock.now())),
          onPods: onStatics,
          clock,
          logger,
          lookMs: config.fileCheckFrequency,
        });
  const volumes = () => readVolumes(manager.mountedVolumes(), (place) => csi.usage(place));
  const all: Service[] = [
    ...(containerd === undefined ? [] : [containerd.service, createShimReaper(runtime, containerdPaths(dataDir), clock, logger)]),
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
      registration: {
        labels: parseNodeLabels(config.nodeLabels),
        taints: parseTaints(config.registerWithTaints),
        providerId: config.providerId,
        makesNode: config.registerNode,
      },
      podsMax: podsOf(config, os.availableParallelism()),
      imagesMax: config.nodeStatusMaxImages,
      lookMs: config.nodeStatusUpdateFrequency,
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
        const podCidrs = podCidrsOf(seen).map(standardBlock);
        if (podCidrs.length > 0 && containerd !== undefined) writeCniConfig(containerdPaths(dataDir).cniConfigDir, path.join(dataDir, "cni", "ipam"), podCidrs);
      },
    }),
    createNodeLease(client, clock, logger, nodeName, config.nodeLeaseDurationSeconds),
    ...manager.services(),
    ...(manifests === undefined ? [] : [manifests.asService()]),
    mirrors.asService(),
    drivers.asService(),
    devices.asService(() => manager.uids()),
    createLocalVolumes({ client, informers, clock, logger, nodeName, volumesDir }),
    createPluginRegistry({ folder: path.join(rootDir, "plugins_registry"), handlers: [drivers, csiDrivers], clock, logger }),
    csiDrivers.asService(),
    csi.asService(),
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
      access: new AgentAccess({
        client,
        clock,
        nodeName,
        memory: {
          tokenMs: config.authenticationTokenWebhookCacheTtl,
          allowedMs: config.authorizationWebhookCacheAuthorizedTtl,
          deniedMs: config.authorizationWebhookCacheUnauthorizedTtl,
        },
      }),
      tls: {
        minVersion: config.tlsMinVersion,
        ...(config.tlsCipherSuites === undefined ? {} : { ciphers: config.tlsCipherSuites }),
        ...(config.tlsCurvePreferences === undefined ? {} : { ecdhCurve: config.tlsCurvePreferences }),
      },
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
    runtime.close();
    streaming.close();
    snapshots.close();
    await containerd?.stop();
  }

  function sources(podIps: readonly string[]): VolumeSources {
    return {
      configMap: (namespace, name) => content.configMap(namespace, name),
      secret: (namespace, name) => content.secret(namespace, name),
      services: () => services.list(),
      podIps,
      hostIps: nodeIps,
      allocatable: node?.status?.allocatable ?? {},
      token: requestToken,
      claim: (namespace, name) => client.for(persistentVolumeClaimResource).get(namespace, name),
      persistentVolume: (name) => client.for(persistentVolumeResource).get("", name),
      volumesDir,
      nodeName,
      nowMs: () => clock.now(),
      takeExclusively: (pod, claimName) => exclusiveClaims.take(pod, claimName),
      csi,
      expand: (pod, claimed, plan, grow) =>
        expansions.run([claimed.persistent.metadata.name ?? ""], () => executeExpansion({ client, events, clock }, pod, claimed, plan, grow)),
    };
  }

  async function requestToken(pod: Pod, audience: string | undefined, expirationSeconds: number): Promise<{ token: string; expiresAtMs: number }> {
    const { namespace = "", name = "", uid = "" } = pod.metadata;
    const account = pod.spec.serviceAccountName || "default";
    const request: TokenRequest = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: {},
      spec: { audiences: audience === undefined ? [] : [audience], expirationSeconds, boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid } },
    };
    const answer = (await client.for(serviceAccountResource).createSubresource(namespace, account, "token", request)) as TokenRequest; // the subresource answers in kind
    return { token: answer.status?.token ?? "", expiresAtMs: Date.parse(answer.status?.expirationTimestamp ?? "") };
  }
}

/** Pods that the machine takes, with this many processors. Pure. */
function podsOf({ maxPods, podsPerCore }: Pick<AgentConfig, "maxPods" | "podsPerCore">, processors: number): number {
  return podsPerCore === 0 ? maxPods : Math.min(maxPods, podsPerCore * processors);
}

/** Agents on one machine, as tests run them, must not share cgroups. */
export function cgroupRoot(dataDir: string): string {
  return `/mainstay/${createHash("sha256").update(dataDir).digest("hex").slice(0, 12)}`;
}
