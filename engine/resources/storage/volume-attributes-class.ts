import { forbiddenField, requiredField } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { VolumeAttributesClass } from "../types.ts";
import { parameterErrors, provisionerErrors } from "./parameters.ts";

const DEFAULT_ANNOTATION = "volumeattributesclass.kubernetes.io/is-default-class";

export const volumeAttributesClassResource = defineResource<VolumeAttributesClass>({
  group: "storage.k8s.io",
  version: "v1",
  resource: "volumeattributesclasses",
  kind: "VolumeAttributesClass",
  namespaced: false,
  shortNames: ["vac"],
  schema: () => loadSchema("storage.k8s.io/v1/volume-attributes-class.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    validate: ({ driverName, parameters = {} }) => [
      ...provisionerErrors(driverName, "driverName"),
      ...(Object.keys(parameters).length === 0
        ? [requiredField("parameters", "must contain at least one key/value pair")]
        : parameterErrors(parameters, "parameters")),
    ],
    validateUpdate: (attributes, old) => [
      ...(attributes.driverName === old.driverName ? [] : [forbiddenField("driverName", "updates to driverName are forbidden.")]),
      ...(jsonEqual(attributes.parameters, old.parameters) ? [] : [forbiddenField("parameters", "updates to parameters are forbidden.")]),
    ],
  },
  columns: [
    { ...nameColumn, cell: ({ metadata }) => `${metadata.name ?? ""}${metadata.annotations?.[DEFAULT_ANNOTATION] === "true" ? " (default)" : ""}` },
    { name: "DriverName", type: "string", description: "Driver that knows the attributes.", cell: (attributes) => attributes.driverName },
    ageColumn,
  ],
});
