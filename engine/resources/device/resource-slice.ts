import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { ResourceSlice } from "../types.ts";
import { validateSliceSpec } from "./slice-validation.ts";

export const resourceSliceResource = defineResource<ResourceSlice>({
  group: "resource.k8s.io",
  version: "v1",
  resource: "resourceslices",
  kind: "ResourceSlice",
  namespaced: false,
  schema: () => loadSchema("resource.k8s.io/v1/resource-slice.yaml"),
  strategy: { hasGeneration: true, validateNew: ({ spec }) => validateSliceSpec(spec), validateUpdate: ({ spec }, old) => validateSliceSpec(spec, old.spec) },
  columns: [
    nameColumn,
    { name: "Node", type: "string", description: "The node that has the devices.", cell: (slice) => slice.spec.nodeName ?? "" },
    { name: "Driver", type: "string", description: "Driver that offers them.", cell: (slice) => slice.spec.driver },
    { name: "Pool", type: "string", description: "Pool they belong to.", cell: (slice) => slice.spec.pool.name },
    ageColumn,
  ],
  selectableFields: { "spec.nodeName": (slice) => slice.spec.nodeName ?? "", "spec.driver": (slice) => slice.spec.driver },
});
