import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { DeviceClass } from "../types.ts";
import { isExtendedResource } from "../validation/resource-requirements.ts";
import { configurationErrors, LIST_MAX, listErrors, selectorErrors } from "./device-validation.ts";

export const deviceClassResource = defineResource<DeviceClass>({
  group: "resource.k8s.io",
  version: "v1",
  resource: "deviceclasses",
  kind: "DeviceClass",
  namespaced: false,
  schema: () => loadSchema("resource.k8s.io/v1/device-class.yaml"),
  strategy: { metadataOnUpdate: "both", hasGeneration: true, validate: validateClass },
  columns: [nameColumn, ageColumn],
});

function validateClass({ spec }: DeviceClass): FieldError[] {
  const config = spec.config ?? [];
  const name = spec.extendedResourceName;
  return [
    ...selectorErrors(spec.selectors ?? [], "spec.selectors"),
    ...listErrors(config, LIST_MAX, "spec.config", configurationErrors),
    ...(name === undefined || isExtendedResource(name) ? [] : [invalidField("spec.extendedResourceName", name, "must be a valid extended resource name")]),
  ];
}
