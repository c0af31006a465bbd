import { invalidField } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { ResourceClaimTemplate } from "../types.ts";
import { templateMetadataErrors } from "../validation/template-metadata.ts";
import { validateDeviceClaim } from "./device-validation.ts";
import { withClaimDefaults } from "./resource-claim.ts";

export const resourceClaimTemplateResource = defineResource<ResourceClaimTemplate>({
  group: "resource.k8s.io",
  version: "v1",
  resource: "resourceclaimtemplates",
  kind: "ResourceClaimTemplate",
  namespaced: true,
  schema: () => loadSchema("resource.k8s.io/v1/resource-claim-template.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    setDefaults: (template) => {
      const { devices } = template.spec.spec;
      return devices === undefined
        ? template
        : { ...template, spec: { ...template.spec, spec: { ...template.spec.spec, devices: withClaimDefaults(devices) } } };
    },
    validate: ({ spec }) => [...templateMetadataErrors(spec.metadata, "spec.metadata"), ...validateDeviceClaim(spec.spec.devices, "spec.spec.devices")],
    validateUpdate: (template, old) => (jsonEqual(template.spec, old.spec) ? [] : [invalidField("spec", template.spec, "field is immutable")]),
  },
  columns: [nameColumn, ageColumn],
});
