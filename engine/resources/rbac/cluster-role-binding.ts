import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { ClusterRoleBinding } from "../types.ts";
import { bindingColumns } from "./binding-columns.ts";
import { RBAC_GROUP, validateBinding, validateBindingUpdate, withBindingDefaults } from "./rule-validation.ts";

export const clusterRoleBindingResource = defineResource<ClusterRoleBinding>({
  group: RBAC_GROUP,
  version: "v1",
  resource: "clusterrolebindings",
  kind: "ClusterRoleBinding",
  namespaced: false,
  schema: () => loadSchema("rbac.authorization.k8s.io/v1/cluster-role-binding.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    createOnUpdate: true,
    nameRule: "pathSegment",
    setDefaults: withBindingDefaults,
    validate: (binding) => validateBinding(binding, ["ClusterRole"], false),
    validateUpdate: validateBindingUpdate,
  },
  columns: bindingColumns,
});
