import { invalidField } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { ALL_METADATA, defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { DeviceClaim, ResourceClaim } from "../types.ts";
import { validateClaimStatus, withoutLostDevices } from "./claim-status.ts";
import { validateDeviceClaim } from "./device-validation.ts";

export const resourceClaimResource = defineResource<ResourceClaim>({
  group: "resource.k8s.io",
  version: "v1",
  resource: "resourceclaims",
  kind: "ResourceClaim",
  namespaced: true,
  schema: () => loadSchema("resource.k8s.io/v1/resource-claim.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    setDefaults: (claim) => (claim.spec.devices === undefined ? claim : { ...claim, spec: { ...claim.spec, devices: withClaimDefaults(claim.spec.devices) } }),
    prepareForCreate: (claim) => ({ ...claim, status: {} }),
    // What cannot be changed is not judged again.
    validateNew: (claim) => validateDeviceClaim(claim.spec.devices, "spec.devices"),
    validateUpdate: (claim, old) => (jsonEqual(claim.spec, old.spec) ? [] : [invalidField("spec", claim.spec, "field is immutable")]),
    prepareForStatusUpdate: withoutLostDevices,
    validateStatusUpdate: validateClaimStatus,
  },
  subresources: [{ name: "status", keeps: ALL_METADATA }],
  columns: [nameColumn, { name: "State", type: "string", description: "Whether devices were found and are in use.", cell: stateText }, ageColumn],
});

/** One device, unless it says otherwise. */
export function withClaimDefaults(devices: DeviceClaim): DeviceClaim {
  if (!devices.requests) return devices;
  const counted = <T extends { readonly allocationMode?: string; readonly count?: number }>(wish: T): T => {
    const allocationMode = wish.allocationMode || "ExactCount";
    return { ...wish, allocationMode, ...(allocationMode === "ExactCount" && !wish.count ? { count: 1 } : {}) };
  };
  return {
    ...devices,
    requests: devices.requests.map((request) => ({
      ...request,
      ...(request.exactly === undefined ? {} : { exactly: counted(request.exactly) }),
      ...(request.firstAvailable === undefined ? {} : { firstAvailable: request.firstAvailable.map(counted) }),
    })),
  };
}

function stateText({ metadata, status }: ResourceClaim): string {
  const isDeleted = metadata.deletionTimestamp !== undefined;
  if (status?.allocation === undefined) return isDeleted ? "deleted" : "pending";
  return [...(isDeleted ? ["deleted"] : []), "allocated", ...((status.reservedFor ?? []).length > 0 ? ["reserved"] : [])].join(",");
}
