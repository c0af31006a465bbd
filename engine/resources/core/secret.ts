import { invalidField } from "../../apimachinery/field-error.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { validateData, validateImmutable } from "../data-validation.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { Secret } from "../types.ts";

export const secretResource = defineResource<Secret>({
  group: "",
  version: "v1",
  resource: "secrets",
  kind: "Secret",
  namespaced: true,
  schema: loadSchema("core/v1/secret.yaml"),
  strategy: {
    setDefaults: (secret) => {
      if (secret.stringData === undefined) return secret;
      // Plain text is accepted on the way in, and only ever kept and returned encoded.
      const { stringData, ...rest } = secret;
      const encoded = Object.fromEntries(Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
      return { ...rest, data: { ...secret.data, ...encoded } };
    },
    validate: (secret) => validateData(undefined, secret.data, "stringData", "data"),
    validateUpdate: (secret, old) => [
      ...(secret.type === old.type ? [] : [invalidField("type", secret.type, "field is immutable")]),
      ...validateImmutable(secret, old, ["data"]),
    ],
  },
  columns: [
    nameColumn,
    { name: "Type", type: "string", description: "What the content is for.", cell: (secret) => secret.type ?? "" },
    { name: "Data", type: "string", description: "Number of keys.", cell: (secret) => Object.keys(secret.data ?? {}).length },
    ageColumn,
  ],
  selectableFields: { type: (secret) => secret.type ?? "" },
});
