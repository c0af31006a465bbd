import { invalidField } from "../../apimachinery/field-error.ts";
import { formatLabelSelector } from "../../apimachinery/selectors.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn, templateColumns } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { withTemplateDefaults } from "../pod-template.ts";
import { podMakerWarnings } from "../warnings/kind-warnings.ts";
import { replicaScale } from "../replica-scale.ts";
import type { ReplicaSet } from "../types.ts";
import { validatePodTemplate } from "../validation/pod-spec.ts";
import { negativeCounts, partErrors } from "./replica-counts.ts";
import { validateSelected } from "./selector-validation.ts";

export const replicaSetResource = defineResource<ReplicaSet>({
  group: "apps",
  version: "v1",
  resource: "replicasets",
  kind: "ReplicaSet",
  namespaced: true,
  shortNames: ["rs"],
  categories: ["all"],
  schema: () => loadSchema("apps/v1/replica-set.yaml"),
  strategy: {
    hasGeneration: true,
    setDefaults: (set) => (set.spec.template === undefined ? set : { ...set, spec: { ...set.spec, template: withTemplateDefaults(set.spec.template) } }),
    prepareForCreate: (set) => ({ ...set, status: { replicas: 0 } }),
    validate: (set) => {
      const template = set.spec.template ?? {};
      return validateSelected(set.spec.selector, template, "deployment", () => validatePodTemplate(template, "spec.template"));
    },
    validateUpdate: (set, old) =>
      jsonEqual(set.spec.selector, old.spec.selector) ? [] : [invalidField("spec.selector", set.spec.selector, "field is immutable")],
    validateStatusUpdate: ({ status = { replicas: 0 } }) => [
      ...negativeCounts(status, ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration", "terminatingReplicas"]),
      ...partErrors(status, ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"]),
    ],
    warnings: podMakerWarnings,
  },
  subresources: [{ name: "status" }, replicaScale<ReplicaSet>(({ spec }) => formatLabelSelector(spec.selector))],
  columns: [
    nameColumn,
    { name: "Desired", type: "integer", description: "Pods wanted.", cell: (set) => set.spec.replicas ?? 1 },
    { name: "Current", type: "integer", description: "Pods there are.", cell: (set) => set.status?.replicas ?? 0 },
    { name: "Ready", type: "integer", description: "Pods that are ready.", cell: (set) => set.status?.readyReplicas ?? 0 },
    ageColumn,
    ...templateColumns<ReplicaSet>((set) => ({ spec: set.spec.template?.spec, selector: set.spec.selector })),
  ],
});
