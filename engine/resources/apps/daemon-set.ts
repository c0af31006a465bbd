import { invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { formatLabels } from "../../apimachinery/selectors.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn, templateColumns } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { withTemplateDefaults } from "../pod-template.ts";
import { podWarnings } from "../warnings/pod-warnings.ts";
import type { DaemonSet, DaemonSetStatus } from "../types.ts";
import { amountErrors, isNoAmount } from "../validation/amounts.ts";
import { validatePodTemplate } from "../validation/pod-spec.ts";
import { collisionErrors, strategyErrors } from "./replica-counts.ts";
import { validateSelector } from "./selector-validation.ts";

const STRATEGIES = ["RollingUpdate", "OnDelete"];

/** Counts that are always said, also when they are nothing. */
const NOTHING_YET: DaemonSetStatus = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };

export const daemonSetResource = defineResource<DaemonSet>({
  group: "apps",
  version: "v1",
  resource: "daemonsets",
  kind: "DaemonSet",
  namespaced: true,
  shortNames: ["ds"],
  categories: ["all"],
  schema: () => loadSchema("apps/v1/daemon-set.yaml"),
  strategy: {
    hasGeneration: true,
    setDefaults: withDefaults,
    prepareForCreate: (set) => withTemplateGeneration({ ...set, status: NOTHING_YET }, 1),
    prepareForUpdate: (set, old) => withTemplateGeneration(set, generationOf(old) + (jsonEqual(set.spec.template, old.spec.template) ? 0 : 1)),
    prepareForStatusUpdate: (set, old) => withTemplateGeneration(set, generationOf(old)),
    validate: validateDaemonSet,
    validateUpdate: (set, old) =>
      jsonEqual(set.spec.selector, old.spec.selector) ? [] : [invalidField("spec.selector", set.spec.selector, "field is immutable")],
    validateStatusUpdate: ({ status }, old) => collisionErrors(status, old.status),
    warnings: ({ spec }, old) => (old !== undefined && jsonEqual(spec.template, old.spec.template) ? [] : podWarnings(spec.template, "spec.template")),
  },
  subresources: [{ name: "status" }],
  columns: [
    nameColumn,
    { name: "Desired", type: "integer", description: "Nodes that should have a pod.", cell: (set) => set.status?.desiredNumberScheduled ?? 0 },
    { name: "Current", type: "integer", description: "Nodes that have the pod they should have.", cell: (set) => set.status?.currentNumberScheduled ?? 0 },
    { name: "Ready", type: "integer", description: "Nodes with a ready pod.", cell: (set) => set.status?.numberReady ?? 0 },
    {
      name: "Up-to-date",
      type: "integer",
      description: "Nodes with a pod made from the current template.",
      cell: (set) => set.status?.updatedNumberScheduled ?? 0,
    },
    { name: "Available", type: "integer", description: "Nodes with a pod that has been ready long enough.", cell: (set) => set.status?.numberAvailable ?? 0 },
    { name: "Node Selector", type: "string", description: "Labels of the nodes it is for.", cell: (set) => formatLabels(set.spec.template.spec?.nodeSelector) },
    ageColumn,
    ...templateColumns<DaemonSet>((set) => ({ spec: set.spec.template.spec, selector: set.spec.selector })),
  ],
});

/** Counts changes of the template alone. Upstream keeps it for clients of versions long gone, and kubectl still shows it. */
const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

function withTemplateGeneration(set: DaemonSet, generation: number): DaemonSet {
  return { ...set, metadata: { ...set.metadata, annotations: { ...set.metadata.annotations, [TEMPLATE_GENERATION]: String(generation) } } };
}

function generationOf(set: DaemonSet): number {
  return Number(set.metadata.annotations?.[TEMPLATE_GENERATION] ?? 0) || 0;
}

function withDefaults(set: DaemonSet): DaemonSet {
  const { spec } = set;
  const updateStrategy =
    (spec.updateStrategy?.type ?? "RollingUpdate") !== "RollingUpdate"
      ? spec.updateStrategy
      : { ...spec.updateStrategy, rollingUpdate: { maxUnavailable: 1, maxSurge: 0, ...spec.updateStrategy?.rollingUpdate } };
  const whole = { ...set, spec: { ...spec, updateStrategy, template: withTemplateDefaults(spec.template) } };
  // Upstream's own form of the object has it as a number, so that whoever writes the object without it has said zero, and owns that.
  return set.metadata.annotations?.[TEMPLATE_GENERATION] === undefined ? withTemplateGeneration(whole, 0) : whole;
}

function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  const errors = [...validateSelector(spec.selector, spec.template, "daemonset"), ...validatePodTemplate(spec.template, "spec.template", "DaemonSet")];
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  errors.push(...strategyErrors("spec.updateStrategy", spec.updateStrategy ?? {}, STRATEGIES));
  if (type !== "RollingUpdate" || rollingUpdate === undefined) return errors;
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const at = "spec.updateStrategy.rollingUpdate";
  errors.push(...amountErrors(maxUnavailable, `${at}.maxUnavailable`), ...amountErrors(maxSurge, `${at}.maxSurge`));
  // Exactly one of the two: either a node goes without for a moment, or it has two.
  if (isNoAmount(maxUnavailable) && isNoAmount(maxSurge)) errors.push(requiredField(`${at}.maxUnavailable`, "cannot be 0 when maxSurge is 0"));
  if (!isNoAmount(maxUnavailable) && !isNoAmount(maxSurge))
    errors.push(invalidField(`${at}.maxSurge`, maxSurge, "may not be set when maxUnavailable is non-zero"));
  return errors;
}
