import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { RoleBinding } from "../types.ts";
import { bindingColumns } from "./binding-columns.ts";
import { RBAC_GROUP, validateBinding, validateBindingUpdate, withBindingDefaults } from "./rule-validation.ts";

export const roleBindingResource = defineResource<RoleBinding>({
  group: RBAC_GROUP,
  version: "v1",
  resource: "rolebindings",
  kind: "RoleBinding",
  namespaced: true,
  schema: () => loadSchema("rbac.authorization.k8s.io/v1/role-binding.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    createOnUpdate: true,
    nameRule: "pathSegment",
    setDefaults: withBindingDefaults,
    validate: (binding) => validateBinding(binding, ["Role", "ClusterRole"], true),
    validateUpdate: validateBindingUpdate,
  },
  columns: bindingColumns,
});
