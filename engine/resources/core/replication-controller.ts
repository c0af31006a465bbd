import { invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { formatLabels } from "../../apimachinery/selectors.ts";
import { withSortedKeys } from "../../lib/sorted-keys.ts";
import { partErrors } from "../apps/replica-counts.ts";
import { ageColumn, nameColumn, templateColumns } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { withTemplateDefaults } from "../pod-template.ts";
import { podMakerWarnings } from "../warnings/kind-warnings.ts";
import { replicaScale } from "../replica-scale.ts";
import type { ReplicationController } from "../types.ts";
import { validatePodTemplate } from "../validation/pod-spec.ts";

export const replicationControllerResource = defineResource<ReplicationController>({
  group: "",
  version: "v1",
  resource: "replicationcontrollers",
  kind: "ReplicationController",
  namespaced: true,
  shortNames: ["rc"],
  categories: ["all"],
  schema: () => loadSchema("core/v1/replication-controller.yaml"),
  strategy: {
    hasGeneration: true,
    orphansByDefault: {},
    setDefaults: withDefaults,
    prepareForCreate: (controller) => ({ ...controller, status: { replicas: 0 } }),
    validate: validateController,
    validateStatusUpdate: ({ status = { replicas: 0 } }) => partErrors(status, ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"]),
    warnings: podMakerWarnings,
  },
  subresources: [{ name: "status" }, replicaScale<ReplicationController>(({ spec }) => formatLabels(spec.selector, ""))],
  columns: [
    nameColumn,
    { name: "Desired", type: "integer", description: "Pods that are wanted.", cell: (controller) => controller.spec.replicas ?? 1 },
    { name: "Current", type: "integer", description: "Pods that there are.", cell: (controller) => controller.status?.replicas ?? 0 },
    { name: "Ready", type: "integer", description: "Pods that are ready.", cell: (controller) => controller.status?.readyReplicas ?? 0 },
    ageColumn,
    ...templateColumns<ReplicationController>((controller) => ({
      spec: controller.spec.template?.spec,
      selector: { matchLabels: controller.spec.selector ?? {} },
    })),
  ],
  selectableFields: { "status.replicas": (controller) => String(controller.status?.replicas ?? 0) },
});

/** Selector and labels default to those of the template. */
function withDefaults(controller: ReplicationController): ReplicationController {
  const { spec, metadata } = controller;
  const labels = spec.template?.metadata?.labels;
  if (spec.template === undefined) return controller;
  const hasSelector = Object.keys(spec.selector ?? {}).length > 0;
  const hasLabels = Object.keys(metadata.labels ?? {}).length > 0;
  return {
    ...controller,
    ...(hasLabels || labels === undefined ? {} : { metadata: { ...metadata, labels } }),
    spec: { ...spec, ...(hasSelector || labels === undefined ? {} : { selector: labels }), template: withTemplateDefaults(spec.template) },
  };
}

function validateController({ spec }: ReplicationController): FieldError[] {
  const { selector = {}, template } = spec;
  const entries = Object.entries(selector);
  const errors = entries.length === 0 ? [requiredField("spec.selector")] : [];
  if (template === undefined) return [...errors, requiredField("spec.template")];
  const labels = template.metadata?.labels;
  if (entries.some(([key, value]) => labels?.[key] !== value))
    errors.push(invalidField("spec.template.metadata.labels", withSortedKeys(labels) ?? null, "`selector` does not match template `labels`"));
  return [...errors, ...validatePodTemplate(template, "spec.template", "ReplicationController")];
}
