import { expect, test } from "vitest";
import type { ContainerStatus, PodCondition, PodSpec } from "../../../../../engine/resources/types.ts";
import type { ContainerState } from "../../../../../node-agent/cri/runtime.ts";
import { computeConditions } from "../../../../../node-agent/pods/status/pod-conditions.ts";
import { aPod } from "../../../../kit/objects.ts";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const running: ContainerStatus = { name: "app", image: "", imageID: "", restartCount: 0, ready: true, started: true, state: { running: { startedAt: "2026-01-01T11:00:00Z" } } };
const waiting: ContainerStatus = { ...running, ready: false, started: false, state: { waiting: { reason: "PodInitializing" } } };

interface Shape {
  readonly spec?: Partial<PodSpec>;
  readonly phase?: string;
  readonly before?: readonly PodCondition[];
  readonly containers?: readonly ContainerStatus[];
  readonly inits?: readonly ContainerStatus[];
  readonly ended?: readonly Partial<ContainerState>[];
}

/** Status, reason and message of one of the conditions of such a pod. */
function verdict(type: string, { spec = {}, phase = "Running", before = [], containers = [running], inits = [], ended = [] }: Shape) {
  const pod = { ...aPod("web", { spec: { containers: [{ name: "app" }], ...spec } }), status: { conditions: [...before] } };
  const state = { sandboxes: [], containers: ended.map((container) => ({ name: "app", state: "exited", attempt: 0, createdAtMs: 0, exitCode: 0, ...container }) as ContainerState) }; // what conditions look at
  const found = computeConditions({ pod, state, nowMs: NOW }, phase, containers, inits).find((condition) => condition.type === type);
  return found === undefined ? undefined : [found.status, found.reason, found.message];
}

const gated = { readinessGates: [{ conditionType: "example.com/a" }, { conditionType: "example.com/b" }] };
const sidecar = { initContainers: [{ name: "proxy", restartPolicy: "Always" }] };
const init = { initContainers: [{ name: "setup" }] };
const again = { containers: [{ name: "app", restartPolicyRules: [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [42] } }] }] };
const unready: PodCondition = { type: "Ready", status: "False", reason: "ContainersNotReady", message: "containers with unready status: [app]" };

test.each<[string, string, Shape, readonly unknown[] | undefined]>([
  ["a pod whose containers are ready", "Ready", {}, ["True", undefined, undefined]],
  ["one of whose containers one is not", "Ready", { containers: [waiting] }, ["False", "ContainersNotReady", "containers with unready status: [app]"]],
  ["one whose sidecar is not", "ContainersReady", { spec: sidecar, inits: [{ ...waiting, name: "proxy" }] }, ["False", "ContainersNotReady", "containers with unready status: [proxy]"]],
  [
    "one whom gates keep",
    "Ready",
    { spec: gated, before: [{ type: "example.com/b", status: "False" }] },
    ["False", "ReadinessGatesNotReady", 'corresponding condition of pod readiness gate "example.com/a" does not exist., the status of pod readiness gate "example.com/b" is not "True", but False'],
  ],
  ["whose containers are ready all the same", "ContainersReady", { spec: gated }, ["True", undefined, undefined]],
  ["one that has succeeded, without old words", "Ready", { phase: "Succeeded", containers: [waiting], before: [unready] }, ["False", "PodCompleted", undefined]],
  ["one that has failed, without old words", "Ready", { phase: "Failed", containers: [waiting], before: [unready] }, ["False", "PodFailed", undefined]],
  [
    "one that is initializing",
    "Initialized",
    { spec: init, phase: "Pending", containers: [waiting], inits: [{ ...waiting, name: "setup" }] },
    ["False", "ContainersNotInitialized", "containers with incomplete status: [setup]"],
  ],
  ["one that succeeded", "Initialized", { phase: "Succeeded" }, ["True", "PodCompleted", undefined]],
  ["one whose sidecar is started once more", "Initialized", { spec: sidecar, inits: [{ ...waiting, name: "proxy" }] }, ["True", undefined, undefined]],
  [
    "one that begins again, and was initialized",
    "Initialized",
    { spec: init, containers: [waiting], inits: [{ ...waiting, name: "setup" }], before: [{ type: "Initialized", status: "True" }] },
    ["True", undefined, undefined],
  ],
  ["one that never begins again", "AllContainersRestarting", {}, undefined],
  ["one that might", "AllContainersRestarting", { spec: again }, ["False", undefined, undefined]],
  ["one that does", "AllContainersRestarting", { spec: again, ended: [{ exitCode: 42 }] }, ["True", "RestartAllContainersStarted", "container exited with restart policy rule"]],
])("of %s says %s", (_which, type, shape, expected) => {
  expect(verdict(type, shape)).toEqual(expected);
});
