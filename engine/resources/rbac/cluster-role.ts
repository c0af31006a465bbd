import { invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { createdColumns } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { ClusterRole } from "../types.ts";
import { validateLabelSelector } from "../validation/scheduling.ts";
import { RBAC_GROUP, validateRules } from "./rule-validation.ts";

export const clusterRoleResource = defineResource<ClusterRole>({
  group: RBAC_GROUP,
  version: "v1",
  resource: "clusterroles",
  kind: "ClusterRole",
  namespaced: false,
  schema: () => loadSchema("rbac.authorization.k8s.io/v1/cluster-role.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    createOnUpdate: true,
    nameRule: "pathSegment",
    validate: (role) => [...validateRules(role.rules ?? [], false), ...aggregationErrors(role)],
  },
  columns: createdColumns,
});

/** A role that is put together of others chooses them somehow. */
function aggregationErrors({ aggregationRule }: ClusterRole): FieldError[] {
  if (aggregationRule === undefined) return [];
  const at = "aggregationRule.clusterRoleSelectors";
  const { clusterRoleSelectors: selectors = [] } = aggregationRule;
  if (selectors.length === 0) return [requiredField(at, "at least one clusterRoleSelector required if aggregationRule is non-nil")];
  return selectors.flatMap((selector, index) => {
    const errors = validateLabelSelector(selector, `${at}[${index}]`);
    return errors.length === 0 ? [] : [...errors, invalidField(`${at}[${index}]`, null, "invalid label selector.")];
  });
}
