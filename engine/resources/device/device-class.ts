import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameError } from "../../apimachinery/names.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { DeviceClass } from "../types.ts";
import { configurationErrors, countErrors, LIST_MAX, selectorErrors } from "./device-validation.ts";

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
  const problem = name === undefined ? undefined : name.includes("/") ? qualifiedNameError(name) : "must be a fully qualified name";
  return [
    ...selectorErrors(spec.selectors ?? [], "spec.selectors"),
    ...countErrors(config, LIST_MAX, "spec.config"),
    ...config.flatMap((entry, index) => configurationErrors(entry, `spec.config[${index}]`)),
    ...(problem === undefined ? [] : [invalidField("spec.extendedResourceName", name, problem)]),
  ];
}
