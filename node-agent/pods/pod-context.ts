import type { Client } from "../../engine/client/client.ts";
import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import type { Logger } from "../../engine/lib/log.ts";
import type { Random } from "../../engine/lib/random.ts";
import type { Pod } from "../../engine/resources/types.ts";
import type { ImageAccess } from "../images/image-access.ts";
import type { ImageMounts } from "../images/image-mounts.ts";
import type { Runtime } from "../cri/runtime.ts";
import type { DeviceManager } from "../devices/device-manager.ts";
import type { AgentMetrics } from "../stats/agent-metrics.ts";
import type { DriverVolumes, VolumeSources } from "../volumes/volume-plugin.ts";
import type { Refusal } from "./admission/admit-pod.ts";
import type { NodeSettings } from "./container-config/container-config.ts";
import type { ContentAge } from "./followed-content.ts";
import type { Limiter } from "./start/limiter.ts";

/** What every pod worker shares. */
export interface PodContext {
  readonly runtime: Runtime;
  readonly client: Client;
  /** What shows a pod of this machine's own files in the API; undefined while nothing does. */
  readonly mirrorOf: (pod: Pod) => Pod | undefined;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: AgentMetrics;
  readonly images: ImageMounts;
  readonly imageAccess: ImageAccess;
  readonly settings: NodeSettings;
  /** Each pod has a folder here, named by its uid. */
  readonly podsDir: string;
  /** Volumes of drivers. */
  readonly csi: DriverVolumes;
  readonly sources: (podIps: readonly string[], content: ContentAge) => VolumeSources;
  /** Resolves once it is known which Services there are. Rejects when the signal fires. */
  readonly servicesKnown: (signal: AbortSignal) => Promise<void>;
  /** Bounds how many pods start at once: more would only make all of them slower. */
  readonly starts: Limiter;
  /** Bounds how many images are pulled at once. */
  readonly pulls: Limiter;
  /** Volumes that follow the API are looked at this often even when no change was reported: tokens age by themselves. */
  readonly syncMs: number;
  /** Longest wait between restarts of a container. */
  readonly restartMaxMs: number;
  /** The handler that the pod's RuntimeClass names; empty for the runtime's usual one. Rejects when there is no such class. */
  readonly runtimeHandler: (pod: Pod) => Promise<string>;
  readonly devices: Pick<DeviceManager, "prepare" | "unprepare" | "cdiDevices" | "held">;
  /** Bounds what the pod as a whole may use; with `onlyRaise`, bounds are loosened and not tightened. */
  readonly limitPod: (pod: Pod, onlyRaise: boolean) => void;
  /** Why the pod cannot run on the node now; undefined when it can. What the node has is known once it has registered; `NodePods.nodeSeen` says so. */
  readonly refuse: (pod: Pod) => Refusal | "not known yet" | undefined;
  /**
   * Why the node is none of those that the pod asks for, or wants none like it; undefined when it is. Rejects when the API does not say how
   * the node is now.
   */
  readonly refusePlace: (pod: Pod) => Promise<Refusal | undefined>;
  /** Has others give way to a pod that was refused and that the node must not do without; whether there is room for it now. */
  readonly makeRoom: (pod: Pod) => Promise<boolean>;
  /** Why it is too large for the node even if it were alone there and nothing were short for the moment; undefined when it is not. */
  readonly refuseForever: (pod: Pod) => Refusal | undefined;
}
