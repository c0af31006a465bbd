import { createdColumns } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { Role } from "../types.ts";
import { RBAC_GROUP, validateRules } from "./rule-validation.ts";

export const roleResource = defineResource<Role>({
  group: RBAC_GROUP,
  version: "v1",
  resource: "roles",
  kind: "Role",
  namespaced: true,
  schema: () => loadSchema("rbac.authorization.k8s.io/v1/role.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    createOnUpdate: true,
    nameRule: "pathSegment",
    validate: (role) => validateRules(role.rules ?? [], true),
  },
  columns: createdColumns,
});
