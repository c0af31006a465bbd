import { findCondition } from "../../../engine/apimachinery/conditions.ts";
import { goJson } from "../../../engine/lib/go-json.ts";
import { podContainers } from "../../../engine/resources/pod-containers.ts";
import type { Container, Pod, PodCondition } from "../../../engine/resources/types.ts";
import type { ContainerState } from "../../cri/runtime.ts";
import { latestOf, type PodState } from "../compute-pod-actions.ts";
import { computeResources, ContainerAnnotation, memoryRequest, type NodeSettings } from "../container-config/container-config.ts";

/** A running container that is to get other amounts than it has. */
export interface ContainerResize {
  readonly container: Container;
  readonly state: ContainerState;
  readonly resources: ReturnType<typeof computeResources>;
  /** The container asked to be started again rather than to be changed while it runs. */
  readonly needsRestart: boolean;
}

/**
 * Which running containers have other amounts of processor and memory than their spec says; what was never limited is left alone. Derived
 * from what the runtime has, so an agent that starts anew goes on where the last one stopped. Pure.
 */
export function planResizes(pod: Pod, state: PodState, settings: NodeSettings): readonly ContainerResize[] {
  return podContainers(pod.spec).flatMap((container) => {
    const current = latestOf(state, container.name);
    if (current?.state !== "running" || current.resources === undefined) return [];
    const resources = computeResources(pod, container, settings);
    const differs = (wanted: bigint, actual: number) => wanted > 0n && wanted !== BigInt(actual);
    const cpu = differs(resources.cpuShares, current.resources.cpuShares) || differs(resources.cpuQuota, current.resources.cpuQuota);
    const memory = differs(resources.memoryLimitInBytes, current.resources.memoryLimitBytes);
    const restarts = (name: string) =>
      container.resizePolicy?.some((policy) => policy.resourceName === name && policy.restartPolicy === "RestartContainer") === true;
    // A request for memory means nothing to the kernel; a container that wants to hear of it hears of it by its start.
    const asked = current.annotations[ContainerAnnotation.memoryRequest];
    const isAskedAnew = restarts("memory") && asked !== undefined && asked !== String(memoryRequest(container));
    if (!cpu && !memory && !isAskedAnew) return [];
    return [{ container, state: current, resources, needsRestart: (cpu && restarts("cpu")) || (memory && restarts("memory")) || isAskedAnew }];
  });
}

/**
 * Why a container's memory cannot be bounded as planned: it uses more already, and some kernels would kill it for that; undefined when it can, or
 * what it uses is not known. Pure.
 */
export function memoryProblem({ container, state, resources }: ContainerResize, usedBytes: number | undefined): string | undefined {
  const limit = resources.memoryLimitInBytes;
  const before = BigInt(state.resources?.memoryLimitBytes ?? 0);
  const isLower = limit > 0n && (before === 0n || limit < before);
  if (!isLower || usedBytes === undefined || BigInt(usedBytes) < limit) return undefined;
  return `attempting to set container "${container.name}" memory limit (${limit}) below current usage (${usedBytes})`;
}

/** One of a pod's resizes that is not done, with the generation of the pod that asked for it. */
export interface ResizeStep extends Pick<PodCondition, "reason" | "message"> {
  readonly observedGeneration: number;
}

/** How far a pod's resizes are: what there is no room for, now or ever; and what was granted and is being done. There may be both. */
export interface ResizeProgress {
  readonly pending?: ResizeStep | undefined;
  readonly inProgress?: ResizeStep | undefined;
}

export const RESIZE_PENDING = "PodResizePending";
const RESIZE_IN_PROGRESS = "PodResizeInProgress";

/** What a status told of a pod's resizes, for an agent that starts anew. Pure. */
export function progressOf({ status }: Pod): ResizeProgress {
  const step = (type: string): ResizeStep | undefined => {
    const told = findCondition(status?.conditions, type);
    return (
      told && {
        observedGeneration: told.observedGeneration ?? 0,
        ...(told.reason === undefined ? {} : { reason: told.reason }),
        ...(told.message === undefined ? {} : { message: told.message }),
      }
    );
  };
  return { pending: step(RESIZE_PENDING), inProgress: step(RESIZE_IN_PROGRESS) };
}

/** The conditions with those of its resizes as they are now. Each keeps the time at which its reason changed last. Pure. */
export function withResizeConditions(conditions: readonly PodCondition[], { pending, inProgress }: ResizeProgress, nowText: string): PodCondition[] {
  const others = conditions.filter(({ type }) => type !== RESIZE_PENDING && type !== RESIZE_IN_PROGRESS);
  const shown = (type: string, step: ResizeStep | undefined): PodCondition[] => {
    if (step === undefined) return [];
    const old = findCondition(conditions, type);
    if (old !== undefined && old.reason === step.reason && old.message === step.message && old.observedGeneration === step.observedGeneration) return [old];
    return [
      {
        type,
        status: "True",
        ...step,
        lastProbeTime: nowText,
        lastTransitionTime: old !== undefined && old.reason === step.reason ? (old.lastTransitionTime ?? nowText) : nowText,
      },
    ];
  };
  return [...others, ...shown(RESIZE_PENDING, pending), ...shown(RESIZE_IN_PROGRESS, inProgress)];
}

/** What an event says of a resize: its step, and in upstream's JSON what the containers are to have. Pure. */
export function describeResize(what: string, { spec }: Pod, generation: number, error?: string): string {
  const summary = (containers: readonly Container[] = []) =>
    containers.length === 0
      ? undefined
      : containers.map(({ name, resources }) => ({
          name,
          resources: { limits: sorted(resources?.limits), requests: sorted(resources?.requests), claims: resources?.claims },
        }));
  return `${what}: ${goJson({ initContainers: summary(spec.initContainers), containers: summary(spec.containers), generation, error: error || undefined })}`;
}

function sorted(amounts: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> | undefined {
  const entries = Object.entries(amounts ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
