import { forbiddenField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { ALL_METADATA, defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { DeviceClaim, ResourceClaim } from "../types.ts";
import { countErrors, validateDeviceClaim } from "./device-validation.ts";

const USERS_MAX = 256;

export const resourceClaimResource = defineResource<ResourceClaim>({
  group: "resource.k8s.io",
  version: "v1",
  resource: "resourceclaims",
  kind: "ResourceClaim",
  namespaced: true,
  schema: () => loadSchema("resource.k8s.io/v1/resource-claim.yaml"),
  strategy: {
    setDefaults: (claim) => (claim.spec.devices === undefined ? claim : { ...claim, spec: { ...claim.spec, devices: withClaimDefaults(claim.spec.devices) } }),
    prepareForCreate: (claim) => ({ ...claim, status: {} }),
    validate: (claim) => validateDeviceClaim(claim.spec.devices, "spec.devices"),
    validateUpdate: (claim, old) => (jsonEqual(claim.spec, old.spec) ? [] : [invalidField("spec", claim.spec, "field is immutable")]),
    validateStatusUpdate: validateStatus,
  },
  subresources: [{ name: "status", keeps: ALL_METADATA }],
  columns: [nameColumn, { name: "State", type: "string", description: "Whether devices were found and are in use.", cell: stateText }, ageColumn],
});

/** One device, unless it says otherwise. */
export function withClaimDefaults(devices: DeviceClaim): DeviceClaim {
  if (devices.requests === undefined) return devices;
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

function validateStatus(claim: ResourceClaim, old: ResourceClaim): FieldError[] {
  const { allocation, reservedFor = [] } = claim.status ?? {};
  const errors: FieldError[] = countErrors(reservedFor, USERS_MAX, "status.reservedFor");
  for (const [index, user] of reservedFor.entries()) {
    for (const field of ["resource", "name", "uid"] as const) if (user[field] === "") errors.push(requiredField(`status.reservedFor[${index}].${field}`));
  }
  if (allocation === undefined && reservedFor.length > 0) errors.push(forbiddenField("status.reservedFor", "may not be specified when `allocated` is not set"));
  if (old.status?.allocation !== undefined && allocation !== undefined && !jsonEqual(allocation, old.status.allocation)) errors.push(invalidField("status.allocation", allocation, "field is immutable"));
  const added = reservedFor.filter((user) => !(old.status?.reservedFor ?? []).some((known) => known.uid === user.uid));
  if (claim.metadata.deletionTimestamp !== undefined && added.length > 0) errors.push(forbiddenField("status.reservedFor", "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"));
  return errors;
}

function stateText({ metadata, status }: ResourceClaim): string {
  const isDeleted = metadata.deletionTimestamp !== undefined;
  if (status?.allocation === undefined) return isDeleted ? "deleted" : "pending";
  return [...(isDeleted ? ["deleted"] : []), "allocated", ...((status.reservedFor ?? []).length > 0 ? ["reserved"] : [])].join(",");
}
