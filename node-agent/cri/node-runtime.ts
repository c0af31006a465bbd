import type { Clock } from "../../engine/lib/clock.ts";
import type { Logger } from "../../engine/lib/log.ts";
import type { Service } from "../../engine/lib/service.ts";
import { ensureLocalImages } from "../images/local-images.ts";
import { writeCniConfig } from "../network/cni.ts";
import { createCniKeeper } from "../network/keep-cni.ts";
import type { AgentMetrics } from "../stats/agent-metrics.ts";
import { containerdPaths, keepContainerd, type ContainerdPaths } from "./containerd.ts";
import { openCriRuntime } from "./cri-runtime.ts";
import { openImageSnapshots, type ImageSnapshots } from "./image-snapshots.ts";
import { createShimReaper } from "./leaked-shims.ts";
import { withRuntimeMetrics } from "./metered-runtime.ts";
import type { Runtime } from "./runtime.ts";
import { openStreamingRuntime, type StreamingRuntime } from "./streaming-runtime.ts";

/** The node's container runtime, by all that is asked of it. */
export interface NodeRuntime {
  readonly runtime: Runtime;
  readonly streaming: StreamingRuntime;
  readonly snapshots: ImageSnapshots;
  /** Where its files are; undefined for a runtime that somebody else keeps. */
  readonly paths: ContainerdPaths | undefined;
  readonly services: readonly Service[];
  /** Has pods get their addresses out of these ranges; of somebody else's runtime the network is somebody else's, too. */
  readonly useRanges: (podCidrs: readonly string[]) => void;
  /** Leaves containers as they are. */
  readonly close: () => Promise<void>;
}

export interface NodeRuntimeOptions {
  readonly dataDir: string;
  /** The socket of somebody else's runtime; without it, the agent keeps a containerd of its own, with the images that it builds. */
  readonly endpoint: string | undefined;
  readonly metrics: AgentMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Connects to the runtime, which is started first where it is ours. */
export async function openNodeRuntime({ dataDir, endpoint, metrics, clock, logger }: NodeRuntimeOptions, signal: AbortSignal): Promise<NodeRuntime> {
  const containerd = endpoint === undefined ? await keepContainerd(dataDir, clock, logger, signal) : undefined;
  const socket = containerd?.socket ?? endpoint ?? "";
  const runtime = withRuntimeMetrics(openCriRuntime(socket), metrics, clock);
  const streaming = openStreamingRuntime(socket);
  const snapshots = openImageSnapshots(socket);
  const built = containerd === undefined ? [] : await ensureLocalImages(runtime, socket);
  if (built.length > 0) logger.info("built local images", { images: built });
  const paths = containerd === undefined ? undefined : containerdPaths(dataDir);
  let ranges: readonly string[] = [];
  return {
    runtime,
    streaming,
    snapshots,
    paths,
    services:
      containerd === undefined || paths === undefined
        ? []
        : [
            containerd.service,
            createShimReaper({ runtime, paths, containerdPid: () => containerd.pid(), clock, logger }),
            createCniKeeper({
              places: paths.cni,
              podCidrs: () => ranges,
              problem: () => runtime.problem(),
              restart: () => containerd.stop(),
              clock,
              logger,
            }),
          ],
    useRanges: (podCidrs) => {
      ranges = podCidrs;
      if (paths !== undefined && ranges.length > 0) writeCniConfig(paths.cni, ranges);
    },
    close: async () => {
      runtime.close();
      streaming.close();
      snapshots.close();
      await containerd?.stop();
    },
  };
}
