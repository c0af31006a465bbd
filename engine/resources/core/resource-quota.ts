import { invalidField, invalidFields, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameProblems } from "../../apimachinery/names.ts";
import { canonicalQuantity, parseQuantity } from "../../apimachinery/quantity.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { doesScopeFitResource, isCountedResource, isStandardQuotaResource, QUOTA_SCOPES } from "../quota/quota-resources.ts";
import { isExtendedResource } from "../validation/resource-requirements.ts";
import type { ResourceQuota, ResourceQuotaSpec, ScopedResourceSelectorRequirement } from "../types.ts";

export const resourceQuotaResource = defineResource<ResourceQuota>({
  group: "",
  version: "v1",
  resource: "resourcequotas",
  kind: "ResourceQuota",
  namespaced: true,
  shortNames: ["quota"],
  schema: () => loadSchema("core/v1/resource-quota.yaml"),
  strategy: {
    prepareForCreate: (quota) => ({ ...quota, status: {} }),
    validate: (quota) => validateSpec(quota.spec ?? {}),
    validateUpdate: (quota, old) =>
      jsonEqual([...new Set(quota.spec?.scopes)].sort(), [...new Set(old.spec?.scopes)].sort())
        ? []
        : [invalidField("spec.scopes", quota.spec?.scopes ?? null, "field is immutable")],
    validateStatusUpdate: (quota) => [...validateHard(quota.status?.hard ?? {}, "status.hard"), ...validateHard(quota.status?.used ?? {}, "status.used")],
  },
  subresources: [{ name: "status" }],
  columns: [
    nameColumn,
    { name: "Request", type: "string", description: "What is used of what may be, but for limits.", cell: (quota) => usageText(quota, false) },
    { name: "Limit", type: "string", description: "What is used of the limits.", cell: (quota) => usageText(quota, true) },
    ageColumn,
  ],
});

function usageText({ status }: ResourceQuota, ofLimits: boolean): string {
  return Object.keys(status?.hard ?? {})
    .sort()
    .filter((name) => name.startsWith("limits.") === ofLimits)
    .map((name) => `${name}: ${canonicalQuantity(status?.used?.[name] ?? "0")}/${canonicalQuantity(status?.hard?.[name] ?? "0")}`)
    .join(", ");
}

function validateSpec(spec: ResourceQuotaSpec): FieldError[] {
  const hard = spec.hard ?? {};
  return [...validateHard(hard, "spec.hard"), ...scopeErrors(spec.scopes ?? [], hard), ...selectorErrors(spec, hard)];
}

type Amounts = Readonly<Record<string, string>>;

function validateHard(amounts: Amounts, path: string): FieldError[] {
  return Object.entries(amounts).flatMap(([name, amount]) => {
    const at = `${path}[${name}]`;
    const problems = qualifiedNameProblems(name);
    const isUnknown = !name.includes("/") && !isStandardQuotaResource(name);
    const errors = [
      ...invalidFields(at, name, problems),
      ...(problems.length === 0 && isUnknown && name !== "storage" ? [invalidField(at, name, "must be a standard resource type or fully qualified")] : []),
      ...(problems.length === 0 && isUnknown ? [invalidField(at, name, "must be a standard resource for quota")] : []),
    ];
    if (parseQuantity(amount) < 0) errors.push(invalidField(at, canonicalQuantity(amount), "must be greater than or equal to 0"));
    if ((isCountedResource(name) || isExtendedResource(name)) && !Number.isInteger(parseQuantity(amount)))
      errors.push(invalidField(at, canonicalQuantity(amount), "must be an integer"));
    return errors;
  });
}

const CONTRADICTIONS = [
  ["BestEffort", "NotBestEffort"],
  ["Terminating", "NotTerminating"],
] as const;

const contradict = (scopes: readonly string[]) => CONTRADICTIONS.some((pair) => pair.every((scope) => scopes.includes(scope)));

const misfits = (scope: string, hard: Amounts) => Object.keys(hard).some((name) => isStandardQuotaResource(name) && !doesScopeFitResource(scope, name));

function scopeErrors(scopes: readonly string[], hard: Amounts): FieldError[] {
  const errors: FieldError[] = [];
  for (const scope of scopes) {
    if (!QUOTA_SCOPES.includes(scope)) errors.push(invalidField("spec.scopes", scopes, "unsupported scope"));
    else if (misfits(scope, hard)) errors.push(invalidField("spec.scopes", scopes, "unsupported scope applied to resource"));
  }
  if (contradict(scopes)) errors.push(invalidField("spec.scopes", scopes, "conflicting scopes"));
  return errors;
}

function selectorErrors({ scopeSelector }: ResourceQuotaSpec, hard: Amounts): FieldError[] {
  const at = "spec.scopeSelector.matchExpressions";
  const rules = scopeSelector?.matchExpressions ?? [];
  const errors = rules.flatMap((rule) => {
    const problems: FieldError[] = [];
    if (!QUOTA_SCOPES.includes(rule.scopeName)) problems.push(invalidField(`${at}.scopeName`, rule.scopeName, "unsupported scope"));
    else if (misfits(rule.scopeName, hard)) problems.push(invalidField(at, scopeSelector, "unsupported scope applied to resource"));
    return [...problems, ...operatorErrors(rule, at)];
  });
  if (contradict(rules.map((rule) => rule.scopeName))) errors.push(invalidField(at, rules, "conflicting scopes"));
  return errors;
}

const SCOPES_WITHOUT_VALUES = ["BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity"];

function operatorErrors({ scopeName, operator, values = [] }: ScopedResourceSelectorRequirement, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (SCOPES_WITHOUT_VALUES.includes(scopeName) && operator !== "Exists") {
    errors.push(
      invalidField(
        `${at}.operator`,
        operator,
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
      ),
    );
  }
  if (operator === "In" || operator === "NotIn") {
    if (values.length === 0) errors.push(requiredField(`${at}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"));
  } else if (operator === "Exists" || operator === "DoesNotExist") {
    if (values.length > 0)
      errors.push(invalidField(`${at}.values`, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"));
  } else errors.push(invalidField(`${at}.operator`, operator, "not a valid selector operator"));
  return errors;
}
