import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from "../types.ts";
import { amountErrors } from "../validation/amounts.ts";
import { validateConditions } from "../validation/conditions.ts";
import { validateLabelSelector } from "../validation/scheduling.ts";

/** Counts that are always said, also when they are nothing. */
const NOTHING_YET: PodDisruptionBudgetStatus = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };

export const podDisruptionBudgetResource = defineResource<PodDisruptionBudget>({
  group: "policy",
  version: "v1",
  resource: "poddisruptionbudgets",
  kind: "PodDisruptionBudget",
  namespaced: true,
  shortNames: ["pdb"],
  schema: () => loadSchema("policy/v1/pod-disruption-budget.yaml"),
  strategy: {
    anyFinalizers: true,
    metadataOnUpdate: "none",
    hasGeneration: true,
    unconditionalUpdate: false,
    nameRule: "pathSegment",
    prepareForCreate: (budget) => ({ ...budget, status: NOTHING_YET }),
    validate: validateBudget,
    validateStatusUpdate: ({ status }) => validateConditions(status?.conditions ?? [], "status.conditions"),
  },
  subresources: [{ name: "status" }],
  columns: [
    nameColumn,
    { name: "Min Available", type: "string", description: "Pods that must stay available.", cell: ({ spec }) => String(spec?.minAvailable ?? "N/A") },
    { name: "Max Unavailable", type: "string", description: "Pods that may be missing.", cell: ({ spec }) => String(spec?.maxUnavailable ?? "N/A") },
    { name: "Allowed Disruptions", type: "integer", description: "Evictions that are allowed now.", cell: ({ status }) => status?.disruptionsAllowed ?? 0 },
    ageColumn,
  ],
});

function validateBudget({ spec = {} }: PodDisruptionBudget): FieldError[] {
  const errors =
    spec.minAvailable !== undefined && spec.maxUnavailable !== undefined
      ? [invalidField("spec", spec, "minAvailable and maxUnavailable cannot be both set")]
      : [];
  return [
    ...errors,
    ...amountErrors(spec.minAvailable, "spec.minAvailable"),
    ...amountErrors(spec.maxUnavailable, "spec.maxUnavailable"),
    ...(spec.selector === undefined ? [] : validateLabelSelector(spec.selector, "spec.selector")),
  ];
}
