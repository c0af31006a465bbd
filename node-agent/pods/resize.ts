import { podContainers } from "../../engine/resources/pod-containers.ts";
import type { Container, Pod, PodCondition } from "../../engine/resources/types.ts";
import type { ContainerState } from "../cri/runtime.ts";
import { latestOf, type PodState } from "./compute-pod-actions.ts";
import { computeResources, ContainerAnnotation, memoryRequest, type NodeSettings } from "./container-config.ts";

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
    const restarts = (name: string) => container.resizePolicy?.some((policy) => policy.resourceName === name && policy.restartPolicy === "RestartContainer") === true;
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

/** What a pod's status says of a resize that is not done: that there is no room, now or ever; that it is being done; or what went wrong. */
export type ResizeTrouble = Pick<PodCondition, "type" | "reason" | "message">;

/** The conditions with those of a resize as they are now: its trouble, or none. Keeps the time of the last change. Pure. */
export function withResizeCondition(conditions: readonly PodCondition[], trouble: ResizeTrouble | undefined, nowText: string, observedGeneration: number): PodCondition[] {
  const others = conditions.filter(({ type }) => type !== "PodResizePending" && type !== "PodResizeInProgress");
  if (trouble === undefined) return others;
  const old = conditions.find(({ type, reason }) => type === trouble.type && reason === trouble.reason);
  return [...others, { ...trouble, status: "True", observedGeneration, lastTransitionTime: old?.lastTransitionTime ?? nowText }];
}
