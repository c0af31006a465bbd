import { describe, expect, it } from "vitest";
import type { Container, Pod } from "../../../../../engine/resources/types.ts";
import type { ContainerState } from "../../../../../node-agent/cri/runtime.ts";
import { memoryProblem, planResizes, withResizeConditions } from "../../../../../node-agent/pods/resize/resize.ts";
import { aContainerState, nodeSettings } from "../../../../kit/pod-context.ts";

const settings = nodeSettings("", { memoryBytes: 8 * 2 ** 30, cgroupRoot: "/m" });
const running = (resources: ContainerState["resources"], state: ContainerState["state"] = "running"): ContainerState =>
  aContainerState({ id: "id", state, ...(resources === undefined ? {} : { resources }) });
const pod = (container: Partial<Container>): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "d", uid: "u" }, spec: { containers: [{ name: "c", ...container }] } });
const half = { requests: { cpu: "500m", memory: "64Mi" }, limits: { cpu: "500m", memory: "64Mi" } };
const asHalf = { cpuShares: 512, cpuQuota: 50_000, memoryLimitBytes: 64 * 2 ** 20 };

describe("a resize in place", () => {
  it("is planned for what differs from the runtime, and for nothing else", () => {
    const plan = (container: Partial<Container>, state: ContainerState) =>
      planResizes(pod(container), { sandboxes: [], containers: [state] }, settings).map(({ resources, needsRestart }) => [
        Number(resources.cpuQuota),
        Number(resources.memoryLimitInBytes),
        needsRestart,
      ]);
    expect(plan({ resources: half }, running(asHalf))).toEqual([]);
    expect(plan({ resources: half }, running({ ...asHalf, cpuQuota: 20_000 }))).toEqual([[50_000, 64 * 2 ** 20, false]]);
    expect(plan({ resources: half }, running({ ...asHalf, cpuQuota: 20_000 }, "exited"))).toEqual([]);
    expect(plan({ resources: half }, running(undefined))).toEqual([]);
  });

  it.each([
    ["memory", { ...asHalf, memoryLimitBytes: 1 }, true],
    ["memory", { ...asHalf, cpuQuota: 1 }, false],
    ["cpu", { ...asHalf, cpuQuota: 1 }, true],
  ])("restarts a container that asked for it when its %s changes, given %o", (resourceName, actual, needsRestart) => {
    const [resize] = planResizes(pod({ resources: half, resizePolicy: [{ resourceName, restartPolicy: "RestartContainer" }] }), { sandboxes: [], containers: [running(actual)] }, settings);
    expect(resize?.needsRestart).toBe(needsRestart);
  });

  it("restarts a container that wants to hear of its request for memory, which the kernel knows nothing of", () => {
    const plan = (annotations: Record<string, string>, restartPolicy: string) =>
      planResizes(pod({ resources: half, resizePolicy: [{ resourceName: "memory", restartPolicy }] }), { sandboxes: [], containers: [{ ...running(asHalf), annotations }] }, settings).map(
        ({ needsRestart }) => needsRestart,
      );
    const other = { "mainstay.dev/memory-request": "1" };
    expect([plan(other, "RestartContainer"), plan(other, "NotRequired"), plan({}, "RestartContainer"), plan({ "mainstay.dev/memory-request": String(64 * 2 ** 20) }, "RestartContainer")]).toEqual([
      [true],
      [],
      [],
      [],
    ]);
  });

  it("does not bound memory below what is used already", () => {
    const [resize] = planResizes(pod({ resources: half }), { sandboxes: [], containers: [running({ ...asHalf, memoryLimitBytes: 128 * 2 ** 20 })] }, settings);
    expect([undefined, 1, 64 * 2 ** 20].map((used) => resize && memoryProblem(resize, used))).toEqual([
      undefined,
      undefined,
      `attempting to set container "c" memory limit (${64 * 2 ** 20}) below current usage (${64 * 2 ** 20})`,
    ]);
    const [raise] = planResizes(pod({ resources: half }), { sandboxes: [], containers: [running({ ...asHalf, memoryLimitBytes: 1 })] }, settings);
    expect(raise && memoryProblem(raise, 2 ** 40)).toBeUndefined();
  });

  it("holds a container without bounds of its own to the pod's", () => {
    const whole: Pod = { ...pod({}), spec: { ...pod({}).spec, resources: half } };
    expect(planResizes(whole, { sandboxes: [], containers: [running({ ...asHalf, cpuQuota: 20_000 })] }, settings).map(({ resources }) => Number(resources.cpuQuota))).toEqual([50_000]);
  });

  it("shows what waits and what is being done, each with the time of its last reason", () => {
    const pending = { reason: "Deferred", message: "no room", observedGeneration: 3 };
    const inProgress = { observedGeneration: 2 };
    const ready = { type: "Ready", status: "True" };
    const first = withResizeConditions([ready], { pending, inProgress }, "t1");
    expect(first).toEqual([
      ready,
      { type: "PodResizePending", status: "True", ...pending, lastProbeTime: "t1", lastTransitionTime: "t1" },
      { type: "PodResizeInProgress", status: "True", ...inProgress, lastProbeTime: "t1", lastTransitionTime: "t1" },
    ]);
    expect(withResizeConditions(first, { pending, inProgress }, "t2")).toEqual(first);
    const second = withResizeConditions(first, { pending: { ...pending, message: "still none" }, inProgress: { ...inProgress, reason: "Error", message: "busy" } }, "t2");
    expect(second.slice(1)).toMatchObject([
      { message: "still none", lastProbeTime: "t2", lastTransitionTime: "t1" },
      { reason: "Error", lastTransitionTime: "t2" },
    ]);
    expect(withResizeConditions(second, { inProgress }, "t3").map(({ type, reason }) => [type, reason])).toEqual([
      ["Ready", undefined],
      ["PodResizeInProgress", undefined],
    ]);
    expect(withResizeConditions(first, {}, "t2")).toEqual([ready]);
  });
});
