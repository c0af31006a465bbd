import path from "node:path";
import { silentLogger } from "../../engine/lib/log.ts";
import { seededRandom } from "../../engine/lib/random.ts";
import type { ContainerState } from "../../node-agent/cri/runtime.ts";
import { ImageAccess } from "../../node-agent/images/image-access.ts";
import { verificationPolicy } from "../../node-agent/images/verification-policy.ts";
import type { NodeSettings } from "../../node-agent/pods/container-config/container-config.ts";
import { Limiter } from "../../node-agent/pods/start/limiter.ts";
import type { PodContext } from "../../node-agent/pods/pod-context.ts";
import { createAgentMetrics } from "../../node-agent/stats/agent-metrics.ts";
import type { FakeRuntime } from "./fake-runtime.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** What a node says of itself to its pods, with one folder for all it keeps. */
export function nodeSettings(folder: string, settings: Partial<NodeSettings> = {}): NodeSettings {
  return {
    nodeName: "n1",
    hostIps: ["192.0.2.1"],
    clusterDns: [],
    clusterDomain: "cluster.local",
    resolvConf: "",
    logsDir: folder,
    cgroupRoot: "/none",
    memoryBytes: 1 << 30,
    hugePageSizes: [],
    boundsBandwidth: () => true,
    seccompDir: folder,
    seccompDefault: false,
    ...settings,
  };
}

/** Who may have which images, kept in a folder of the node's. */
export function anImageAccess(folder: string, clock: Clock, runtime: Pick<FakeRuntime, "imageStatus">, policy = verificationPolicy("NeverVerifyPreloadedImages", [])): ImageAccess {
  return new ImageAccess({ folder: path.join(folder, "image_manager"), policy, runtime, clock, logger: silentLogger });
}

/** What pods with neither devices nor limits need of their node; what a test looks at is given with `parts`. */
export function aPodContext(folder: string, clock: VirtualClock, runtime: FakeRuntime, parts: object): PodContext {
  return {
    runtime,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    metrics: createAgentMetrics("n1"),
    podsDir: folder,
    events: { record: () => {} },
    imageAccess: anImageAccess(folder, clock, runtime),
    images: { release: async () => {}, releaseOthers: async () => {} },
    csi: { follows: () => false, unmountPod: async () => {} },
    settings: nodeSettings(folder),
    devices: { prepare: async () => {}, unprepare: async () => {}, cdiDevices: () => [], held: () => [] },
    starts: new Limiter(1),
    pulls: new Limiter(1),
    syncMs: 60_000,
    restartMaxMs: 300_000,
    mirrorOf: () => undefined,
    sources: () => ({ services: () => [], podIps: [], hostIps: [], allocatable: {} }),
    servicesKnown: async () => {},
    runtimeHandler: async () => "",
    limitPod: () => {},
    refuse: () => undefined,
    refusePlace: async () => undefined,
    refuseForever: () => undefined,
    makeRoom: async () => false,
    ...parts,
  } as unknown as PodContext; // what pods like these need of it
}

/** A container as the runtime shows it: one that runs. */
export function aContainerState(over: Partial<ContainerState> = {}): ContainerState {
  return {
    id: "i",
    sandboxId: "s",
    podUid: "u",
    name: "c",
    attempt: 0,
    state: "running",
    image: "",
    imageId: "",
    createdAtMs: 0,
    startedAtMs: 0,
    finishedAtMs: 0,
    exitCode: 0,
    reason: "",
    message: "",
    logPath: "",
    annotations: {},
    ...over,
  };
}
