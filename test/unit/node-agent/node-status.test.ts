import { expect, test } from "vitest";
import { computeNodeStatus } from "../../../node-agent/node/node-status.ts";
import { aNode, START } from "../../kit/objects.ts";

const facts = {
  identity: { name: "n", ips: ["10.0.0.1"], port: 10250, version: "v1.36.0" }, runtime: { name: "containerd", version: "2" }, images: [],
  memoryBytes: 8 << 30, cpus: 4, diskBytes: 1 << 40, machineId: "m", bootId: "b", osImage: "Linux", pressures: new Set<never>(), reserved: { processes: {}, hard: [] }, volumesInUse: [],
};

test("a node says which features it has that others may lack, so that pods can be changed in their ways", () => {
  expect(computeNodeStatus(aNode("n"), facts, undefined, START).declaredFeatures).toEqual(["InPlacePodLevelResourcesVerticalScaling", "InPlacePodVerticalScalingInitContainers", "RestartAllContainersOnContainerExits"]);
});

test("what others say that a node has stays, for pods too, and what they say of its own parts does not", () => {
  const known = { ...aNode("n"), status: { capacity: { cpu: "1000", "example.com/gpu": "2", "scheduling.k8s.io/foo": "5", "kubernetes.io/batch-cpu": "1" }, allocatable: { "example.com/gone": "1" } } };
  const { capacity, allocatable } = computeNodeStatus(known, facts, undefined, START);
  expect(capacity).toMatchObject({ cpu: "4", "example.com/gpu": "2", "scheduling.k8s.io/foo": "5" });
  expect(allocatable).toMatchObject({ cpu: "4", "example.com/gpu": "2", "scheduling.k8s.io/foo": "5" });
  expect(Object.keys({ ...capacity, ...allocatable })).not.toEqual(expect.arrayContaining(["kubernetes.io/batch-cpu"]));
  expect(allocatable).not.toHaveProperty(["example.com/gone"]);
});
