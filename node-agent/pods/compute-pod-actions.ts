import { podContainers } from "../../engine/resources/pod-containers.ts";
import type { Container, Pod } from "../../engine/resources/types.ts";
import type { ContainerState, SandboxState } from "../cri/runtime.ts";
import { hasOtherImage, nextBackoffBase, RESTART_MAX_MS, restartBackoffMs, restartsAfter, restartsPodAfter } from "./restart-policy.ts";

/** What the runtime has of one pod. */
export interface PodState {
  readonly sandboxes: readonly SandboxState[];
  readonly containers: readonly ContainerState[];
}

/** What probes have found, by container name. */
export interface ProbeResults {
  readonly ready: ReadonlyMap<string, boolean>;
  readonly started: ReadonlyMap<string, boolean>;
  /** Containers whose liveness or startup probe failed; keyed by container id, so that a restart clears it. */
  readonly failed: ReadonlyMap<string, ProbeFailure>;
}

export interface ProbeFailure {
  /** Such as `failed liveness probe`. */
  readonly why: string;
  /** What the probe gives the container to end, if it says so. */
  readonly graceSeconds: number | undefined;
}

/** A container that could not be started is tried again at this time. */
export interface StartFailure {
  /** As the pod named it; with another one it is tried at once. */
  readonly image?: string;
  readonly reason: string;
  readonly message: string;
  readonly retryAtMs: number;
  readonly failures: number;
}

export type PodAction =
  | { readonly do: "createSandbox"; readonly attempt: number }
  | { readonly do: "stopSandbox"; readonly id: string }
  | { readonly do: "removeSandbox"; readonly id: string }
  | { readonly do: "startContainer"; readonly container: Container; readonly attempt: number; readonly backoffBase: number }
  | { readonly do: "killContainer"; readonly state: ContainerState; readonly why: string; readonly graceSeconds?: number | undefined }
  | { readonly do: "removeContainer"; readonly id: string }
  | { readonly do: "wait"; readonly untilMs: number };

/**
 * The next steps that bring a pod's containers to what its spec says; none when all is as it should be. Pure: the same pod, state
 * and time give the same steps, whatever happened before, so an agent that was killed goes on where it was.
 */
export function computePodActions(
  pod: Pod,
  state: PodState,
  probes: ProbeResults,
  failures: ReadonlyMap<string, StartFailure>,
  nowMs: number,
  restartMaxMs = RESTART_MAX_MS,
): PodAction[] {
  const sandbox = currentSandbox(state);
  const reset = planReset(pod, state);
  if (reset.length > 0) return reset;
  const cleanup = cleanUp(state, sandbox);
  if (isFinished(pod, state)) return [...cleanup, ...(sandbox?.isReady === true ? [{ do: "stopSandbox", id: sandbox.id } as const] : [])];
  if (sandbox === undefined || !sandbox.isReady) {
    const attempt = Math.max(-1, ...state.sandboxes.map((other) => other.attempt)) + 1;
    // Containers of a sandbox that died lost their network with it.
    const strays = state.containers
      .filter((container) => container.state === "running")
      .map((container) => ({ do: "killContainer", state: container, why: `Container ${container.name} lost its sandbox` }) as const);
    // What of them ends for good is known when they have ended.
    if (strays.length > 0) return [...cleanup, ...strays];
    // Also one that died with its machine still holds its addresses.
    return [...cleanup, ...(sandbox === undefined ? [] : [{ do: "stopSandbox", id: sandbox.id } as const]), { do: "createSandbox", attempt }];
  }
  const actions: PodAction[] = [...cleanup, ...planKills(pod, state, probes)];
  const step = (container: Container) => planStart(pod, container, state, sandbox, failures, nowMs, restartMaxMs);
  // Whoever looks for what is wrong may be looking at a pod that never gets any further.
  for (const container of ephemeralContainers(pod)) actions.push(...step(container));
  const inits = pod.spec.initContainers ?? [];
  const next = nextToInitialize(pod, state, sandbox, probes);
  // Sidecars that had their turn run on beside whatever comes after them: none of them waits for another, nor does a main container that runs.
  for (const [index, container] of inits.entries())
    if (index === next || (index < next && container.restartPolicy === "Always")) actions.push(...step(container));
  if (next < inits.length) return actions;
  for (const container of pod.spec.containers) actions.push(...step(container));
  return actions;
}

/**
 * Which init container the pod's initialization is at, by its index; as many as there are when it is done. The last one that has begun tells: those
 * before it have had their turn, whatever became of them since, and what has run in a main container's time is not run again.
 */
function nextToInitialize(pod: Pod, state: PodState, sandbox: SandboxState, probes: ProbeResults): number {
  const inits = pod.spec.initContainers ?? [];
  const mains = pod.spec.containers.flatMap(({ name }) => latestOf(state, name, sandbox) ?? []).filter(({ sandboxId }) => sandboxId === sandbox.id);
  if (mains.some((container) => container.state === "running")) return inits.length;
  const latest = inits.map(({ name }) => latestOf(state, name, sandbox)).map((container) => (container?.sandboxId === sandbox.id ? container : undefined));
  // Records of init containers may have been cleaned up; they have done their work.
  const reached = mains.length > 0 ? inits.length - 1 : latest.findLastIndex((container) => container !== undefined);
  const [container, last] = [inits[reached], latest[reached]];
  if (container === undefined) return 0;
  const isDone =
    container.restartPolicy === "Always"
      ? last?.state === "running" && (container.startupProbe === undefined || probes.started.get(container.name) === true)
      : last === undefined || (last.state === "exited" && last.exitCode === 0);
  return isDone ? reached + 1 : reached;
}

/**
 * When a container ended in a way that makes the whole pod begin again: all are ended and forgotten, the one that says so last, so that an
 * agent that dies meanwhile knows what it was at.
 */
function planReset(pod: Pod, state: PodState): PodAction[] {
  const own = podContainers(pod.spec);
  const sources = resetSources(pod, state);
  if (sources.length === 0) return [];
  const others = state.containers.filter(({ name, id }) => own.some((container) => container.name === name) && !sources.some((source) => source.id === id));
  const kills = others
    .filter((container) => container.state === "running")
    .map((container) => ({ do: "killContainer", state: container, why: `Container ${container.name} is restarted with its pod` }) as const);
  // How they ended is shown before they are forgotten: the pod's status is all that remembers it.
  return kills.length > 0 ? kills : [...others, ...sources].map(({ id }) => ({ do: "removeContainer", id }) as const);
}

/** The containers whose end makes the pod begin again; none if it will not. */
export function resetSources(pod: Pod, state: PodState): readonly ContainerState[] {
  if (isTerminal(pod) || pod.metadata.deletionTimestamp !== undefined) return [];
  return podContainers(pod.spec).flatMap((container) => {
    const latest = latestOf(state, container.name);
    return latest?.state === "exited" && restartsPodAfter(container, latest.exitCode) ? [latest] : [];
  });
}

/** What must not go on running as it is. A container whose image was changed comes back whatever its policy. */
function planKills(pod: Pod, state: PodState, probes: ProbeResults): PodAction[] {
  return state.containers
    .filter((container) => container.state === "running")
    .flatMap((current): PodAction[] => {
      const container = lasting(pod).find(({ name }) => name === current.name);
      const failure = probes.failed.get(current.id);
      if (container !== undefined && hasOtherImage(container, current)) {
        const attempt = current.attempt + 1;
        return [
          { do: "killContainer", state: current, why: `Container ${current.name} definition changed, will be restarted` },
          { do: "startContainer", container, attempt, backoffBase: attempt },
        ];
      }
      if (failure === undefined) return [];
      const policy = container?.restartPolicy ?? pod.spec.restartPolicy;
      const returns = container === undefined || policy !== "Never";
      const kill: PodAction = {
        do: "killContainer",
        state: current,
        why: `Container ${current.name} ${failure.why}${returns ? ", will be restarted" : ""}`,
        graceSeconds: failure.graceSeconds,
      };
      // Asked to end it may end well, and would be taken for one that has done its work.
      if (container === undefined || policy !== "OnFailure") return [kill];
      const attempt = current.attempt + 1;
      return [kill, { do: "startContainer", container, attempt, backoffBase: nextBackoffBase(container, current, attempt) }];
    });
}

/** A pod's containers that are to run all the time: sidecars and main ones. */
function lasting({ spec }: Pod): readonly Container[] {
  return [...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always"), ...spec.containers];
}

/** Containers that were added for debugging: they run once. */
export function ephemeralContainers(pod: Pod): readonly (Container & { readonly targetContainerName?: string | undefined })[] {
  return (pod.spec.ephemeralContainers ?? []).map((container) => ({ ...container, restartPolicy: "Never" }));
}

/** The newest sandbox; it is of no use unless it is ready. */
export function currentSandbox(state: PodState): SandboxState | undefined {
  return [...state.sandboxes].sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs)[0];
}

/** The newest container of that name; one that was created and has never run is nothing to go by. */
export function latestOf(state: PodState, name: string, sandbox?: SandboxState): ContainerState | undefined {
  return state.containers
    .filter(
      (container) =>
        container.name === name &&
        container.state !== "created" &&
        (sandbox === undefined || container.sandboxId === sandbox.id || container.state === "exited"),
    )
    .sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs)[0];
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
  if (isTerminal(pod)) return true;
  // Those that were ended for it are not over: all begin again.
  if (resetSources(pod, state).length > 0) return false;
  const isOver = (container: Container) => {
    const latest = latestOf(state, container.name);
    return latest?.state === "exited" && !restartsAfter(pod, container, latest.exitCode);
  };
  const failedInit = (pod.spec.initContainers ?? []).some(
    (container) => container.restartPolicy !== "Always" && isOver(container) && latestOf(state, container.name)?.exitCode !== 0,
  );
  return failedInit || pod.spec.containers.every(isOver);
}

function planStart(
  pod: Pod,
  container: Container,
  state: PodState,
  sandbox: SandboxState,
  failures: ReadonlyMap<string, StartFailure>,
  nowMs: number,
  restartMaxMs: number,
): PodAction[] {
  const latest = latestOf(state, container.name, sandbox);
  if (latest?.state === "running") return [];
  // A pod that got another sandbox is initialised again.
  const isOld = latest?.sandboxId !== sandbox.id && pod.spec.initContainers?.includes(container) === true;
  if (latest?.state === "exited" && !isOld && !restartsAfter(pod, container, latest.exitCode)) return [];
  const failure = failureOf(container, failures);
  if (failure !== undefined && isAhead(failure.retryAtMs, RESTART_MAX_MS)) return [{ do: "wait", untilMs: failure.retryAtMs }];
  if (latest?.state === "exited" && !hasOtherImage(container, latest)) {
    const backoffMs = restartBackoffMs(latest, restartMaxMs);
    if (isAhead(latest.finishedAtMs + backoffMs, backoffMs)) return [{ do: "wait", untilMs: latest.finishedAtMs + backoffMs }];
  }
  const attempt = latest === undefined ? forgottenStarts(pod, container) : latest.attempt + 1;
  return [{ do: "startContainer", container, attempt, backoffBase: nextBackoffBase(container, latest, attempt) }];

  /** A moment further away than any wait is one by a clock that was set back since: nobody waits for that. */
  function isAhead(atMs: number, waitMaxMs: number): boolean {
    return atMs > nowMs && atMs - nowMs <= waitMaxMs;
  }
}

/** Why the container could not be started with the image that it has now. */
export function failureOf({ name, image }: Container, failures: ReadonlyMap<string, StartFailure>): StartFailure | undefined {
  const failure = failures.get(name);
  return failure?.image !== undefined && failure.image !== image ? undefined : failure;
}

/** How often a container ran of which the runtime has nothing any more: its status remembers. */
function forgottenStarts({ status }: Pod, { name }: Container): number {
  const known = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].find((candidate) => candidate.name === name);
  const hasRun = known?.containerID !== undefined || known?.lastState?.terminated !== undefined;
  return (known?.restartCount ?? 0) + (hasRun ? 1 : 0);
}

/** Of each container, the last end is kept for its logs and its reason; older ones go, and so do old sandboxes without any. */
function cleanUp(state: PodState, sandbox: SandboxState | undefined): PodAction[] {
  const actions: PodAction[] = [];
  for (const containers of Map.groupBy(state.containers, (container) => container.name).values()) {
    const dead = containers.filter((container) => container.state === "exited" || container.state === "created").sort((a, b) => b.attempt - a.attempt);
    for (const container of dead.slice(containers.some((other) => other.state === "running") ? 1 : 2))
      actions.push({ do: "removeContainer", id: container.id });
  }
  for (const other of state.sandboxes) {
    if (other === sandbox) continue;
    if (other.isReady) actions.push({ do: "stopSandbox", id: other.id });
    else if (!state.containers.some(({ sandboxId }) => sandboxId === other.id)) actions.push({ do: "removeSandbox", id: other.id });
  }
  return actions;
}
