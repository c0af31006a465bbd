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
  schema: loadSchema("coordination.k8s.io/v1/lease.yaml"),
  strategy: { createOnUpdate: true, unconditionalUpdate: false },
  columns: [nameColumn, { name: "Holder", type: "string", description: "Who holds it.", cell: (lease) => lease.spec?.holderIdentity ?? "" }, ageColumn],
});
