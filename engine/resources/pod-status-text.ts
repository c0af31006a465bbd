import type { ContainerStatus, Pod } from "./types.ts";

/** The STATUS cell of `kubectl get pods`: the most telling word about the pod, from its phase down to its containers. */
export function podStatusText(pod: Pod): string {
  const status = pod.status;
  let text = status?.reason || status?.phase || "Pending";
  if (status?.conditions?.some((condition) => condition.type === "PodScheduled" && condition.reason === "SchedulingGated")) text = "SchedulingGated";
  const starting = initText(pod);
  if (starting !== undefined) text = starting;
  else text = containersText(pod, text);
  if (pod.metadata.deletionTimestamp === undefined) return text;
  if (status?.reason === "NodeLost") return "Unknown";
  return status?.phase === "Succeeded" || status?.phase === "Failed" ? text : "Terminating";
}

/** `Init:1/3` and the like while init containers run; undefined once they are done. */
function initText(pod: Pod): string | undefined {
  const specs = pod.spec.initContainers ?? [];
  const sidecars = new Set(specs.filter((container) => container.restartPolicy === "Always").map((container) => container.name));
  for (const [index, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0 || (sidecars.has(container.name) && container.started === true)) continue;
    if (terminated !== undefined) return `Init:${terminatedText(terminated)}`;
    if (waiting?.reason && waiting.reason !== "PodInitializing") return `Init:${waiting.reason}`;
    return `Init:${index}/${specs.length}`;
  }
  return undefined;
}

function containersText(pod: Pod, fallback: string): string {
  let text = fallback;
  let hasRunning = false;
  for (const container of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    const { waiting, terminated, running } = container.state ?? {};
    if (waiting?.reason) text = waiting.reason;
    else if (terminated !== undefined) text = terminatedText(terminated);
    else if (container.ready && running !== undefined) hasRunning = true;
  }
  // One finished container among running ones says nothing about the pod.
  if (text !== "Completed" || !hasRunning) return text;
  return pod.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ? "Running" : "NotReady";
}

function terminatedText(terminated: NonNullable<NonNullable<ContainerStatus["state"]>["terminated"]>): string {
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}
