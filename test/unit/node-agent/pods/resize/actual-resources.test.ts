import { expect, test } from "vitest";
import type { ContainerStatus, ResourceRequirements } from "../../../../../engine/resources/types.ts";
import type { ContainerState } from "../../../../../node-agent/cri/runtime.ts";
import { actualResources } from "../../../../../node-agent/pods/resize/actual-resources.ts";
import { aContainerState } from "../../../../kit/pod-context.ts";

const container = (resources: ContainerState["resources"], state: ContainerState["state"] = "running"): ContainerState => aContainerState({ state, ...(resources === undefined ? {} : { resources }) });
const before = (resources: ResourceRequirements, containerID = "containerd://i"): ContainerStatus => ({
  name: "c",
  image: "",
  imageID: "",
  ready: true,
  restartCount: 0,
  containerID,
  state: { running: {} },
  resources,
});
const granted = { requests: { cpu: "500m", memory: "64Mi" }, limits: { cpu: "500m", memory: "64Mi" } };
const half = { cpuShares: 512, cpuQuota: 50_000, memoryLimitBytes: 2 ** 26 };
const less = { requests: { cpu: "100m", memory: "32Mi" }, limits: { cpu: "100m", memory: "32Mi" } };

test.each<[string, ResourceRequirements | undefined, ContainerState | undefined, ContainerStatus | undefined, boolean, ResourceRequirements]>([
  ["what it was granted, before it is made", granted, undefined, undefined, false, granted],
  ["what it was granted, after it has ended", granted, container({ ...half, cpuQuota: 1_000 }, "exited"), undefined, false, granted],
  ["nothing, where it was granted nothing", undefined, container(half), undefined, false, {}],
  [
    "what the runtime says",
    { ...granted, claims: [{ name: "gpu" }] },
    container({ cpuShares: 102, cpuQuota: 10_000, memoryLimitBytes: 2 ** 25 }),
    undefined,
    false,
    { requests: { cpu: "100m", memory: "64Mi" }, limits: { cpu: "100m", memory: "32Mi" }, claims: [{ name: "gpu" }] },
  ],
  [
    "other resources as they were granted",
    { requests: { "example.com/gpu": "1" }, limits: { "example.com/gpu": "1" } },
    container({ cpuShares: 2, cpuQuota: 0, memoryLimitBytes: 0 }),
    undefined,
    false,
    { requests: { "example.com/gpu": "1" }, limits: { "example.com/gpu": "1" } },
  ],
  [
    "amounts below what can be told apart as they were granted",
    { requests: { cpu: "1m" }, limits: { cpu: "5m" } },
    container({ cpuShares: 2, cpuQuota: 1_000, memoryLimitBytes: 0 }),
    undefined,
    false,
    { requests: { cpu: "1m" }, limits: { cpu: "5m" } },
  ],
  ["the limits of the pod that it is held to", { limits: { cpu: "500m" } }, container(half), undefined, false, { limits: { cpu: "500m", memory: "64Mi" } }],
  ["its request for memory of before, while it is resized", granted, container(half), before(less), true, { ...granted, requests: { cpu: "500m", memory: "32Mi" } }],
  ["its request for memory of now, once it was", granted, container(half), before(less), false, granted],
  ["what its status said of it, where the runtime says nothing", granted, container(undefined), before(less), true, less],
  ["nothing that a status said of another container", granted, container(undefined), before(less, "containerd://other"), true, granted],
])("a container has %s", (_what, asked, state, old, isResizing, expected) => {
  expect(actualResources(asked, state, old, isResizing)).toEqual(expected);
});
