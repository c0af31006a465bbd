import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
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
  strategy: { hasGeneration: true, validate: ({ spec }) => validateSliceSpec(spec), validateUpdate },
  columns: [
    nameColumn,
    { name: "Node", type: "string", description: "The node that has the devices.", cell: (slice) => slice.spec.nodeName ?? "" },
    { name: "Driver", type: "string", description: "Driver that offers them.", cell: (slice) => slice.spec.driver },
    { name: "Pool", type: "string", description: "Pool they belong to.", cell: (slice) => slice.spec.pool.name },
    ageColumn,
  ],
  selectableFields: { "spec.nodeName": (slice) => slice.spec.nodeName ?? "", "spec.driver": (slice) => slice.spec.driver },
});

function validateUpdate({ spec }: ResourceSlice, { spec: old }: ResourceSlice): FieldError[] {
  return [
    ...(spec.driver === old.driver ? [] : [invalidField("spec.driver", spec.driver, "field is immutable")]),
    ...(spec.pool.name === old.pool.name ? [] : [invalidField("spec.pool.name", spec.pool.name, "field is immutable")]),
    ...((spec.nodeName ?? "") === (old.nodeName ?? "") ? [] : [invalidField("spec.nodeName", spec.nodeName, "field is immutable")]),
  ];
}
