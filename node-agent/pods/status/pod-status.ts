import { isConditionTrue, withCondition } from "../../../engine/apimachinery/conditions.ts";
import { formatQuantity } from "../../../engine/apimachinery/quantity.ts";
import { formatTime } from "../../../engine/lib/clock.ts";
import { podContainers } from "../../../engine/resources/pod-containers.ts";
import { podLimits, podRequests, type ResourceAmounts } from "../../../engine/resources/pod-requests.ts";
import type { Container, ContainerStatus, Pod, PodCondition, PodSpec, PodStatus, VolumeMount, VolumeMountStatus } from "../../../engine/resources/types.ts";
import type { ContainerState } from "../../cri/runtime.ts";
import {
  currentSandbox,
  ephemeralContainers,
  failureOf,
  hasRunning,
  isFinished,
  isTerminal,
  latestOf,
  resetSources,
  type PodState,
  type ProbeResults,
  type StartFailure,
} from "../compute-pod-actions.ts";
import { resourcesStatus, type HeldDevice } from "../../devices/device-health.ts";
import { actualResources } from "../resize/actual-resources.ts";
import { podAddresses } from "../pod-addresses.ts";
import { computeConditions } from "./pod-conditions.ts";
import { hasOtherImage, restartBackoffMs, restartsAfter } from "../restart-policy.ts";
import { withResizeConditions, type ResizeProgress } from "../resize/resize.ts";

/** Upstream's bound of what all containers of a pod say in the end. */
const POD_MESSAGES_BYTES_MAX = 12 * 1024;
/** Why a container ended that was ended because its whole pod begins again, and why it is not there while it does. */
const RESET_REASON = "RestartingAllContainers";
const RESET_WORDS = "The container is removed because RestartAllContainers in place";
/** What the agent says of every pod, in upstream's order. */
const OWN_CONDITIONS = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled", "AllContainersRestarting"];

export interface StatusInputs {
  /** With the resources that it was granted. */
  readonly pod: Pod;
  readonly state: PodState;
  readonly probes: ProbeResults;
  readonly failures: ReadonlyMap<string, StartFailure>;
  /** One of each family. */
  readonly hostIps: readonly string[];
  readonly nowMs: number;
  /** Last lines or termination message of ended containers, by container id. */
  readonly terminationMessages: ReadonlyMap<string, string>;
  /** Why containers cannot even be made yet: the sandbox or a volume cannot. */
  readonly blocker?: string;
  /** Why the pod as a whole was refused or is failing, e.g. `OutOfcpu`. */
  readonly refusal?: { readonly reason: string; readonly message: string };
  /** What of the machine made the pod end, for those who count how often that happens. */
  readonly disruption?: string;
  /** What the pod asked for and was not granted, or has not yet. */
  readonly resize?: ResizeProgress | undefined;
  /** Longest wait between restarts of a container. */
  readonly restartMaxMs?: number;
  /** The devices that the pod has for one of its claims, or for one request of it. */
  readonly held?: (claim: string, request: string | undefined) => readonly HeldDevice[];
}

/** A pod's status from what the runtime and the probes say. Pure; conditions keep the time of their last change. */
export function computePodStatus(inputs: StatusInputs): PodStatus {
  const { pod, state, hostIps, nowMs, refusal } = inputs;
  const sandbox = currentSandbox(state);
  const isKnown = pod.spec.hostNetwork === true || sandbox?.isReady === true;
  const podIPs = isKnown ? podAddresses(pod, sandbox, hostIps).map((ip) => ({ ip })) : (pod.status?.podIPs ?? []);
  const containerStatuses = pod.spec.containers.map((container) => containerStatus(inputs, container, false));
  const initContainerStatuses = (pod.spec.initContainers ?? []).map((container) => containerStatus(inputs, container, true));
  // They serve nobody, so they are never ready.
  const ephemeralContainerStatuses = ephemeralContainers(pod).map((container) => ({ ...containerStatus(inputs, container, false), ready: false }));
  const phase = refusal !== undefined ? "Failed" : computePhase(inputs);
  const old = pod.status ?? {};
  const conditions = computeConditions(inputs, phase, containerStatuses, initContainerStatuses);
  return {
    phase,
    ...(refusal ?? (isTerminal(pod) ? lastWords(pod) : {})),
    hostIP: hostIps[0] ?? "",
    hostIPs: hostIps.map((ip) => ({ ip })),
    ...(podIPs[0] === undefined ? {} : { podIP: podIPs[0].ip, podIPs }),
    startTime: old.startTime ?? formatTime(nowMs),
    qosClass: old.qosClass ?? "BestEffort",
    observedGeneration: pod.metadata.generation ?? 1,
    ...wholeResources(inputs),
    ...(initContainerStatuses.length === 0 || isWithoutContainers(inputs) ? {} : { initContainerStatuses }),
    ...(isWithoutContainers(inputs) ? {} : { containerStatuses: containerStatuses.sort(byName) }),
    ...(ephemeralContainerStatuses.length === 0 ? {} : { ephemeralContainerStatuses: ephemeralContainerStatuses.sort(byName) }),
    conditions: inOrder(withDisruption(withResizeConditions(conditions, (isOver(phase) ? undefined : inputs.resize) ?? {}, formatTime(nowMs)), inputs)),
  };
}

/** In upstream's order, which is not that of the spec: scripts count on it. */
function byName(a: ContainerStatus, b: ContainerStatus): number {
  return a.name < b.name ? -1 : 1;
}

/** What the API is to be told of a status in the place of another: a merge keeps what is not named. */
export function statusPatch(before: PodStatus | undefined, status: PodStatus): object {
  const gone = (["reason", "message", "initContainerStatuses", "containerStatuses"] as const).filter(
    (key) => before?.[key] !== undefined && status[key] === undefined,
  );
  return { ...Object.fromEntries(gone.map((key) => [key, null])), ...status };
}

/** A pod that was refused never had containers here; words about them would be taken for why it does not run. */
function isWithoutContainers({ refusal, pod, state }: StatusInputs): boolean {
  return state.containers.length === 0 && (refusal !== undefined || (isTerminal(pod) && pod.status?.containerStatuses === undefined));
}

/** What the pod as a whole was granted, itself or by its containers together; and what it has, which is what it had before while a resize is being done. */
function wholeResources({ pod: { spec, status }, resize }: StatusInputs): Pick<PodStatus, "resources" | "allocatedResources"> {
  const granted =
    spec.resources === undefined
      ? sumOfContainers(spec)
      : { resources: spec.resources, ...(spec.resources.requests === undefined ? {} : { allocatedResources: spec.resources.requests }) };
  return resize?.inProgress === undefined || status?.resources === undefined ? granted : { ...granted, resources: status.resources };
}

/** The agent's own conditions in upstream's order, behind those of others. */
function inOrder(conditions: readonly PodCondition[]): PodCondition[] {
  const place = ({ type }: PodCondition) => OWN_CONDITIONS.indexOf(type);
  return [...conditions].sort((a, b) => place(a) - place(b));
}

function isOver(phase: string): boolean {
  return phase === "Succeeded" || phase === "Failed";
}

function sumOfContainers(spec: PodSpec): Pick<PodStatus, "resources" | "allocatedResources"> {
  const requests = quantities(podRequests(spec));
  const limits = quantities(podLimits(spec));
  const both = { ...(requests === undefined ? {} : { requests }), ...(limits === undefined ? {} : { limits }) };
  return { ...(Object.keys(both).length === 0 ? {} : { resources: both }), ...(requests === undefined ? {} : { allocatedResources: requests }) };
}

/** Undefined for none. */
function quantities(amounts: ResourceAmounts): Readonly<Record<string, string>> | undefined {
  const entries = Object.entries(amounts).map(([name, amount]) => [
    name,
    name === "cpu" ? formatQuantity(amount / 1000, "DecimalSI") : formatQuantity(amount, name.includes("/") ? "DecimalSI" : "BinarySI"),
  ]);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function withDisruption(conditions: PodCondition[], { disruption, nowMs }: StatusInputs): PodCondition[] {
  return disruption === undefined
    ? conditions
    : [...withCondition(conditions, { type: "DisruptionTarget", status: "True", reason: "TerminationByKubelet", message: disruption }, formatTime(nowMs))];
}

/** Why it failed, said by whoever said that it did. */
function lastWords({ status }: Pod): { readonly reason?: string; readonly message?: string } {
  return { ...(status?.reason === undefined ? {} : { reason: status.reason }), ...(status?.message === undefined ? {} : { message: status.message }) };
}

function computePhase({ pod, state }: StatusInputs): string {
  if (isTerminal(pod)) return pod.status?.phase ?? "";
  const latest = pod.spec.containers.map((container) => latestOf(state, container.name));
  // Whoever waits for the end of a pod may take its volumes and devices: not while anything of it runs.
  // A pod that is being deleted starts nothing any more: it is over with its last container, whatever its policy.
  const isEnded = isFinished(pod, state) || (pod.metadata.deletionTimestamp !== undefined && latest.every((container) => container?.state === "exited"));
  if (isEnded && !hasRunning(state)) {
    const failedInit = latest.some((container) => container === undefined);
    return !failedInit && latest.every((container) => container?.exitCode === 0) ? "Succeeded" : "Failed";
  }
  const initDone = (pod.spec.initContainers ?? []).every((container) => container.restartPolicy === "Always" || isInitDone(state, container, pod));
  // Pending until every container has been started at least once.
  return initDone && latest.every((container) => container !== undefined) ? "Running" : "Pending";
}

function containerStatus(
  { pod, state, probes, failures, terminationMessages, nowMs, blocker, resize, restartMaxMs, held = () => [] }: StatusInputs,
  container: Container,
  isInit: boolean,
): ContainerStatus {
  const all = state.containers.filter((other) => other.name === container.name).sort((a, b) => b.attempt - a.attempt);
  const latest = all.find((other) => other.state !== "created");
  const previous = all.find((other) => other !== latest && other.state === "exited" && (latest === undefined || other.attempt < latest.attempt));
  const old = (isInit ? pod.status?.initContainerStatuses : pod.status?.containerStatuses)?.find((status) => status.name === container.name);
  // Of what is over for good, the status may be all that is left.
  if (latest === undefined && old?.state?.terminated !== undefined && (isTerminal(pod) || pod.metadata.deletionTimestamp !== undefined)) return old;
  const isSidecar = isInit && container.restartPolicy === "Always";
  const started = latest?.state === "running" && (container.startupProbe === undefined || probes.started.get(container.name) === true);
  const ready =
    isInit && !isSidecar
      ? latest?.state === "exited" && latest.exitCode === 0
      : started && (container.readinessProbe === undefined || probes.ready.get(container.name) === true);
  const allocated = container.resources?.requests;
  const devices = resourcesStatus(container, held);
  const base = {
    name: container.name,
    image: latest?.image || container.image || "",
    imageID: latest?.imageId ?? "",
    ...(latest === undefined ? {} : { containerID: `containerd://${latest.id}` }),
    restartCount: latest?.attempt ?? old?.restartCount ?? 0,
    ready,
    started,
    resources: actualResources(container.resources, latest, old, resize?.inProgress !== undefined),
    ...(allocated === undefined ? {} : { allocatedResources: allocated }),
    ...(devices === undefined ? {} : { allocatedResourcesStatus: devices }),
    ...(container.volumeMounts === undefined ? {} : { volumeMounts: container.volumeMounts.map(mountStatus) }),
  };
  const ended = (of: ContainerState) => ({
    terminated: {
      exitCode: of.exitCode,
      reason: wasEndedByReset(pod, state, of) ? RESET_REASON : of.reason || (of.exitCode === 0 ? "Completed" : "Error"),
      ...lastWordsOf(of, terminationMessages.get(of.id) ?? "", pod.spec),
      // Of one that was lost it is not known.
      ...(of.startedAtMs === 0 ? {} : { startedAt: formatTime(of.startedAtMs) }),
      ...(of.finishedAtMs === 0 ? {} : { finishedAt: formatTime(of.finishedAtMs) }),
      containerID: `containerd://${of.id}`,
    },
  });
  const last = previous === undefined ? rememberedEnd(old, latest) : { lastState: ended(previous) };
  if (latest?.state === "running") return { ...base, state: { running: { startedAt: formatTime(latest.startedAtMs) } }, ...last };
  const failure = failureOf(container, failures);
  const wait = waitingReason(pod, state, container, latest, failure, nowMs, restartMaxMs);
  if (wait !== undefined) return { ...base, state: { waiting: wait }, ...(latest?.state === "exited" ? { lastState: ended(latest) } : last) };
  if (latest?.state === "exited") return { ...base, state: ended(latest), ...last };
  if (latest === undefined && old?.containerID !== undefined && isConditionTrue(pod.status?.conditions, "AllContainersRestarting"))
    return { ...base, state: { waiting: { reason: RESET_REASON, message: RESET_WORDS } }, ...last };
  return {
    ...base,
    state: {
      waiting: {
        reason: (pod.spec.initContainers ?? []).length > 0 ? "PodInitializing" : "ContainerCreating",
        ...(blocker === undefined ? {} : { message: blocker }),
      },
    },
    ...last,
  };
}

/** Whether it ended only because another one's end makes the pod begin again. */
function wasEndedByReset(pod: Pod, state: PodState, ended: ContainerState): boolean {
  const sources = resetSources(pod, state);
  return sources.some(({ finishedAtMs }) => finishedAtMs <= ended.finishedAtMs) && !sources.some(({ id }) => id === ended.id);
}

/** Of mounts below it nothing is promised: the version of the runtime's interface that is spoken here has no word for that. */
function mountStatus({ name, mountPath, readOnly }: VolumeMount): VolumeMountStatus {
  return { name, mountPath, ...(readOnly === true ? { readOnly, recursiveReadOnly: "Disabled" } : {}) };
}

/** What the runtime says of an end, and what the container left; a pod's containers share the room that there is for all. */
function lastWordsOf({ message }: ContainerState, left: string, spec: PodSpec): { readonly message?: string } {
  const text = [message, left].filter((part) => part !== "").join(": ");
  const bytesMax = Math.floor(POD_MESSAGES_BYTES_MAX / (podContainers(spec).length + (spec.ephemeralContainers?.length ?? 0)));
  return text === ""
    ? {}
    : {
        message:
          Buffer.byteLength(text) <= bytesMax
            ? text
            : Buffer.from(text)
                .subarray(0, bytesMax)
                .toString("utf8")
                .replace(/\uFFFD$/, ""),
      };
}

/** How a container ended that the runtime has forgotten. */
function rememberedEnd(old: ContainerStatus | undefined, latest: ContainerState | undefined): Pick<ContainerStatus, "lastState"> {
  const ended = old?.state?.terminated;
  const isAnother = ended?.containerID !== undefined && ended.containerID !== (latest === undefined ? "" : `containerd://${latest.id}`);
  const lastState = isAnother ? { terminated: ended } : old?.lastState;
  return lastState?.terminated === undefined ? {} : { lastState };
}

function waitingReason(
  pod: Pod,
  state: PodState,
  container: Container,
  latest: ContainerState | undefined,
  failure: StartFailure | undefined,
  nowMs: number,
  restartMaxMs: number | undefined,
): { reason: string; message: string } | undefined {
  if (latest?.state === "exited" && !isStartedAgain(pod, state, container, latest)) return undefined;
  const backOff = crashLoop(pod, container, latest, nowMs, restartMaxMs);
  // One that cannot be started after it was made has ended, too: when it may be tried again, it backs off like others.
  return failure === undefined || (backOff !== undefined && failure.retryAtMs <= nowMs) ? backOff : { reason: failure.reason, message: failure.message };
}

/** Whether one that has ended waits for anything: of one that is over, what counts is how it ended, also when that was before it began. */
function isStartedAgain(pod: Pod, state: PodState, container: Container, { exitCode }: ContainerState): boolean {
  return pod.metadata.deletionTimestamp === undefined && !isFinished(pod, state) && restartsAfter(pod, container, exitCode);
}

/** Of a container that is started again: undefined when it may be at once. */
function crashLoop(
  pod: Pod,
  container: Container,
  latest: ContainerState | undefined,
  nowMs: number,
  restartMaxMs: number | undefined,
): { reason: string; message: string } | undefined {
  if (latest?.state !== "exited") return undefined;
  const backoffMs = hasOtherImage(container, latest) ? 0 : restartBackoffMs(latest, restartMaxMs);
  if (backoffMs === 0 || latest.finishedAtMs + backoffMs <= nowMs) return undefined;
  return {
    reason: "CrashLoopBackOff",
    message: `back-off ${humanSeconds(backoffMs)} restarting failed container=${container.name} pod=${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`,
  };
}

/** An init container whose record is gone has done its work if a later one has started. */
function isInitDone(state: PodState, container: Container | undefined, pod: Pod): boolean {
  if (container === undefined) return true;
  const latest = latestOf(state, container.name);
  if (latest !== undefined) return latest.state === "exited" && latest.exitCode === 0;
  return pod.spec.containers.some((main) => latestOf(state, main.name) !== undefined);
}

function humanSeconds(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
