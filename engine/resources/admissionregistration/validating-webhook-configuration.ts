import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { staticNameWarnings } from "../warnings/kind-warnings.ts";
import type { ValidatingWebhookConfiguration } from "../types.ts";
import { validateWebhook } from "./webhook-validation.ts";

export const validatingWebhookConfigurationResource = defineResource<ValidatingWebhookConfiguration>({
  group: "admissionregistration.k8s.io",
  version: "v1",
  resource: "validatingwebhookconfigurations",
  kind: "ValidatingWebhookConfiguration",
  namespaced: false,
  categories: ["api-extensions"],
  schema: () => loadSchema("admissionregistration.k8s.io/v1/validating-webhook-configuration.yaml"),
  strategy: {
    anyFinalizers: true,
    metadataOnUpdate: "new",
    unconditionalUpdate: false,
    warnings: staticNameWarnings,
    hasGeneration: true,
    validate: ({ webhooks = [] }) => webhooks.flatMap((webhook, index) => validateWebhook(webhook, `webhooks[${index}]`)),
  },
  columns: [
    nameColumn,
    { name: "Webhooks", type: "integer", description: "How many webhooks the configuration has.", cell: ({ webhooks = [] }) => webhooks.length },
    ageColumn,
  ],
});
