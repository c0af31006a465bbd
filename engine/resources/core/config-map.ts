import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { validateData, validateImmutable } from "../data-validation.ts";
import { loadSchema } from "../load-schema.ts";
import type { ConfigMap } from "../types.ts";

export const configMapResource = defineResource<ConfigMap>({
  group: "",
  version: "v1",
  resource: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
  shortNames: ["cm"],
  schema: () => loadSchema("core/v1/config-map.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    validateNew: (map) => validateData(map.data, map.binaryData),
    validateUpdate: (map, old) => [...validateImmutable(map, old, ["data", "binaryData"]), ...validateData(map.data, map.binaryData)],
  },
  columns: [
    nameColumn,
    {
      name: "Data",
      type: "string",
      description: "Number of keys.",
      cell: (map) => Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length,
    },
    ageColumn,
  ],
});
