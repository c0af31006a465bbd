import { expect, test } from "vitest";
import { validatePodStatusUpdate } from "../../../engine/resources/validation/pod-status.ts";
import type { Pod, PodSpec, PodStatus } from "../../../engine/resources/types.ts";

const pod = (status: object, spec: object = {}): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: { containers: [], ...spec } as PodSpec, status: status as PodStatus });
const condition = (type: string, more: object = {}) => ({ conditions: [{ type, status: "True", ...more }] });

test.each<[string, object, object, readonly string[]]>([
  ["a condition with a name of its own", condition("shop.example.com/Warm"), {}, []],
  ["a condition without a name", condition(""), {}, ['status.conditions[0].Type: Invalid value: "": name part must be non-empty']],
  [
    "a condition that is from before the first generation",
    condition("Ready", { observedGeneration: -1 }),
    {},
    ["status.conditions[0].observedGeneration: Invalid value: -1: must be a non-negative integer"],
  ],
  ["a generation before the first", { observedGeneration: -1 }, {}, ["status.observedGeneration: Invalid value: -1: must be a non-negative integer"]],
  ["a node to wait for", { nominatedNodeName: "n1" }, {}, []],
  ["a node to wait for that cannot be", { nominatedNodeName: "N_1" }, {}, ['status.nominatedNodeName: Invalid value: "N_1": a lowercase RFC 1123 subdomain must']],
  ["a node to wait for where there is one", { nominatedNodeName: "n1" }, { nodeName: "n2" }, ["status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node"]],
  ["claims", { resourceClaimStatuses: [{ name: "gpu", resourceClaimName: "a-gpu" }] }, { resourceClaims: [{ name: "gpu" }] }, []],
  [
    "claims of nobody, twice",
    { resourceClaimStatuses: [{ name: "x" }, { name: "x", resourceClaimName: "A" }] },
    {},
    [
      'status.resourceClaimStatuses[0].name: Invalid value: "x": must match the name of an entry in `spec.resourceClaims`',
      'status.resourceClaimStatuses[1].name: Invalid value: "x": must match the name of an entry in `spec.resourceClaims`',
      'status.resourceClaimStatuses[1].name: Duplicate value: "x"',
      'status.resourceClaimStatuses[1].resourceClaimName: Invalid value: "A": a lowercase RFC 1123 subdomain must',
    ],
  ],
  [
    "a claim for its extended resources",
    { extendedResourceClaimStatus: { resourceClaimName: "x", requestMappings: [{ containerName: "c", resourceName: "example.com/gpu", requestName: "r" }] } },
    { containers: [{ name: "c", resources: { requests: { "example.com/gpu": "1" } } }] },
    [],
  ],
  [
    "a claim for resources of others, twice",
    {
      extendedResourceClaimStatus: {
        resourceClaimName: "",
        requestMappings: [
          { containerName: "c", resourceName: "x", requestName: "r" },
          { containerName: "d", resourceName: "x", requestName: "R" },
          { containerName: "c", resourceName: "x", requestName: "r" },
        ],
      },
    },
    { containers: [{ name: "c" }] },
    [
      'status.extendedResourceClaimStatus.requestMappings[0].resourceName: Invalid value: "x": must match the extended resource name of an entry in',
      'status.extendedResourceClaimStatus.requestMappings[1].containerName: Invalid value: "d": must match the name of an entry in',
      'status.extendedResourceClaimStatus.requestName: Invalid value: "R": a lowercase RFC 1123 label must',
      'status.extendedResourceClaimStatus.requestMappings[2].resourceName: Invalid value: "x": must match',
      'status.extendedResourceClaimStatus.requestMappings[2].containerName: Duplicate value: "c"',
      'status.extendedResourceClaimStatus.requestMappings[2].resourceName: Duplicate value: "x"',
      'status.extendedResourceClaimStatus.requestMappings[2].requestName: Duplicate value: "r"',
      "status.extendedResourceClaimStatus.resourceClaimName: Required value",
    ],
  ],
  ["a claim for no resources", { extendedResourceClaimStatus: { resourceClaimName: "x" } }, {}, ["status.extendedResourceClaimStatus.requestMappings: Required value: at least one"]],
])("of a pod's status, %s: as upstream", (_, status, spec, expected) => {
  const errors = validatePodStatusUpdate(pod(status, spec), pod({}, spec)).map(({ field, message }) => `${field}: ${message}`);
  const told = errors.filter((error) => !error.includes("name part must consist")); // beside that it is empty
  expect(told.map((error, index) => error.slice(0, expected[index]?.length))).toEqual(expected);
});

test("a node to wait for may stay when the pod has got one", () => {
  expect(validatePodStatusUpdate(pod({ nominatedNodeName: "n1" }, { nodeName: "n2" }), pod({ nominatedNodeName: "n1" }))).toEqual([]);
});

test("what an earlier version took of a pod's extended resources holds up no other word on it", () => {
  const extendedResourceClaimStatus = { resourceClaimName: "x", requestMappings: [{ containerName: "gone", resourceName: "x", requestName: "r" }] };
  expect(validatePodStatusUpdate(pod({ extendedResourceClaimStatus, phase: "Running" }), pod({ extendedResourceClaimStatus }))).toEqual([]);
});

test("claims without number hold up nobody", () => {
  const resourceClaimStatuses = Array.from({ length: 60_000 }, (_, index) => ({ name: `claim${index}` }));
  const before = process.cpuUsage();
  expect(validatePodStatusUpdate(pod({ resourceClaimStatuses }), pod({}))).toHaveLength(60_000);
  expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
});
