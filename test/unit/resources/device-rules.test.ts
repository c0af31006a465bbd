import { describe, expect, test } from "vitest";
import { validateDeviceClaim } from "../../../engine/resources/device/device-validation.ts";
import { validateSliceSpec } from "../../../engine/resources/device/slice-validation.ts";
import type { Device, DeviceClaim, ResourceSliceSpec } from "../../../engine/resources/types.ts";
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

describe("a claim on devices", () => {
  const constrained = (constraint: object): DeviceClaim => ({ ...wants(), constraints: [constraint] });
  test.each<[string, DeviceClaim, RegExp]>([
    ["a selector that is no CEL", wants(1, "device."), /selectors\[0\]\.cel\.expression: Invalid value: "device\.": compilation failed/],
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
