import { describe, expect, test } from "vitest";
import { effectiveSpec } from "../../../engine/resources/effective-spec.ts";
import { podLimits, podRequests } from "../../../engine/resources/pod-requests.ts";
import type { ContainerStatus, Pod, PodSpec, PodStatus } from "../../../engine/resources/types.ts";

type List = Record<string, string>;
const container = (name: string, requests: List, limits: List = {}, more: object = {}) => ({ name, resources: { requests, limits }, ...more });
const status = (name: string, resources: ContainerStatus["resources"], allocatedResources?: List): ContainerStatus => ({
  name,
  image: "i",
  imageID: "",
  ready: true,
  restartCount: 0,
  ...(resources === undefined ? {} : { resources }),
  ...(allocatedResources === undefined ? {} : { allocatedResources }),
});
const pod = (spec: PodSpec, podStatus: PodStatus = {}): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec, status: podStatus });
const pending = (reason: string) => ({ conditions: [{ type: "PodResizePending", status: "True", reason }] });
const one = { containers: [container("c", { cpu: "500m" }, { cpu: "1" })] };
const has = (requests: List, limits: List, granted?: List) => ({ containerStatuses: [status("c", { requests, limits }, granted)] });

describe("a pod takes, while its resources change,", () => {
  test.each<[string, Pod, number | undefined, number | undefined]>([
    ["what it asks for, before anything runs", pod(one), 500, 1000],
    ["what it asks for, where nothing is known of its container", pod(one, { containerStatuses: [status("c", undefined, { cpu: "900m" })] }), 500, 1000],
    ["what it has, while it shrinks", pod(one, has({ cpu: "800m" }, { cpu: "2" })), 800, 2000],
    ["what it asks for, while it grows", pod(one, has({ cpu: "0.1" }, { cpu: "200m" }, { cpu: "100m" })), 500, 1000],
    ["what it was granted, if that is most", pod(one, has({ cpu: "100m" }, { cpu: "200m" }, { cpu: "700m" })), 700, 1000],
    ["what it asks for, while that has to wait", pod(one, { ...has({ cpu: "100m" }, { cpu: "200m" }), ...pending("Deferred") }), 500, 1000],
    ["what it has, where more can never be", pod(one, { ...has({ cpu: "100m" }, { cpu: "200m" }, { cpu: "300m" }), ...pending("Infeasible") }), 300, 200],
    [
      "as much for a sidecar",
      pod({ containers: [], initContainers: [container("s", { cpu: "10m" }, {}, { restartPolicy: "Always" })] }, { initContainerStatuses: [status("s", { requests: { cpu: "30m" } })] }),
      30,
      undefined,
    ],
    [
      "what it asks for of what ends before it starts",
      pod({ ...one, initContainers: [container("i", { cpu: "10m" })] }, { initContainerStatuses: [status("i", { requests: { cpu: "3" } })] }),
      500,
      1000,
    ],
  ])("%s", (_what, judged, requests, limits) => {
    const spec = effectiveSpec(judged, { countsWhole: false });
    expect([podRequests(spec)["cpu"], podLimits(spec)["cpu"]]).toEqual([requests, limits]);
  });

  test("as a whole what is most of what was specified, granted and is so, for those who count that", () => {
    const whole = pod(
      { containers: [container("c", { memory: "1Gi" })], resources: { requests: { cpu: "1" }, limits: { cpu: "1" } } },
      { resources: { requests: { cpu: "2", memory: "9Gi" }, limits: { cpu: "3" } }, allocatedResources: { cpu: "2500m" } },
    );
    const counted = (countsWhole: boolean, judged: Pod = whole) => [podRequests(effectiveSpec(judged, { countsWhole })), podLimits(effectiveSpec(judged, { countsWhole }))];
    expect(counted(true)).toEqual([{ cpu: 2500, memory: 2 ** 30 }, { cpu: 3000 }]);
    expect(counted(false)).toEqual([{ cpu: 1000, memory: 2 ** 30 }, { cpu: 1000 }]);
    expect(counted(true, { ...whole, status: { ...whole.status, resources: {}, allocatedResources: {}, ...pending("Infeasible") } })).toEqual([{ cpu: 0, memory: 2 ** 30 }, { cpu: 0 }]);
  });
});

test("nothing is made anew of a specification that says it all", () => {
  const plain = pod({ ...one, initContainers: [container("i", { cpu: "1" })] }, { initContainerStatuses: [status("i", { requests: { cpu: "1" } })] });
  expect(effectiveSpec(plain, { countsWhole: true })).toBe(plain.spec);
});

test("an overhead adds to a limit, and makes none", () => {
  const spec = { containers: [container("c", {}, { cpu: "0", memory: "1Ki" })], overhead: { cpu: "100m", memory: "1Ki" } };
  expect([podRequests(spec), podLimits(spec)]).toEqual([
    { cpu: 100, memory: 1024 },
    { cpu: 0, memory: 2048 },
  ]);
});
