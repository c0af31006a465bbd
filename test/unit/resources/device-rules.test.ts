import { describe, expect, test } from "vitest";
import { validateClaimStatus } from "../../../engine/resources/device/claim-status.ts";
import { deviceClassResource } from "../../../engine/resources/device/device-class.ts";
import { validateDeviceClaim } from "../../../engine/resources/device/device-validation.ts";
import { validateSliceSpec } from "../../../engine/resources/device/slice-validation.ts";
import type { Device, DeviceClaim, ResourceClaim, ResourceSliceSpec } from "../../../engine/resources/types.ts";
import { aSlice, wants } from "../../kit/devices.ts";

const told = (errors: readonly { readonly field: string; readonly message: string }[]) => errors.map(({ field, message }) => `${field}: ${message}`).join("\n");
const { devices: _none, ...bare } = aSlice("s", []).spec;
const devices = (...list: readonly Device[]): ResourceSliceSpec => ({ ...bare, devices: list });
const shared = (requestPolicy: object): ResourceSliceSpec => devices({ name: "a", allowMultipleAllocations: true, capacity: { memory: { value: "8Gi", requestPolicy } } });

describe("what a driver offers", () => {
  test.each<[string, ResourceSliceSpec]>([
    [
      "devices of a node",
      devices({ name: "a", attributes: { model: { string: "x" }, "other.example.com/numa": { int: 1 }, firmware: { version: "1.0.0-rc.1+build" } }, capacity: { memory: { value: "1Gi" } } }),
    ],
    ["shares of a device", shared({ default: "1Gi", validRange: { min: "1Gi", max: "4Gi", step: "1Gi" } })],
    ["shares of certain sizes", shared({ default: "2Gi", validValues: ["1Gi", "2Gi"] })],
    ["counters", { ...bare, sharedCounters: [{ name: "set", counters: { memory: { value: "1Gi" } } }] }],
    ["devices that say where they are", { ...devices({ name: "a", allNodes: true }), nodeName: undefined, perDeviceNodeSelection: true } as unknown as ResourceSliceSpec],
  ])("can be %s", (_name, spec) => {
    expect(told(validateSliceSpec(spec))).toBe("");
  });

  test.each<[string, ResourceSliceSpec, RegExp]>([
    ["names of devices twice", devices({ name: "a" }, { name: "a" }), /^spec\.devices\[1\]: Duplicate value/],
    ["attributes with two values", devices({ name: "a", attributes: { x: { int: 1, bool: true } } }), /exactly one value must be specified/],
    ["names that C does not know", devices({ name: "a", attributes: { "a-b": { int: 1 } } }), /a valid C identifier/],
    ["versions that are none", devices({ name: "a", attributes: { x: { version: "v1" } } }), /semver\.org spec 2\.0\.0/],
    ["long texts", devices({ name: "a", attributes: { x: { string: "x".repeat(65) } } }), /attributes\[x\]\.string: Too long/],
    ["taints without a meaning", devices({ name: "a", taints: [{ key: "k", effect: "Sometimes" }] }), /taints\[0\]\.effect: Unsupported value: "Sometimes"/],
    ["policies for a device that is not shared", devices({ name: "a", capacity: { memory: { value: "1Gi", requestPolicy: {} } } }), /requestPolicy: Forbidden: allowMultipleAllocations must be true/],
    ["a policy without a default", shared({ validRange: { min: "1Gi" } }), /requestPolicy\.default: Required value: required when validRange is defined/],
    ["a default between the steps", shared({ default: "1536Mi", validRange: { min: "1Gi", step: "1Gi" } }), /value is not a multiple of a given step \(1Gi\) from \(1Gi\)/],
    ["sizes in disorder", shared({ default: "1Gi", validValues: ["2Gi", "1Gi"] }), /validValues\[1\]: Invalid value: "1Gi": values must be sorted in ascending order/],
    ["counters beside devices", { ...devices({ name: "a" }), sharedCounters: [{ name: "set", counters: { memory: { value: "1" } } }] }, /only one of `sharedCounters` or `devices` is allowed/],
    [
      "attributes with two values of which one is wrong",
      devices({ name: "a", attributes: { x: { version: "v1", bool: true } } }),
      /attributes\[x\]\.version: Invalid value: "v1": must be a string compatible with semver.*\nspec\.devices\[0\]\.attributes\[x\]: Invalid value: .*exactly one value/,
    ],
    [
      "a step beyond what there is",
      shared({ default: "8Gi", validRange: { min: "8Gi", step: "1Gi" } }),
      /^spec\.devices\[0\]\S*step: Invalid value: "1Gi": one step 9Gi is larger than capacity value: 8Gi$/,
    ],
    [
      "no node to choose",
      { ...bare, nodeName: undefined, nodeSelector: { nodeSelectorTerms: [] } } as unknown as ResourceSliceSpec,
      /^spec\.nodeSelector\.nodeSelectorTerms: Required value: must have at least one node selector term\nspec\.nodeSelector\.nodeSelectorTerms: Invalid value: null: must have exactly one/,
    ],
    [
      "nodes of a device that nothing is",
      {
        ...devices({ name: "a", nodeSelector: { nodeSelectorTerms: [{ matchFields: [{ key: "spec.x", operator: "In", values: ["n"] }] }] } }),
        nodeName: undefined,
        perDeviceNodeSelection: true,
      } as unknown as ResourceSliceSpec,
      /^spec\.devices\[0\]\.nodeSelector\.nodeSelectorTerms\[0\]\.matchFields\[0\]\.key: Invalid value: "spec\.x": not a valid field selector key$/,
    ],
    ["two places", { ...devices(), allNodes: true }, /but multiple fields are set/],
    ["places of devices where the slice has one", devices({ name: "a", allNodes: true }), /can only be set if `perDeviceNodeSelection` is set to true/],
    ["conditions without their opposite", devices({ name: "a", bindingConditions: ["x"] }), /bindingFailureConditions are required to use bindingConditions/],
    [
      "many devices with taints",
      devices(...Array.from({ length: 65 }, (_, index) => ({ name: `d${index}`, taints: [{ key: "k", effect: "None" }] }))),
      /spec\.devices: Too many: 65: must have at most 64 items/,
    ],
  ])("cannot have %s", (_name, spec, why) => {
    expect(told(validateSliceSpec(spec))).toMatch(why);
  });
});

test("of a list that is too long nothing else is told, and names that come twice are told of behind what is wrong with each", () => {
  const named = (...names: readonly string[]): DeviceClaim => ({ requests: names.map((name) => ({ name, exactly: { deviceClassName: "gpu" } })) });
  expect(told(validateDeviceClaim(named(...Array.from({ length: 33 }, () => "a")), "spec.devices"))).toBe("spec.devices.requests: Too many: 33: must have at most 32 items");
  const fields = validateDeviceClaim(named("a", "a", "B"), "spec.devices").map(({ field }) => field);
  expect(fields).toEqual(["spec.devices.requests[2].name", "spec.devices.requests[1]"]);
});

test("what moved a slice is told, and taints that were there before are not judged again", () => {
  const tainted = devices({ name: "a", taints: [{ key: "k", effect: "Sometimes" }] });
  expect(told(validateSliceSpec(tainted, tainted))).toBe("");
  const moved = validateSliceSpec({ ...tainted, driver: "other.example.com", pool: { ...tainted.pool, name: "p" } }, tainted);
  expect(moved.map(({ field, message }) => `${field}: ${message.split(": ").at(-1)}`)).toEqual(["spec.pool.name: field is immutable", "spec.driver: field is immutable"]);
});

test.each([
  ["n1", "error validating uid: invalid UUID length: 2"],
  ["0".repeat(32), "uid must be in RFC 4122 normalized form"],
  ["g".repeat(36), "error validating uid: invalid UUID format"],
  [`(${"0".repeat(36)})`, "error validating uid: invalid bracketed UUID format"],
])("a share's name %s is refused: %s", (shareID, why) => {
  const result = { request: "gpu", driver: "d.example.com", pool: "p", device: "a", shareID };
  const claim = { apiVersion: "resource.k8s.io/v1", kind: "ResourceClaim", metadata: { name: "c" }, spec: { devices: wants() }, status: { allocation: { devices: { results: [result] } } } };
  expect(told(validateClaimStatus(claim as ResourceClaim, { ...claim, status: {} } as ResourceClaim))).toContain(`status.allocation.devices.results[0].shareID: Invalid value: "${shareID}": ${why}`);
});

test("a class stands for a resource of somebody else's domain only", () => {
  const named = (extendedResourceName: string) =>
    told(deviceClassResource.strategy.validate?.({ apiVersion: "resource.k8s.io/v1", kind: "DeviceClass", metadata: { name: "c" }, spec: { extendedResourceName } }) ?? []);
  expect(named("example.com/gpu")).toBe("");
  for (const name of ["gpu", "x.kubernetes.io/gpu", "requests.example.com/gpu"])
    expect(named(name)).toBe(`spec.extendedResourceName: Invalid value: "${name}": must be a valid extended resource name`);
});

describe("a claim on devices", () => {
  const constrained = (constraint: object): DeviceClaim => ({ ...wants(), constraints: [constraint] });
  test.each<[string, DeviceClaim, RegExp]>([
    ["a selector that is no CEL", wants(1, "device."), /selectors\[0\]\.cel\.expression: Invalid value: "device\.": compilation failed/],
    ["a selector without a word", wants(1, ""), /selectors\[0\]\.cel\.expression: Invalid value: "": compilation failed: ERROR: <input>:1:0: Syntax error: mismatched input '<EOF>' expecting \{.*\}$/],
    ["a selector that gives a text", wants(1, "'x'"), /Invalid value: "'x'": must evaluate to bool or the unknown type, not string/],
    [
      "a constraint on a name that none is",
      constrained({ requests: ["A/b"], matchAttribute: "a.example.com/numa" }),
      /requests\[0\]: Invalid value: "A": a lowercase RFC 1123 label[^]*requests\[0\]: Invalid value: "A\/b": must be the name of a request/,
    ],
    ["a selector for something else", wants(1, "pod.name == 'x'"), /undeclared reference to 'pod'/],
    ["a constraint that says nothing", constrained({}), /constraints\[0\]: Required value/],
    ["an attribute without a domain", constrained({ matchAttribute: "numa" }), /a fully qualified name must be a domain and a name separated by a slash/],
    ["a constraint on another's request", constrained({ requests: ["other"], matchAttribute: "a.example.com/numa" }), /must be the name of a request in the claim/],
    [
      "a toleration for everything but a value",
      { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu", tolerations: [{ operator: "Exists", value: "v" }] } }] },
      /must be empty for operator `Exists`/,
    ],
  ])("cannot have %s", (_name, claim, why) => {
    expect(told(validateDeviceClaim(claim, "spec.devices"))).toMatch(why);
  });
});
