import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { ServiceAccount } from "../types.ts";

/** By this annotation, `true`, the pods of an account may use those Secrets alone that it lists. */
export const MOUNTABLE_SECRETS = "kubernetes.io/enforce-mountable-secrets";

export const serviceAccountResource = defineResource<ServiceAccount>({
  group: "",
  version: "v1",
  resource: "serviceaccounts",
  kind: "ServiceAccount",
  namespaced: true,
  shortNames: ["sa"],
  schema: () => loadSchema("core/v1/service-account.yaml"),
  subresources: [{ name: "token", kind: "TokenRequest", group: "authentication.k8s.io", version: "v1", verbs: ["create"] }],
  strategy: {
    metadataOnUpdate: "both",
    prepareForCreate: withNamesAlone,
    prepareForUpdate: withNamesAlone,
    warnings: ({ metadata }, old) =>
      metadata.annotations?.[MOUNTABLE_SECRETS] === undefined || old?.metadata.annotations?.[MOUNTABLE_SECRETS] !== undefined
        ? []
        : [`metadata.annotations[${MOUNTABLE_SECRETS}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`],
  },
  columns: [nameColumn, ageColumn],
});

/** Of the Secrets that an account lists nothing but their names is kept. */
function withNamesAlone(account: ServiceAccount): ServiceAccount {
  const { secrets } = account;
  return secrets === undefined ? account : { ...account, secrets: secrets.map(({ name }) => (name === undefined ? {} : { name })) };
}
