import { forbiddenField, invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { scaledValue } from "../../apimachinery/int-or-string.ts";
import { formatLabelSelector } from "../../apimachinery/selectors.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn, templateColumns } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { withTemplateDefaults } from "../pod-template.ts";
import { podMakerWarnings } from "../warnings/kind-warnings.ts";
import { replicaScale } from "../replica-scale.ts";
import type { Deployment } from "../types.ts";
import { validatePodTemplate } from "../validation/pod-spec.ts";
import { collisionErrors, negativeCounts, partErrors, strategyErrors } from "./replica-counts.ts";
import { validateSelected } from "./selector-validation.ts";

const STRATEGIES = ["Recreate", "RollingUpdate"];

export const deploymentResource = defineResource<Deployment>({
  group: "apps",
  version: "v1",
  resource: "deployments",
  kind: "Deployment",
  namespaced: true,
  shortNames: ["deploy"],
  categories: ["all"],
  schema: () => loadSchema("apps/v1/deployment.yaml"),
  strategy: {
    hasGeneration: true,
    // They are copied to its ReplicaSets.
    generationCounts: "annotations",
    setDefaults: withDefaults,
    prepareForCreate: (deployment) => ({ ...deployment, status: {} }),
    validate: validateDeployment,
    validateUpdate: (deployment, old) =>
      jsonEqual(deployment.spec.selector, old.spec.selector) ? [] : [invalidField("spec.selector", deployment.spec.selector, "field is immutable")],
    validateStatusUpdate: ({ status = {} }, old) => [
      ...negativeCounts(status, [
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
      ]),
      ...partErrors(status, ["updatedReplicas", "readyReplicas", "availableReplicas"]),
      ...collisionErrors(status, old.status),
    ],
    warnings: podMakerWarnings,
  },
  subresources: [{ name: "status", keeps: ["labels"] }, replicaScale<Deployment>(({ spec }) => formatLabelSelector(spec.selector))],
  columns: [
    nameColumn,
    {
      name: "Ready",
      type: "string",
      description: "Ready pods of all wanted.",
      cell: (deployment) => `${deployment.status?.readyReplicas ?? 0}/${deployment.spec.replicas ?? 1}`,
    },
    { name: "Up-to-date", type: "string", description: "Pods made from the current template.", cell: (deployment) => deployment.status?.updatedReplicas ?? 0 },
    {
      name: "Available",
      type: "string",
      description: "Pods that have been ready long enough.",
      cell: (deployment) => deployment.status?.availableReplicas ?? 0,
    },
    ageColumn,
    ...templateColumns<Deployment>((deployment) => ({ spec: deployment.spec.template.spec, selector: deployment.spec.selector })),
  ],
});

function withDefaults(deployment: Deployment): Deployment {
  const { spec } = deployment;
  const strategy =
    (spec.strategy?.type ?? "RollingUpdate") !== "RollingUpdate"
      ? spec.strategy
      : { ...spec.strategy, rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%", ...spec.strategy?.rollingUpdate } };
  return { ...deployment, spec: { ...spec, strategy, template: withTemplateDefaults(spec.template) } };
}

function validateDeployment({ spec }: Deployment): FieldError[] {
  const errors = validateSelected(spec.selector, spec.template, "deployment", () => validatePodTemplate(spec.template, "spec.template"));
  const { type, rollingUpdate } = spec.strategy ?? {};
  errors.push(...strategyErrors("spec.strategy", spec.strategy ?? {}, STRATEGIES));
  if (type === "Recreate" && rollingUpdate !== undefined)
    errors.push(forbiddenField("spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'"));
  if (type === "RollingUpdate" && rollingUpdate !== undefined) {
    const amounts: number[] = [];
    for (const field of ["maxUnavailable", "maxSurge"] as const) {
      const value = rollingUpdate[field];
      if (value === undefined) continue;
      try {
        const amount = scaledValue(value, 100, true);
        amounts.push(amount);
        if (amount < 0) errors.push(invalidField(`spec.strategy.rollingUpdate.${field}`, value, "must be greater than or equal to 0"));
        if (field === "maxUnavailable" && typeof value === "string" && amount > 100)
          errors.push(invalidField(`spec.strategy.rollingUpdate.${field}`, value, "must not be greater than 100%"));
      } catch {
        errors.push(
          invalidField(
            `spec.strategy.rollingUpdate.${field}`,
            value,
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
          ),
        );
      }
    }
    if (amounts.length === 2 && amounts.every((amount) => amount === 0))
      errors.push(invalidField("spec.strategy.rollingUpdate.maxUnavailable", rollingUpdate.maxUnavailable, "may not be 0 when `maxSurge` is 0"));
  }
  if ((spec.progressDeadlineSeconds ?? 0) < 0)
    errors.push(invalidField("spec.progressDeadlineSeconds", spec.progressDeadlineSeconds, "must be greater than or equal to 0"));
  if ((spec.progressDeadlineSeconds ?? 600) <= (spec.minReadySeconds ?? 0))
    errors.push(invalidField("spec.progressDeadlineSeconds", spec.progressDeadlineSeconds, "must be greater than minReadySeconds"));
  return errors;
}
