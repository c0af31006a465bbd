import { invalidField, invalidFields, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainProblems } from "../../apimachinery/names.ts";
import { canonicalQuantity, parseQuantity } from "../../apimachinery/quantity.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { createdColumns } from "../columns.ts";
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
    metadataOnUpdate: "both",
    unconditionalUpdate: false,
    validate: validateCapacity,
    warnings: storageCapacityWarnings,
    validateUpdate: (capacity, old) => [
      ...(jsonEqual(capacity.nodeTopology ?? null, old.nodeTopology ?? null)
        ? []
        : [invalidField("nodeTopology", capacity.nodeTopology ?? null, "field is immutable")]),
      ...(capacity.storageClassName === old.storageClassName ? [] : [invalidField("storageClassName", capacity.storageClassName, "field is immutable")]),
    ],
  },
  columns: createdColumns,
});

function validateCapacity(capacity: CSIStorageCapacity): FieldError[] {
  return [
    ...invalidFields("storageClassName", capacity.storageClassName, dnsSubdomainProblems(capacity.storageClassName)),
    ...(capacity.nodeTopology === undefined ? [] : validateLabelSelector(capacity.nodeTopology, "nodeTopology")),
    ...(parseQuantity(capacity.capacity ?? "0") < 0
      ? [invalidField("capacity", canonicalQuantity(capacity.capacity ?? "0"), "must be greater than or equal to 0")]
      : []),
  ];
}
