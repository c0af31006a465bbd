import type { Container, Pod } from "../../engine/resources/types.ts";
import type { ContainerState, SandboxState } from "../cri/runtime.ts";

/** What the runtime has of one pod. */
export interface PodState {
  readonly sandboxes: readonly SandboxState[];
  readonly containers: readonly ContainerState[];
}

/** What probes have found, by container name. */
export interface ProbeResults {
  readonly ready: ReadonlyMap<string, boolean>;
  readonly started: ReadonlyMap<string, boolean>;
  /** Containers whose liveness or startup probe failed, with why; keyed by container id, so that a restart clears it. */
  readonly failed: ReadonlyMap<string, string>;
}

/** A container that could not be started is tried again at this time. */
export interface StartFailure {
  readonly reason: string;
  readonly message: string;
  readonly retryAtMs: number;
  readonly failures: number;
}

export type PodAction =
  | { readonly do: "createSandbox"; readonly attempt: number }
  | { readonly do: "stopSandbox"; readonly id: string }
  | { readonly do: "startContainer"; readonly container: Container; readonly attempt: number; readonly isInit: boolean }
  | { readonly do: "killContainer"; readonly state: ContainerState; readonly container: Container | undefined; readonly why: string }
  | { readonly do: "removeContainer"; readonly id: string }
  | { readonly do: "wait"; readonly untilMs: number };

const BACKOFF_INITIAL_MS = 10_000;
const BACKOFF_MAX_MS = 300_000;
/** A container that ran this long starts with a clean slate. */
const BACKOFF_RESET_MS = 600_000;

/**
 * The next steps that bring a pod's containers to what its spec says; none when all is as it should be. Pure: the same pod, state
 * and time give the same steps, whatever happened before, so an agent that was killed goes on where it was.
 */
export function computePodActions(pod: Pod, state: PodState, probes: ProbeResults, failures: ReadonlyMap<string, StartFailure>, nowMs: number): PodAction[] {
  const sandbox = currentSandbox(state);
  const cleanup = cleanUp(state, sandbox);
  if (isFinished(pod, state)) return [...cleanup, ...(sandbox?.isReady === true ? [{ do: "stopSandbox", id: sandbox.id } as const] : [])];
  if (sandbox === undefined || !sandbox.isReady) {
    const attempt = Math.max(-1, ...state.sandboxes.map((other) => other.attempt)) + 1;
    // Containers of a sandbox that died lost their network with it.
    const strays = state.containers.filter((container) => container.state === "running").map((container) => ({ do: "killContainer", state: container, container: specOf(pod, container.name), why: "its sandbox is gone" }) as const);
    return [...cleanup, ...strays, { do: "createSandbox", attempt }];
  }
  const actions: PodAction[] = [...cleanup];
  const running = state.containers.filter((container) => container.state === "running");
  for (const container of running) {
    const failure = probes.failed.get(container.id);
    if (failure !== undefined) actions.push({ do: "killContainer", state: container, container: specOf(pod, container.name), why: failure });
  }
  const step = (container: Container, isInit: boolean) => planStart(pod, container, isInit, state, sandbox, failures, nowMs);
  // Whoever looks for what is wrong may be looking at a pod that never gets any further.
  for (const container of ephemeralContainers(pod)) {
    const next = step(container, false);
    if (next !== undefined) actions.push(next);
  }
  for (const container of pod.spec.initContainers ?? []) {
    const latest = latestOf(state, container.name, sandbox);
    const isSidecar = container.restartPolicy === "Always";
    if (isSidecar ? latest?.state === "running" : latest?.state === "exited" && latest.exitCode === 0) {
      // The next one waits until a sidecar has started, not only been launched.
      if (isSidecar && container.startupProbe !== undefined && probes.started.get(container.name) !== true) return actions;
      continue;
    }
    if (!isSidecar && hasMainStarted(pod, state)) continue; // its record was cleaned up; it has done its work
    const next = step(container, true);
    if (next !== undefined) actions.push(next);
    if (isSidecar && next === undefined) continue;
    return actions;
  }
  for (const container of pod.spec.containers) {
    const next = step(container, false);
    if (next !== undefined) actions.push(next);
  }
  return actions;
}

/** Containers that were added for debugging: they run once. */
export function ephemeralContainers(pod: Pod): readonly (Container & { readonly targetContainerName?: string | undefined })[] {
  return (pod.spec.ephemeralContainers ?? []).map((container) => ({ ...container, restartPolicy: "Never" }));
}

/** Milliseconds that a container waits between its end and its next start, after it ended `attempt + 1` times. */
export function restartBackoffMs(last: ContainerState): number {
  if (last.finishedAtMs - last.startedAtMs >= BACKOFF_RESET_MS || last.attempt === 0) return 0;
  return Math.min(BACKOFF_MAX_MS, BACKOFF_INITIAL_MS * 2 ** Math.min(last.attempt - 1, 10));
}

/** The newest sandbox; it is of no use unless it is ready. */
export function currentSandbox(state: PodState): SandboxState | undefined {
  return [...state.sandboxes].sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs)[0];
}

/** The newest container of that name; one that was created and has never run is nothing to go by. */
export function latestOf(state: PodState, name: string, sandbox?: SandboxState): ContainerState | undefined {
  return state.containers.filter((container) => container.name === name && container.state !== "created" && (sandbox === undefined || container.sandboxId === sandbox.id || container.state === "exited")).sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs)[0];
}

export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** When a pod that may run only so long has run so long, in milliseconds since the epoch; Infinity when it may run for ever, or is over. */
export function activeDeadlineMs(pod: Pod): number {
  const seconds = pod.spec.activeDeadlineSeconds;
  const startedMs = Date.parse(pod.status?.startTime ?? "");
  return seconds === undefined || isTerminal(pod) || Number.isNaN(startedMs) ? Infinity : startedMs + seconds * 1000;
}

/** Why a pod has to end although it could go on; undefined when it need not. */
export function deadlineExceeded(pod: Pod, nowMs: number): { readonly reason: string; readonly message: string } | undefined {
  return activeDeadlineMs(pod) > nowMs ? undefined : { reason: "DeadlineExceeded", message: "Pod was active on the node longer than the specified deadline" };
}

export function hasRunning(state: PodState): boolean {
  return state.containers.some((container) => container.state === "running");
}

/** Whether the pod has run its course and nothing of it will be started again. Sidecars may still be running. */
export function isFinished(pod: Pod, state: PodState): boolean {
  const policy = pod.spec.restartPolicy ?? "Always";
  if (isTerminal(pod)) return true;
  if (policy === "Always") return false;
  const isOver = (name: string) => {
    const latest = latestOf(state, name);
    return latest?.state === "exited" && (policy === "Never" || latest.exitCode === 0);
  };
  const failedInit = policy === "Never" && (pod.spec.initContainers ?? []).some((container) => container.restartPolicy !== "Always" && (latestOf(state, container.name)?.state ?? "") === "exited" && latestOf(state, container.name)?.exitCode !== 0);
  return failedInit || pod.spec.containers.every((container) => isOver(container.name));
}

function planStart(pod: Pod, container: Container, isInit: boolean, state: PodState, sandbox: SandboxState, failures: ReadonlyMap<string, StartFailure>, nowMs: number): PodAction | undefined {
  const latest = latestOf(state, container.name, sandbox);
  if (latest?.state === "running") return undefined;
  if (latest?.state === "exited" && !restarts(pod, container, isInit, latest)) return undefined;
  const failure = failures.get(container.name);
  if (failure !== undefined && failure.retryAtMs > nowMs) return { do: "wait", untilMs: failure.retryAtMs };
  if (latest?.state === "exited") {
    const readyAtMs = latest.finishedAtMs + restartBackoffMs(latest);
    if (readyAtMs > nowMs) return { do: "wait", untilMs: readyAtMs };
  }
  return { do: "startContainer", container, attempt: latest === undefined ? 0 : latest.attempt + 1, isInit };
}

function restarts(pod: Pod, container: Container, isInit: boolean, last: ContainerState): boolean {
  const policy = container.restartPolicy ?? (isInit && pod.spec.restartPolicy === "Always" ? "OnFailure" : (pod.spec.restartPolicy ?? "Always"));
  return policy === "Always" || (policy === "OnFailure" && last.exitCode !== 0);
}

/** Of each container, the last end is kept for its logs and its reason; older ones go, and so do old sandboxes without any. */
function cleanUp(state: PodState, sandbox: SandboxState | undefined): PodAction[] {
  const actions: PodAction[] = [];
  for (const containers of Map.groupBy(state.containers, (container) => container.name).values()) {
    const dead = containers.filter((container) => container.state === "exited" || container.state === "created").sort((a, b) => b.attempt - a.attempt);
    for (const container of dead.slice(containers.some((other) => other.state === "running") ? 1 : 2)) actions.push({ do: "removeContainer", id: container.id });
  }
  for (const other of state.sandboxes) if (other !== sandbox && other.isReady) actions.push({ do: "stopSandbox", id: other.id });
  return actions;
}

function hasMainStarted(pod: Pod, state: PodState): boolean {
  return pod.spec.containers.some((container) => latestOf(state, container.name) !== undefined);
}

function specOf(pod: Pod, name: string): Container | undefined {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers, ...ephemeralContainers(pod)].find((container) => container.name === name);
}
