import type { Device, DeviceClass, DeviceClaim, ResourceClaim, ResourceClaimTemplate, ResourceSlice, ResourceSliceSpec } from "../../engine/resources/types.ts";

/** Devices for tests, as one driver offers them. */
export const DRIVER = "gpu.example.com";

export function aSlice(name: string, devices: readonly Device[], spec: Partial<ResourceSliceSpec> = {}): ResourceSlice {
  const place = spec.allNodes === true || spec.nodeSelector !== undefined || spec.perDeviceNodeSelection === true ? {} : { nodeName: "n1" };
  return {
    apiVersion: "resource.k8s.io/v1",
    kind: "ResourceSlice",
    metadata: { name, uid: name },
    spec: { driver: DRIVER, pool: { name: "n1", generation: 1, resourceSliceCount: 1 }, devices, ...place, ...spec },
  };
}

export function aDeviceClass(name: string, spec: DeviceClass["spec"] = {}): DeviceClass {
  return { apiVersion: "resource.k8s.io/v1", kind: "DeviceClass", metadata: { name }, spec };
}

/** A claim of the namespace "default". */
export function aDeviceClaim(name: string, devices: DeviceClaim, more: Partial<ResourceClaim> = {}): ResourceClaim {
  return { apiVersion: "resource.k8s.io/v1", kind: "ResourceClaim", metadata: { name, namespace: "default", uid: `uid-${name}` }, spec: { devices }, ...more };
}

export function aClaimTemplate(name: string, devices: DeviceClaim): ResourceClaimTemplate {
  return { apiVersion: "resource.k8s.io/v1", kind: "ResourceClaimTemplate", metadata: { name, namespace: "default" }, spec: { spec: { devices } } };
}

/** So many devices of the class "gpu", with these rules in CEL. */
export function wants(count = 1, ...expressions: readonly string[]): DeviceClaim {
  return { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu", allocationMode: "ExactCount", count, selectors: expressions.map((expression) => ({ cel: { expression } })) } }] };
}
