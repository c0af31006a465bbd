import { invalidField } from "../../apimachinery/field-error.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { Lease } from "../types.ts";

export const leaseResource = defineResource<Lease>({
  group: "coordination.k8s.io",
  version: "v1",
  resource: "leases",
  kind: "Lease",
  namespaced: true,
  schema: () => loadSchema("coordination.k8s.io/v1/lease.yaml"),
  strategy: {
    anyFinalizers: true,
    createOnUpdate: true,
    unconditionalUpdate: false,
    validate: ({ spec = {} }) => [
      ...(spec.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0
        ? [invalidField("spec.leaseDurationSeconds", spec.leaseDurationSeconds, "must be greater than 0")]
        : []),
      ...(spec.leaseTransitions !== undefined && spec.leaseTransitions < 0
        ? [invalidField("spec.leaseTransitions", spec.leaseTransitions, "must be greater than or equal to 0")]
        : []),
    ],
  },
  columns: [nameColumn, { name: "Holder", type: "string", description: "Who holds it.", cell: (lease) => lease.spec?.holderIdentity ?? "" }, ageColumn],
});
