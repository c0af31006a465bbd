import { humanDuration } from "./human-duration.ts";
import type { ContainerStatus, Pod } from "./types.ts";

/** What `kubectl get pods` tells of a pod's containers. */
export interface PodSummary {
  /** The most telling word: from the phase down to a single container, such as CrashLoopBackOff, Init:0/1 or Terminating. */
  readonly text: string;
  readonly readyCount: number;
  /** Containers that are to run side by side: all but the init containers that end. */
  readonly totalCount: number;
  readonly restartCount: number;
  /** When the last restarted container had ended. */
  readonly restartedAt: string | undefined;
}

/** The STATUS cell of `kubectl get pods`. */
export function podStatusText(pod: Pod): string {
  return summarizePod(pod).text;
}

/** The RESTARTS cell: the count, and how long ago the last one was. */
export function podRestartsText(pod: Pod, now: number): string {
  const { restartCount, restartedAt } = summarizePod(pod);
  return restartCount === 0 || restartedAt === undefined ? String(restartCount) : `${restartCount} (${humanDuration(now - Date.parse(restartedAt))} ago)`;
}

/** The rules are upstream's printer's: while init containers run only they count, afterwards only what is to stay. */
export function summarizePod(pod: Pod): PodSummary {
  const { status } = pod;
  const sidecars = new Set((pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === "Always").map((container) => container.name));
  const initStatuses = status?.initContainerStatuses ?? [];
  const sidecarStatuses = initStatuses.filter((container) => sidecars.has(container.name));
  const totalCount = pod.spec.containers.length + sidecars.size;
  const starting = hasCondition(pod, "Initialized") ? undefined : initText(pod, sidecars);
  if (starting !== undefined) {
    const readySidecars = sidecarStatuses.filter((container) => container.started === true && container.ready);
    return { text: withDeletion(pod, starting), readyCount: readySidecars.length, totalCount, ...restartsOf(initStatuses) };
  }
  const containers = status?.containerStatuses ?? [];
  const ready = [
    ...containers.filter((container) => container.ready && isRunning(container)),
    ...sidecarStatuses.filter((container) => container.started === true && container.ready),
  ];
  return {
    text: withDeletion(pod, containersText(pod, phaseText(pod))),
    readyCount: ready.length,
    totalCount,
    ...restartsOf([...sidecarStatuses, ...containers]),
  };
}

function phaseText(pod: Pod): string {
  const isGated = pod.status?.conditions?.some((condition) => condition.type === "PodScheduled" && condition.reason === "SchedulingGated") === true;
  return isGated ? "SchedulingGated" : pod.status?.reason || pod.status?.phase || "Pending";
}

/** A pod whose node is lost cannot be seen to end. */
function withDeletion(pod: Pod, text: string): string {
  if (pod.metadata.deletionTimestamp === undefined) return text;
  if (pod.status?.reason === "NodeLost") return "Unknown";
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed" ? text : "Terminating";
}

/** `Init:1/3` and the like while init containers run; undefined once they are done. */
function initText(pod: Pod, sidecars: ReadonlySet<string>): string | undefined {
  for (const [index, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0 || (sidecars.has(container.name) && container.started === true)) continue;
    if (terminated !== undefined) return `Init:${terminatedText(terminated)}`;
    if (waiting?.reason && waiting.reason !== "PodInitializing") return `Init:${waiting.reason}`;
    return `Init:${index}/${(pod.spec.initContainers ?? []).length}`;
  }
  return undefined;
}

/** The first container with something to tell gives the word. */
function containersText(pod: Pod, fallback: string): string {
  let text = fallback;
  let hasRunning = false;
  for (const container of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    const { waiting, terminated } = container.state ?? {};
    if (waiting?.reason) text = waiting.reason;
    else if (terminated !== undefined) text = terminatedText(terminated);
    else if (container.ready && isRunning(container)) hasRunning = true;
  }
  // One finished container among running ones says nothing about the pod.
  if (text !== "Completed" || !hasRunning) return text;
  return hasCondition(pod, "Ready") ? "Running" : "NotReady";
}

function terminatedText(terminated: NonNullable<NonNullable<ContainerStatus["state"]>["terminated"]>): string {
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

function restartsOf(statuses: readonly ContainerStatus[]): { restartCount: number; restartedAt: string | undefined } {
  const ends = statuses.flatMap((container) => container.lastState?.terminated?.finishedAt ?? []).sort();
  return { restartCount: statuses.reduce((sum, container) => sum + (container.restartCount ?? 0), 0), restartedAt: ends.at(-1) };
}

const isRunning = (container: ContainerStatus) => container.state?.running !== undefined;

const hasCondition = (pod: Pod, type: string) => pod.status?.conditions?.some((condition) => condition.type === type && condition.status === "True") === true;
