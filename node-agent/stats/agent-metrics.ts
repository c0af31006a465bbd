import { MetricsRegistry, type Counter, type Gauge, type Histogram } from "../../engine/lib/metrics.ts";

/**
 * What the agent tells of its own work, under the names of upstream's node agent, which dashboards and alerts are built on.
 * Durations are in seconds.
 */
export interface AgentMetrics {
  /** `/metrics`: everything but probes. */
  readonly registry: MetricsRegistry;
  /** `/metrics/probes`: by pod, and so a page of its own. */
  readonly probes: MetricsRegistry;
  readonly runtimeOperations: Counter;
  readonly runtimeErrors: Counter;
  readonly runtimeSeconds: Histogram;
  readonly relistSeconds: Histogram;
  readonly relistInterval: Histogram;
  readonly relistAt: Gauge;
  readonly runningPods: Gauge;
  readonly runningContainers: Gauge;
  readonly podWorkerSeconds: Histogram;
  readonly podStartSeconds: Histogram;
  readonly podStartTotalSeconds: Histogram;
  readonly containersPerPod: Histogram;
  readonly startedPods: Counter;
  readonly startedPodErrors: Counter;
  readonly startedContainers: Counter;
  readonly startedContainerErrors: Counter;
  readonly terminatedContainers: Counter;
  readonly evictions: Counter;
  readonly imageVolumesRequested: Counter;
  readonly imageVolumesMounted: Counter;
  readonly imageVolumeErrors: Counter;
  readonly draSeconds: Histogram;
  readonly draCallSeconds: Histogram;
  readonly csiCallSeconds: Histogram;
  readonly probeResults: Counter;
  readonly probeSeconds: Histogram;
}

/** Those that Prometheus clients take when nothing else is said. */
const USUAL = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const RUNTIME = Array.from({ length: 14 }, (_, exponent) => Number((0.005 * 2.5 ** exponent).toPrecision(6)));
/** Fifteen from a tenth of a second to what a call of a driver of devices may take, each by the same factor larger than the last. */
const DEVICES = Array.from({ length: 15 }, (_, step) => 0.1 * 400 ** (step / 14));
const VOLUMES = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600];
const STARTUP = [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600];

export function createAgentMetrics(nodeName: string): AgentMetrics {
  const registry = new MetricsRegistry();
  const probes = new MetricsRegistry();
  registry.gauge("kubelet_node_name", "Always 1; the label is the node's name.").set(1, { node: nodeName });
  return {
    registry,
    probes,
    runtimeOperations: registry.counter("kubelet_runtime_operations_total", "What was asked of the container runtime, by operation."),
    runtimeErrors: registry.counter("kubelet_runtime_operations_errors_total", "What the container runtime failed to do, by operation."),
    runtimeSeconds: registry.histogram("kubelet_runtime_operations_duration_seconds", "Time that the container runtime took, by operation.", RUNTIME),
    relistSeconds: registry.histogram("kubelet_pleg_relist_duration_seconds", "Time of a look at everything in the runtime.", USUAL),
    relistInterval: registry.histogram("kubelet_pleg_relist_interval_seconds", "Time between two looks at everything in the runtime.", USUAL),
    relistAt: registry.gauge("kubelet_pleg_last_seen_seconds", "When everything in the runtime was looked at last, in seconds since the Unix epoch."),
    runningPods: registry.gauge("kubelet_running_pods", "Pods with a sandbox that is ready."),
    runningContainers: registry.gauge("kubelet_running_containers", "Containers in the runtime, by their state."),
    podWorkerSeconds: registry.histogram("kubelet_pod_worker_duration_seconds", "Time of one step for one pod, by what the step was for.", USUAL),
    podStartSeconds: registry.histogram("kubelet_pod_start_duration_seconds", "Time from the agent's first sight of a pod until it runs.", STARTUP),
    podStartTotalSeconds: registry.histogram("kubelet_pod_start_total_duration_seconds", "Time from a pod's creation until it runs.", STARTUP),
    containersPerPod: registry.histogram("kubelet_containers_per_pod_count", "Containers of the pods that came to the node.", [1, 2, 4, 8, 16]),
    startedPods: registry.counter("kubelet_started_pods_total", "Sandboxes that were begun."),
    startedPodErrors: registry.counter("kubelet_started_pods_errors_total", "Sandboxes that could not be started."),
    startedContainers: registry.counter("kubelet_started_containers_total", "Containers that were begun, by their type."),
    startedContainerErrors: registry.counter("kubelet_started_containers_errors_total", "Containers that could not be started, by their type and the reason."),
    terminatedContainers: registry.counter("kubelet_terminated_containers_total", "Containers that ended, by their type, exit code and reason."),
    imageVolumesRequested: registry.counter("kubelet_image_volume_requested_total", "Images that containers wanted as volumes."),
    imageVolumesMounted: registry.counter("kubelet_image_volume_mounted_succeed_total", "Images that were mounted as volumes."),
    imageVolumeErrors: registry.counter("kubelet_image_volume_mounted_errors_total", "Images that could not be mounted as volumes."),
    evictions: registry.counter("kubelet_evictions", "Pods that had to go, by what the node was short of."),
    draSeconds: registry.histogram(
      "dra_operations_duration_seconds",
      "Time until all devices of a pod were prepared, or taken back, by whether that failed.",
      DEVICES,
    ),
    draCallSeconds: registry.histogram(
      "dra_grpc_operations_duration_seconds",
      "Time that drivers of devices took for a call, by driver, method and how it ended.",
      DEVICES,
    ),
    csiCallSeconds: registry.histogram("csi_operations_seconds", "Time that drivers of volumes took for a call, by driver, method and how it ended.", VOLUMES),
    probeResults: probes.counter("prober_probe_total", "Probes of containers, by their kind and result."),
    probeSeconds: probes.histogram("prober_probe_duration_seconds", "Time of probes that succeeded.", USUAL),
  };
}
