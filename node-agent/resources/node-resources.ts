import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import type { Logger } from "../../engine/lib/log.ts";
import type { Service } from "../../engine/lib/service.ts";
import type { Node, Pod } from "../../engine/resources/types.ts";
import type { Runtime } from "../cri/runtime.ts";
import type { ImageAccess } from "../images/image-access.ts";
import { imagesOfVolumes } from "../pods/start/image-volumes.ts";
import type { NodePods } from "../pods/node-pods.ts";
import type { AgentMetrics } from "../stats/agent-metrics.ts";
import type { UsageSampler } from "../stats/usage-sampler.ts";
import { chooseDeadContainers } from "./dead-containers.ts";
import { EvictionManager } from "./eviction-manager.ts";
import { ImageGarbage } from "../images/image-garbage.ts";
import { measureNode, readProcessCapacity } from "./measure-node.ts";
import type { PodPlaces } from "./measure-pods.ts";
import type { Pressure } from "./pressure.ts";
import { createQosCgroups } from "../cgroups/qos-cgroups.ts";
import { addReserved, computePodsMemory, computePodsPids, parseReserved, type Reserved } from "./reserved.ts";
import { parseGracePeriods, parseMinimumReclaim, parseThresholds } from "./thresholds.ts";

/** As on the command line; what they say has been judged there. */
export interface NodeResourceSettings {
  readonly evictionHard: string;
  readonly evictionSoft: string;
  readonly evictionSoftGracePeriod: string;
  readonly evictionMaxPodGracePeriod: number;
  readonly systemReserved: string;
  readonly kubeReserved: string;
  readonly imageGcHighThreshold: number;
  readonly imageGcLowThreshold: number;
  readonly evictionMinimumReclaim: string;
  /** Milliseconds, as below. */
  readonly evictionPressureTransitionPeriod: number;
  readonly minimumImageTtlDuration: number;
  readonly imageMaximumGcAge: number;
}

export interface NodeResourcesOptions {
  readonly config: NodeResourceSettings;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventRecorder;
  readonly metrics: AgentMetrics;
  readonly usage: UsageSampler;
  readonly pods: NodePods;
  readonly node: () => Node | undefined;
  readonly places: PodPlaces;
  /** Where images are kept. */
  readonly imageDir: string;
  readonly imageAccess: ImageAccess;
  readonly memoryBytes: number;
}

/** Everything that sees to it that the machine does not run out of what its pods need. */
export interface NodeResources {
  readonly reserved: Reserved;
  readonly pressures: () => ReadonlySet<Pressure>;
  /** Why the node takes no such pod now. */
  readonly refuse: (pod: Pod) => { readonly reason: string; readonly message: string } | undefined;
  /** Calls back when what the machine is short of has changed. Gives the function that ends it. */
  readonly onChange: (changed: () => void) => () => void;
  readonly services: readonly Service[];
}

export function createNodeResources({
  config,
  runtime,
  clock,
  logger,
  events,
  metrics,
  usage,
  pods,
  node,
  places,
  imageDir,
  imageAccess,
  memoryBytes,
}: NodeResourcesOptions): NodeResources {
  const hard = parseThresholds(config.evictionHard);
  const soft = parseThresholds(config.evictionSoft, parseGracePeriods(config.evictionSoftGracePeriod));
  const reclaim = parseMinimumReclaim(config.evictionMinimumReclaim);
  const reserved: Reserved = { processes: addReserved(parseReserved(config.systemReserved), parseReserved(config.kubeReserved)), hard };
  const images = new ImageGarbage({
    runtime,
    clock,
    logger,
    events,
    node,
    access: imageAccess,
    mounted: () => pods.list().flatMap(imagesOfVolumes),
    imageDir,
    settings: {
      highPercent: config.imageGcHighThreshold,
      lowPercent: config.imageGcLowThreshold,
      minAgeMs: config.minimumImageTtlDuration,
      maxAgeMs: config.imageMaximumGcAge,
    },
  });
  const listeners = new Set<() => void>();
  const eviction = new EvictionManager({
    runtime,
    clock,
    logger,
    events,
    metrics,
    usage,
    places,
    thresholds: [...hard, ...soft].map((threshold) => {
      const bound = reclaim.get(threshold.signal);
      return bound === undefined ? threshold : { ...threshold, reclaim: bound };
    }),
    softGraceSeconds: config.evictionMaxPodGracePeriod,
    transitionMs: config.evictionPressureTransitionPeriod,
    measure: () => measureNode(places.podsDir, imageDir, memoryBytes),
    // One that has given way is shown as running for as long as no server hears it.
    pods: () => pods.claimants(),
    node,
    evict: ({ pod, message, graceSeconds }) => pods.evict(pod.metadata.uid ?? "", message, graceSeconds),
    async freeDisk() {
      for (const { id } of chooseDeadContainers(await runtime.listContainers(), pods.list())) await runtime.removeContainer(id);
      await images.freeAll();
    },
    onChange: () => listeners.forEach((changed) => changed()),
  });
  return {
    reserved,
    pressures: () => eviction.pressures,
    refuse: (pod) => eviction.refuse(pod),
    onChange: (changed) => {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
    services: [
      eviction.asService(),
      images.asService(),
      createQosCgroups({
        clock,
        logger,
        cgroupRoot: places.cgroupRoot,
        pods: () => pods.list(),
        memoryBytes: computePodsMemory(memoryBytes, reserved),
        pidsMax: async () => computePodsPids(await readProcessCapacity(), reserved),
      }),
    ],
  };
}
