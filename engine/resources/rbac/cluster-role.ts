import { nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { ClusterRole } from "../types.ts";
import { createdColumn } from "./binding-columns.ts";
import { RBAC_GROUP, validateRules } from "./rule-validation.ts";

export const clusterRoleResource = defineResource<ClusterRole>({
  group: RBAC_GROUP,
  version: "v1",
  resource: "clusterroles",
  kind: "ClusterRole",
  namespaced: false,
  schema: () => loadSchema("rbac.authorization.k8s.io/v1/cluster-role.yaml"),
  strategy: {
    createOnUpdate: true,
    nameRule: "pathSegment",
    validate: (role) => validateRules(role.rules ?? [], false),
  },
  columns: [nameColumn, createdColumn],
});
