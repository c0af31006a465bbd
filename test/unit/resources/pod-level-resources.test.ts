import { describe, expect, it } from "vitest";
import { podResource, qosClass } from "../../../engine/resources/core/pod.ts";
import { validatePodLevel, withPodLevelRequests } from "../../../engine/resources/pod-level-resources.ts";
import type { Container, Pod, PodSpec, ResourceRequirements } from "../../../engine/resources/types.ts";
import { validateResize, withResources } from "../../../engine/resources/validation/pod-parts.ts";

const spec = (resources: ResourceRequirements | undefined, ...containers: (ResourceRequirements | undefined)[]): PodSpec => ({
  ...(resources === undefined ? {} : { resources }),
  containers: containers.map((own, index) => ({ name: `c${index}`, image: "i", ...(own === undefined ? {} : { resources: own }) })),
});
const pod = (of: PodSpec): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "n" }, spec: of });

describe("what a pod asks for as a whole", () => {
  it.each<[string, PodSpec, ResourceRequirements["requests"]]>([
    ["its bounds, when no container asks for anything", spec({ limits: { cpu: "1", memory: "1Gi" } }, undefined), { cpu: "1", memory: "1Gi" }],
    ["what its containers ask for together", spec({ limits: { cpu: "1" } }, { requests: { cpu: "100m" } }, { requests: { cpu: "200m", memory: "64Mi" } }), { cpu: "300m", memory: "64Mi" }],
    ["what it says", spec({ limits: { cpu: "1" }, requests: { cpu: "500m" } }, { requests: { cpu: "100m" } }), { cpu: "500m" }],
    ["nothing, without bounds", spec(undefined, { requests: { cpu: "100m" } }), undefined],
  ])("is %s", (_what, of, requests) => expect(withPodLevelRequests(of).resources?.requests).toEqual(requests));

  it("is no less than what its containers ask for, and bounds each of them", () => {
    const fields = (of: PodSpec) => validatePodLevel(of, "spec.resources", new Set()).map(({ field }) => field);
    expect(fields(spec({ requests: { cpu: "1" } }, { requests: { cpu: "600m" } }, { requests: { cpu: "600m" } }))).toEqual(["spec.resources.requests[cpu]"]);
    expect(fields(spec({ limits: { memory: "1Gi" } }, { limits: { memory: "2Gi" } }))).toEqual(["spec.resources.containers[0][memory].limits"]);
    expect(fields(spec({ requests: { cpu: "1" }, limits: { cpu: "1" } }, { requests: { cpu: "1" }, limits: { cpu: "1" } }))).toEqual([]);
  });

  it("can be resized, and not be taken away", () => {
    const old = podResource.strategy?.setDefaults?.(pod(spec({ limits: { cpu: "1", memory: "1Gi" } }, undefined))) ?? pod(spec(undefined));
    const resize = (resources: ResourceRequirements | undefined) => {
      const { resources: _old, ...rest } = old.spec;
      const wanted = withResources({ ...old, spec: { ...rest, ...(resources === undefined ? {} : { resources }) } }, old);
      return [wanted.spec.resources?.limits?.["cpu"], validateResize(wanted, old, qosClass).map(({ field }) => field)];
    };
    expect(resize({ limits: { cpu: "2", memory: "1Gi" }, requests: { cpu: "2", memory: "1Gi" } })).toEqual(["2", []]);
    expect(resize(undefined)[1]).not.toEqual([]);
  });
});

it("a resize neither reorders nor renames containers", () => {
  const old = pod({
    containers: [
      { name: "a", image: "i" },
      { name: "b", image: "i" },
    ],
  });
  const check = (...containers: Container[]) => validateResize(withResources(pod({ containers }), old), old, qosClass).map(({ field }) => field);
  expect(check({ name: "b", image: "i" }, { name: "a", image: "i" })).toEqual(["spec.containers[0].name", "spec.containers[1].name"]);
  expect(check({ name: "a", image: "i" })).toEqual(["spec.containers"]);
  // Anything else that differs is not what a resize is about.
  expect(check({ name: "a", image: "other" }, { name: "b", image: "i" })).toEqual([]);
});

it("a resize that takes bounds away is told of them, not of the pod's class alone", () => {
  const amounts = { cpu: "1", memory: "1Gi" };
  const refusal = (of: PodSpec, from: PodSpec) =>
    validateResize(withResources(pod(of), pod(from)), pod(from), qosClass)
      .map(({ message }) => message)
      .join("; ");
  const unbounded = refusal(spec(undefined, { requests: amounts }), spec(undefined, { requests: amounts, limits: amounts }));
  expect(unbounded).toContain("Pod QOS Class may not change as a result of resizing");
  // It is told by the class that it has.
  expect(validateResize(withResources(pod(spec(undefined, { requests: amounts })), pod(spec(undefined, {}))), pod(spec(undefined, {})), qosClass)[0]?.message).toMatch(
    /^Invalid value: "BestEffort": Pod QOS/,
  );
  expect(unbounded).toContain("resource limits cannot be removed");
  const requests = { cpu: "500m" };
  expect(refusal(spec({ requests, limits: { cpu: "1" } }, undefined), spec({ requests, limits: amounts }, undefined))).toContain("pod-level resource limits cannot be removed");
});
