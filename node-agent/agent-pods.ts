import path from "node:path";
import { describeObject } from "../engine/apimachinery/object-meta.ts";
import { formatTime } from "../engine/lib/clock.ts";
import type { Service } from "../engine/lib/service.ts";
import { nodeResource } from "../engine/resources/core/node.ts";
import type { Pod } from "../engine/resources/types.ts";
import type { AgentBasis } from "./agent-basis.ts";
import type { CsiVolumes } from "./csi/csi-volumes.ts";
import { ImageAccess } from "./images/image-access.ts";
import { createImageMounts } from "./images/image-mounts.ts";
import { verificationPolicy } from "./images/verification-policy.ts";
import { hasAppArmor } from "./node/app-armor.ts";
import { createNodePlugins, type NodePlugins } from "./plugins/node-plugins.ts";
import { refusePod } from "./pods/admission/admit-pod.ts";
import { limitCgroup } from "./cgroups/cgroups.ts";
import { podCgroup } from "./pods/container-config/container-config.ts";
import { FollowedContent } from "./pods/followed-content.ts";
import { Limiter } from "./pods/start/limiter.ts";
import { computePodLimits } from "./cgroups/pod-cgroup.ts";
import type { PodContext } from "./pods/pod-context.ts";
import { PodManager } from "./pods/pod-manager.ts";
import { refuseNeeds } from "./pods/admission/pod-needs.ts";
import { choosePreempted } from "./pods/admission/preempt-pods.ts";
import { requestPodToken } from "./volumes/pod-token.ts";
import { refusePlace } from "./pods/admission/refuse-place.ts";
import { createLogRotation } from "./logs/rotate-logs.ts";
import { runtimeHandlerOf } from "./pods/start/runtime-handler.ts";
import { readStaticPod } from "./read-static-pod.ts";
import { createNodeResources, type NodeResources } from "./resources/node-resources.ts";
import { ManifestFolder } from "./static-pods/manifest-folder.ts";
import { MirrorPods } from "./static-pods/mirror-pods.ts";
import { isMirrorOf, isStatic } from "./static-pods/static-pod.ts";
import { ExclusiveClaims } from "./volumes/exclusive-claims.ts";
import { createLocalVolumes } from "./volumes/local-volumes.ts";
import type { VolumeSources } from "./volumes/volume-plugin.ts";
import { systemLoginManager } from "./shutdown/logind.ts";
import { ShutdownManager } from "./shutdown/shutdown-manager.ts";
import { shutdownPeriods } from "./shutdown/shutdown-periods.ts";
import { createVolumeSources } from "./volumes/volume-sources.ts";

/** Pods whose sandbox or container is being started at once; more only makes all of them slower. */
const STARTS_MAX = 6;
/** A start that takes longer waits for a plugin or a disk; meanwhile others may start, such as the pod that makes the plugin work. */
const START_PATIENCE_MS = 15_000;

/** What runs the node's pods, and what the rest of the agent has to do with it. */
export interface AgentPods {
  readonly csi: CsiVolumes;
  readonly resources: NodeResources;
  readonly shutdown: ShutdownManager;
  /** The Node is another object than before. */
  readonly nodeIsAnother: () => void;
  readonly services: readonly Service[];
}

/** From the API's pods, and those of files, to running containers with their volumes and devices, within what the machine has. */
export function createAgentPods(basis: AgentBasis): AgentPods {
  const { config, client, clock, logger, informers, apiPods, node, here, nodeRuntime, settings, podsDir, volumesDir } = basis;
  const { nodeName, dataDir, rootDir } = config;
  const { runtime } = nodeRuntime;
  const token: VolumeSources["token"] = (pod, audience, expirationSeconds) => requestPodToken(client, pod, audience, expirationSeconds);
  const imageAccess = new ImageAccess({
    folder: path.join(rootDir, "image_manager"),
    policy: verificationPolicy(config.imagePullCredentialsVerificationPolicy, config.preloadedImagesVerificationAllowlist),
    runtime,
    clock,
    logger,
  });
  const plugins = createNodePlugins({ ...basis, nodeName, dataDir, rootDir, token, onDeviceChange: () => here.devicesChanged(), podUids: () => here.uids() });
  const resources = createNodeResources({
    ...basis,
    runtime,
    pods: here,
    node: () => node.current,
    places: { podsDir, logsDir: settings.logsDir, cgroupRoot: settings.cgroupRoot },
    imageAccess,
    imageDir: nodeRuntime.paths?.root ?? "/var/lib/containerd",
    memoryBytes: settings.memoryBytes,
  });
  const shutdown = new ShutdownManager({ ...basis, periods: shutdownPeriods(config), login: systemLoginManager(clock), pods: here, node: () => node.current });
  const content = new FollowedContent({ client, clock, logger, informers, pods: () => here.list(), onChange: (changed) => here.contentChanged(changed) });
  const manager = new PodManager({
    context: { ...podContextOf(basis, plugins, { resources, shutdown }, content, token), imageAccess },
    pods: apiPods,
    here,
    onEnded: () => {
      content.podEnded();
      mirrors.look();
    },
    onMirror: () => mirrors.look(),
  });
  const mirrors = new MirrorPods({ client, pods: apiPods, statics: () => manager.staticPods(), node: () => node.current, clock, logger });
  const staticPods = createStaticPods(basis, (found) => {
    manager.setStaticPods(found);
    mirrors.look();
  });
  return {
    csi: plugins.csi,
    resources,
    shutdown,
    nodeIsAnother: () => {
      here.nodeSeen();
      mirrors.look();
    },
    services: [
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
      ...resources.services,
      ...shutdown.services(),
    ],
  };
}

/** What of the machine's state keeps pods away. */
type Machine = Pick<AgentPods, "resources" | "shutdown">;

/** What every pod's worker has of the node. */
function podContextOf(
  basis: AgentBasis,
  plugins: NodePlugins,
  machine: Machine,
  content: FollowedContent,
  token: VolumeSources["token"],
): Omit<PodContext, "imageAccess"> {
  const { config, client, nodeRuntime, settings, apiPods, apiServices, node, here, nodeIps } = basis;
  const { devices, csi } = plugins;
  return {
    ...basis,
    runtime: nodeRuntime.runtime,
    devices,
    csi,
    images: createImageMounts(nodeRuntime.snapshots),
    starts: new Limiter(STARTS_MAX, { clock: basis.clock, ms: START_PATIENCE_MS }),
    pulls: new Limiter(config.serializeImagePulls === true ? 1 : (config.maxParallelImagePulls ?? STARTS_MAX)),
    syncMs: config.syncFrequency,
    restartMaxMs: config.maxContainerRestartPeriod,
    sources: createVolumeSources({
      ...basis,
      content,
      token,
      nodeName: config.nodeName,
      csi,
      exclusiveClaims: new ExclusiveClaims(() => here.volumeUsers()),
      services: () => apiServices.list(),
      node: () => node.current,
      hostIps: nodeIps,
    }),
    servicesKnown: (waiting) => apiServices.waitForSync(waiting),
    runtimeHandler: (pod) => runtimeHandlerOf(client, pod),
    limitPod: (pod, onlyRaise) => limitCgroup(podCgroup(pod, settings), computePodLimits(pod, config.podMaxPids, settings.hugePageSizes), onlyRaise),
    mirrorOf: (pod) => {
      const shown = apiPods.get(pod.metadata.namespace ?? "", pod.metadata.name ?? "");
      return shown !== undefined && isMirrorOf(shown, pod) ? shown : undefined;
    },
    ...refusalsOf(basis, machine),
  };
}

/** Which pods the node does not take. */
function refusalsOf(
  { config, client, node, here, logger }: AgentBasis,
  { resources, shutdown }: Machine,
): Pick<PodContext, "refuse" | "refusePlace" | "refuseForever" | "makeRoom"> {
  const abilities = { unsafeSysctls: config.allowedUnsafeSysctls, hasAppArmor: hasAppArmor() };
  const allocatable = () => node.current?.status?.allocatable ?? {};
  return {
    // What of static pods begins before the API has said what the node can take is not asked.
    refuse: (pod) =>
      refuseNeeds(pod, abilities) ??
      resources.refuse(pod) ??
      shutdown.refuse() ??
      (node.current !== undefined ? refusePod(pod, here.claimants(), allocatable()) : isStatic(pod) ? undefined : "not known yet"),
    refusePlace: async (pod) => {
      // The labels and taints that are known here may be older than the scheduler's.
      const isRefused = node.current !== undefined && refusePlace(pod, node.current) !== undefined;
      return isRefused ? refusePlace(pod, await client.for(nodeResource).get("", config.nodeName)) : undefined;
    },
    refuseForever: (pod) => refusePod(pod, [], allocatable()),
    makeRoom: async (pod) => {
      if (node.current === undefined || (refuseNeeds(pod, abilities) ?? resources.refuse(pod) ?? shutdown.refuse()) !== undefined) return false;
      const preempted = choosePreempted(pod, here.claimants(), allocatable());
      if (preempted === undefined) return false;
      logger.warn("pods give way to one that the node must not do without", { pod: describeObject(pod), preempted: preempted.map(describeObject) });
      await here.preempt(preempted);
      return true;
    },
  };
}

/** The pods of files on this machine, where there is a place for them. */
function createStaticPods({ config, clock, logger }: AgentBasis, onPods: (pods: readonly Pod[]) => void): Service[] {
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
