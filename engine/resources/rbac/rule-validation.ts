import { invalidField, requiredField, requiredName, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainError, pathSegmentNameProblems } from "../../apimachinery/names.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { PolicyRule, RoleRef, Subject } from "../types.ts";

export const RBAC_GROUP = "rbac.authorization.k8s.io";

/** Rules say either resources or other paths, and the latter only where there is no namespace. */
export function validateRules(rules: readonly PolicyRule[], namespaced: boolean): FieldError[] {
  return rules.flatMap((rule, index) => validateRule(rule, namespaced, `rules[${index}]`));
}

function validateRule(
  { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule,
  namespaced: boolean,
  field: string,
): FieldError[] {
  const errors: FieldError[] = verbs.length === 0 ? [requiredField(`${field}.verbs`, "verbs must contain at least one value")] : [];
  if (nonResourceURLs.length > 0) {
    if (namespaced) errors.push(invalidField(`${field}.nonResourceURLs`, nonResourceURLs, "namespaced rules cannot apply to non-resource URLs"));
    if (apiGroups.length + resources.length + resourceNames.length > 0)
      errors.push(invalidField(`${field}.nonResourceURLs`, nonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"));
    return errors;
  }
  if (apiGroups.length === 0) errors.push(requiredField(`${field}.apiGroups`, "resource rules must supply at least one api group"));
  if (resources.length === 0) errors.push(requiredField(`${field}.resources`, "resource rules must supply at least one resource"));
  return errors;
}

interface Binding {
  readonly roleRef: RoleRef;
  readonly subjects?: readonly Subject[];
}

/** `kinds` are those of the roles that this kind of binding may grant. */
export function validateBinding({ roleRef, subjects = [] }: Binding, kinds: readonly string[], namespaced: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (roleRef.apiGroup !== RBAC_GROUP) errors.push(unsupportedValue("roleRef.apiGroup", roleRef.apiGroup ?? "", [RBAC_GROUP]));
  if (!kinds.includes(roleRef.kind)) errors.push(unsupportedValue("roleRef.kind", roleRef.kind, kinds));
  errors.push(...requiredName("roleRef.name", roleRef.name, pathSegmentNameProblems));
  return [...errors, ...subjects.flatMap((subject, index) => validateSubject(subject, namespaced, `subjects[${index}]`))];
}

/** What a binding grants is for good: whoever may change its subjects need not be able to grant anything else. Shown with the names of Go's fields. */
export function validateBindingUpdate({ roleRef }: Binding, old: Binding): FieldError[] {
  if (jsonEqual(roleRef, old.roleRef)) return [];
  return [invalidField("roleRef", { APIGroup: roleRef.apiGroup ?? "", Kind: roleRef.kind, Name: roleRef.name }, "cannot change roleRef")];
}

function validateSubject({ kind, name, namespace = "", apiGroup = "" }: Subject, namespaced: boolean, field: string): FieldError[] {
  const errors: FieldError[] = name === "" ? [requiredField(`${field}.name`)] : [];
  switch (kind) {
    case "ServiceAccount": {
      const problem = name === "" ? undefined : dnsSubdomainError(name);
      if (problem !== undefined) errors.push(invalidField(`${field}.name`, name, problem));
      if (apiGroup !== "") errors.push(unsupportedValue(`${field}.apiGroup`, apiGroup, [""]));
      if (!namespaced && namespace === "") errors.push(requiredField(`${field}.namespace`));
      return errors;
    }
    case "User":
    case "Group":
      if (apiGroup !== RBAC_GROUP) errors.push(unsupportedValue(`${field}.apiGroup`, apiGroup, [RBAC_GROUP]));
      return errors;
    default:
      return [...errors, unsupportedValue(`${field}.kind`, kind, ["ServiceAccount", "User", "Group"])];
  }
}

/** Upstream's defaults: everything but a service account is of the group itself. */
export function withBindingDefaults<T extends Binding>(binding: T): T {
  const roleRef = binding.roleRef?.apiGroup ? binding.roleRef : { ...binding.roleRef, apiGroup: RBAC_GROUP };
  const complete = (subject: Subject): Subject =>
    subject.apiGroup || (subject.kind !== "User" && subject.kind !== "Group") ? subject : { ...subject, apiGroup: RBAC_GROUP };
  return { ...binding, roleRef, ...(Array.isArray(binding.subjects) ? { subjects: binding.subjects.map(complete) } : {}) };
}
