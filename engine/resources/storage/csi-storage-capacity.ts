import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainError } from "../../apimachinery/names.ts";
import { parseQuantity } from "../../apimachinery/quantity.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { storageCapacityWarnings } from "../warnings/kind-warnings.ts";
import type { CSIStorageCapacity } from "../types.ts";
import { validateLabelSelector } from "../validation/scheduling.ts";

export const csiStorageCapacityResource = defineResource<CSIStorageCapacity>({
  group: "storage.k8s.io",
  version: "v1",
  resource: "csistoragecapacities",
  kind: "CSIStorageCapacity",
  namespaced: true,
  schema: () => loadSchema("storage.k8s.io/v1/csi-storage-capacity.yaml"),
  strategy: {
    validate: validateCapacity,
    warnings: storageCapacityWarnings,
    validateUpdate: (capacity, old) => [
      ...(jsonEqual(capacity.nodeTopology ?? null, old.nodeTopology ?? null) ? [] : [invalidField("nodeTopology", capacity.nodeTopology ?? null, "field is immutable")]),
      ...(capacity.storageClassName === old.storageClassName ? [] : [invalidField("storageClassName", capacity.storageClassName, "field is immutable")]),
    ],
  },
  columns: [nameColumn, { name: "Created At", type: "date", description: "When it was created.", cell: (capacity) => capacity.metadata.creationTimestamp ?? null }],
});

function validateCapacity(capacity: CSIStorageCapacity): FieldError[] {
  const problem = dnsSubdomainError(capacity.storageClassName);
  return [
    ...(problem === undefined ? [] : [invalidField("storageClassName", capacity.storageClassName, problem)]),
    ...(capacity.nodeTopology === undefined ? [] : validateLabelSelector(capacity.nodeTopology, "nodeTopology")),
    ...(["capacity", "maximumVolumeSize"] as const).flatMap((field) => (parseQuantity(capacity[field] ?? "0") < 0 ? [invalidField(field, capacity[field], "must be greater than or equal to 0")] : [])),
  ];
}
