import type { Container, Pod, PodSpec } from "../../engine/resources/types.ts";
import type { ContainerState, SandboxState } from "../../node-agent/cri/runtime.ts";
import type { ProbeResults, StartFailure } from "../../node-agent/pods/compute-pod-actions.ts";
import { aContainerState } from "./pod-context.ts";

/** The moment at which a pod is looked at. */
export const NOW = Date.parse("2026-01-01T12:00:00Z");
/** No probe has said anything, and no start has failed. */
export const quiet: ProbeResults = { ready: new Map(), started: new Map(), failed: new Map() };
export const none: ReadonlyMap<string, StartFailure> = new Map();

/** A pod of one container that is started again and again. */
export function pod(spec: Partial<PodSpec> = {}): Pod {
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "n", uid: "u", generation: 1 }, spec: { restartPolicy: "Always", containers: [{ name: "c", image: "i" }], ...spec } };
}

/** Its sandbox in the runtime, ready for a minute. */
export function sandbox(over: Partial<SandboxState> = {}): SandboxState {
  return { id: "s", uid: "u", name: "p", namespace: "n", attempt: 0, isReady: true, ips: ["10.42.0.2"], createdAtMs: NOW - 60_000, ...over };
}

/** Its container in the runtime, which runs. */
export function container(over: Partial<ContainerState> = {}): ContainerState {
  return aContainerState({
    id: `${over.name ?? "c"}-${over.attempt ?? 0}`,
    image: "i",
    imageId: "sha",
    createdAtMs: NOW - 50_000,
    startedAtMs: NOW - 50_000,
    ...over,
  });
}

/** The same, ended a second ago with code 1. */
export const exited = (over: Partial<ContainerState> = {}) => container({ state: "exited", finishedAtMs: NOW - 1_000, exitCode: 1, ...over });

export const init = (name: string, more: Partial<Container> = {}): Container => ({ name, image: "i", ...more });
