import { describe, expect, test } from "vitest";
import type { Pod, PodStatus, ResourceRequirements } from "../../../../../engine/resources/types.ts";
import { refusePod } from "../../../../../node-agent/pods/admission/admit-pod.ts";
import { asksForOther, grantedByStatus, orderResizes, withGranted } from "../../../../../node-agent/pods/resize/granted-resources.ts";

const pod = (resources: ResourceRequirements, status: PodStatus = {}, more: Partial<Pod["spec"]> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p" },
  spec: { containers: [{ name: "c", resources }], ...more },
  status,
});
const shown = (resources: ResourceRequirements, allocatedResources?: Record<string, string>) => ({
  containerStatuses: [{ name: "c", image: "", imageID: "", ready: true, restartCount: 0, resources, ...(allocatedResources === undefined ? {} : { allocatedResources }) }],
});
const cpu = (amount: string) => ({ requests: { cpu: amount } });

describe("what a pod was granted", () => {
  test.each<[string, Pod, ResourceRequirements | undefined]>([
    ["is what it asks for while no status tells", pod(cpu("1")), cpu("1")],
    [
      "is what its status says, while it asks for more",
      pod({ ...cpu("2"), claims: [{ name: "gpu" }] }, shown({ ...cpu("500m"), limits: { cpu: "1" } }, { cpu: "1" })),
      { claims: [{ name: "gpu" }], ...cpu("1"), limits: { cpu: "1" } },
    ],
    ["is nothing, where it had nothing", pod(cpu("2"), shown({})), {}],
  ])("%s", (_what, judged, expected) => {
    expect(grantedByStatus(judged).containers[0]?.resources).toEqual(expected);
  });

  test.each<[string, Partial<Pod["status"]>, readonly string[], ResourceRequirements]>([
    ["what it asks for, when that is being done", {}, ["PodResizeInProgress"], { requests: { cpu: "3" }, limits: { cpu: "3" } }],
    ["the limits that it has, when that waits", {}, ["PodResizeInProgress", "PodResizePending"], { requests: { cpu: "2" }, limits: { cpu: "1" } }],
    ["no more and no less than it was granted, when it is guaranteed that", { qosClass: "Guaranteed" }, ["PodResizeInProgress", "PodResizePending"], { requests: { cpu: "2" }, limits: { cpu: "2" } }],
  ])("in the middle of a resize is %s", (_what, more, types, expected) => {
    const status = { ...shown({ ...cpu("1"), limits: { cpu: "1" } }, { cpu: "2" }), ...more, conditions: types.map((type) => ({ type, status: "True", observedGeneration: 2 })) };
    const asked = pod({ ...cpu("3"), limits: { cpu: "3" } }, status);
    expect(grantedByStatus({ ...asked, metadata: { name: "p", generation: 2 } }).containers[0]?.resources).toEqual(expected);
  });

  test("is no limit of its own where it is held to the pod's", () => {
    const asked = pod({ limits: { memory: "1Gi" } }, shown({ limits: { memory: "1Gi", cpu: "2" } }), { resources: { limits: { cpu: "2" } } });
    expect(grantedByStatus(asked).containers[0]?.resources?.limits).toEqual({ memory: "1Gi" });
  });

  test("is told for the pod as a whole as well", () => {
    expect(grantedByStatus(pod({}, { resources: cpu("1"), allocatedResources: { cpu: "1" } }, { resources: cpu("2") })).resources).toEqual(cpu("1"));
  });

  test("is what it is run with, whatever else its specification says by now", () => {
    const asked = pod(cpu("2"), {}, { resources: cpu("4"), activeDeadlineSeconds: 9 });
    const granted = withGranted(asked, pod(cpu("1"), {}, { resources: cpu("3") }).spec);
    expect(granted.spec).toEqual({ containers: [{ name: "c", resources: cpu("1") }], resources: cpu("3"), activeDeadlineSeconds: 9 });
    expect(withGranted(asked, pod(cpu("2000m"), {}, { resources: cpu("4") }).spec)).toBe(asked);
  });
});

test.each<[ResourceRequirements, ResourceRequirements, boolean]>([
  [cpu("1"), cpu("1000m"), false],
  [cpu("1"), cpu("2"), true],
  [cpu("1"), {}, true],
  [{ limits: { memory: "1Gi" } }, { limits: { memory: "2Gi" } }, true],
  [{ requests: { "example.com/gpu": "1" } }, {}, false],
])("%o beside %o asks for other amounts: %s", (asked, granted, expected) => {
  expect(asksForOther(pod(asked).spec, pod(granted).spec)).toBe(expected);
  expect(asksForOther(pod({}, {}, { resources: asked }).spec, pod({}, {}, { resources: granted }).spec)).toBe(expected);
  expect(asksForOther(pod({}, {}, { initContainers: pod(asked).spec.containers }).spec, pod({}, {}, { initContainers: pod(granted).spec.containers }).spec)).toBe(expected);
});

test("resizes are granted in the order of shrinking, priority, guarantee and patience", () => {
  const request = (name: string, asked: string, waitsSinceMs: number | undefined, priority = 0, qosClass = "Burstable") => ({
    name,
    pod: pod(cpu(asked), { qosClass }, { priority }),
    granted: pod(cpu("2")),
    waitsSinceMs,
  });
  const requests = [
    request("new", "3", undefined),
    request("late", "3", 9),
    request("early", "3", 5),
    request("guaranteed", "3", 20, 0, "Guaranteed"),
    request("urgent", "3", 30, 7),
    request("smaller", "1", 40),
  ];
  expect(orderResizes(requests).map(({ name }) => name)).toEqual(["smaller", "urgent", "guaranteed", "early", "late", "new"]);
});

describe("what others have to leave a pod that is to be resized", () => {
  const grown = (uid: string): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: uid, uid },
    spec: { containers: [{ name: "c", resources: { requests: { cpu: "600m" } } }] },
    status: { containerStatuses: [{ name: "c", image: "i", imageID: "", ready: true, restartCount: 0, allocatedResources: { cpu: "300m" } }] },
  });

  test("is what it was granted while it has to wait: two that wait for each other's room would do so for ever", () => {
    const judge = (other: Pod) => refusePod(grown("a"), [other], { cpu: "1", pods: "9" })?.reason;
    expect([judge(grown("b")), judge(withGranted(grown("b"), grantedByStatus(grown("b")))), judge(withGranted(grown("b"), grown("b").spec))]).toEqual(["OutOfcpu", undefined, "OutOfcpu"]);
  });

  test("is so of its sidecars and of the pod as a whole too", () => {
    const asked: Pod = {
      ...grown("a"),
      spec: { containers: [], initContainers: [{ name: "s", restartPolicy: "Always", resources: { requests: { cpu: "2" } } }], resources: { requests: { cpu: "3" } } },
      status: { initContainerStatuses: [{ name: "s", image: "i", imageID: "", ready: true, restartCount: 0, allocatedResources: { cpu: "1" } }], allocatedResources: { cpu: "2" } },
    };
    const { spec } = withGranted(asked, grantedByStatus(asked));
    expect([spec.initContainers?.[0]?.resources?.requests, spec.resources?.requests]).toEqual([{ cpu: "1" }, { cpu: "2" }]);
  });
});
