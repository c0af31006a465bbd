import { forbiddenField, invalidField, invalidFields, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelProblems } from "../../apimachinery/names.ts";
import { annotationErrors, labelErrors } from "../../apimachinery/object-meta-validation.ts";
import { formatLabelSelector } from "../../apimachinery/selectors.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn, templateColumns } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { statefulSetWarnings } from "../warnings/kind-warnings.ts";
import { withTemplateDefaults } from "../pod-template.ts";
import { replicaScale } from "../replica-scale.ts";
import type { PersistentVolumeClaim, PodTemplateSpec, StatefulSet, StatefulSetStatus, Volume } from "../types.ts";
import { amountErrors, isNoAmount } from "../validation/amounts.ts";
import { validateClaimSpec } from "../validation/claim.ts";
import { endlessErrors, validateAnyTemplate } from "../validation/pod-spec.ts";
import { collisionErrors } from "./replica-counts.ts";
import { validateSelected } from "./selector-validation.ts";

export const statefulSetResource = defineResource<StatefulSet>({
  group: "apps",
  version: "v1",
  resource: "statefulsets",
  kind: "StatefulSet",
  namespaced: true,
  shortNames: ["sts"],
  categories: ["all"],
  schema: () => loadSchema("apps/v1/stateful-set.yaml"),
  strategy: {
    hasGeneration: true,
    setDefaults: withDefaults,
    prepareForCreate: (set) => ({ ...set, status: { replicas: 0, availableReplicas: 0 } }),
    nameRule: "dnsLabel",
    validateNew: ({ spec }) => specErrors(spec, "new"),
    validateUpdate: (set, old) => [...updateErrors(set.spec, old.spec), ...(jsonEqual(fixedPart(set), fixedPart(old)) ? [] : [forbiddenField("spec", FIXED)])],
    validateStatusUpdate: (set, old) => validateStatus(set.status ?? { replicas: 0 }, old.status),
    warnings: statefulSetWarnings,
  },
  subresources: [{ name: "status" }, replicaScale<StatefulSet>(({ spec }) => formatLabelSelector(spec.selector))],
  columns: [
    nameColumn,
    { name: "Ready", type: "string", description: "Ready pods of all wanted.", cell: (set) => `${set.status?.readyReplicas ?? 0}/${set.spec.replicas ?? 1}` },
    ageColumn,
    ...templateColumns<StatefulSet>((set) => ({ spec: set.spec.template.spec, selector: set.spec.selector })).filter((column) => column.name !== "Selector"),
  ],
});

const FIXED =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

/** Everything that pods and claims which exist already depend on. */
function fixedPart({ spec }: StatefulSet): object {
  const {
    replicas: _r,
    ordinals: _o,
    template: _t,
    updateStrategy: _u,
    revisionHistoryLimit: _h,
    persistentVolumeClaimRetentionPolicy: _p,
    minReadySeconds: _m,
    ...fixed
  } = spec;
  return fixed;
}

function withDefaults(set: StatefulSet): StatefulSet {
  const { spec } = set;
  const strategy = spec.updateStrategy;
  // Who says the type says the bounds as well, or has none.
  const updateStrategy =
    strategy?.type === undefined ? { type: "RollingUpdate" as const, rollingUpdate: { partition: 0, ...strategy?.rollingUpdate } } : strategy;
  const { volumeClaimTemplates: claims } = spec;
  return {
    ...set,
    spec: {
      ...spec,
      updateStrategy,
      template: withTemplateDefaults(spec.template),
      ...(claims === undefined ? {} : { volumeClaimTemplates: claims.map(withClaimDefaults) }),
    },
  };
}

/** Templates are claims in full, and read as those that will be made from them. */
function withClaimDefaults(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  return { ...claim, apiVersion: "v1", kind: "PersistentVolumeClaim", status: { phase: "Pending", ...claim.status } };
}

/** What cannot be changed any more is not judged again, and a template only if the one before it was good. */
function updateErrors(spec: StatefulSet["spec"], old: StatefulSet["spec"]): FieldError[] {
  const errors = specErrors(spec, "kept");
  return errors.length > 0 && specErrors(old, "kept").length > 0 ? specErrors(spec, "spoilt") : errors;
}

/** `spoilt` is a set whose spec was not good before: its template stays as it is. */
function specErrors(spec: StatefulSet["spec"], since: "new" | "kept" | "spoilt"): FieldError[] {
  const errors: FieldError[] = [];
  const { podManagementPolicy: policy, serviceName, selector, template, volumeClaimTemplates: claims = [], ordinals } = spec;
  if (policy !== "OrderedReady" && policy !== "Parallel") errors.push(invalidField("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'"));
  errors.push(...validateStrategy(spec.updateStrategy ?? {}));
  for (const field of ["whenDeleted", "whenScaled"] as const) {
    const kept = spec.persistentVolumeClaimRetentionPolicy?.[field];
    if (kept !== undefined && kept !== "Retain" && kept !== "Delete")
      errors.push(unsupportedValue(`spec.persistentVolumeClaimRetentionPolicy.${field}`, kept, ["Retain", "Delete"]));
  }
  if (since === "new") errors.push(...claims.flatMap((claim, index) => validateClaimSpec(claim.spec ?? {}, `spec.volumeClaimTemplates[${index}].spec`)));
  for (const [field, count] of [
    ["replicas", spec.replicas],
    ["minReadySeconds", spec.minReadySeconds],
    ["ordinals.start", ordinals?.start],
  ] as const) {
    if ((count ?? 0) < 0) errors.push(invalidField(`spec.${field}`, count, "must be greater than or equal to 0"));
  }
  if (since === "new" && serviceName) errors.push(...invalidFields("spec.serviceName", serviceName, dnsLabelProblems(serviceName)));
  const templateErrors = () => [
    ...(since === "spoilt" ? [] : validateAnyTemplate(asPods(template, claims), "spec.template")),
    ...labelErrors(template.metadata?.labels ?? {}, "spec.template.labels"),
    ...annotationErrors(template.metadata?.annotations ?? {}, "spec.template.annotations"),
  ];
  errors.push(...validateSelected(selector, template, "statefulset", templateErrors));
  return [...errors, ...endlessErrors(template.spec ?? { containers: [] }, "spec.template.spec", "StatefulSet")];
}

/** The template as its pods will be: with names of the set's own, and its claims in place of volumes of their names. */
function asPods(template: PodTemplateSpec, claims: readonly PersistentVolumeClaim[]): PodTemplateSpec {
  if (template.spec === undefined) return template;
  const { subdomain: _subdomain, hostname: _hostname, volumes = [], ...spec } = template.spec;
  const names = new Set(claims.map(({ metadata }) => metadata.name ?? ""));
  const claimed: Volume[] = [...names].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...template, spec: { ...spec, volumes: [...claimed, ...volumes.filter(({ name }) => !names.has(name))] } };
}

function validateStrategy(strategy: NonNullable<StatefulSet["spec"]["updateStrategy"]>): FieldError[] {
  const { type, rollingUpdate } = strategy;
  if (type !== "RollingUpdate" && type !== "OnDelete") return [invalidField("spec.updateStrategy", strategy, "must be 'RollingUpdate' or 'OnDelete'")];
  if (rollingUpdate === undefined) return [];
  const at = "spec.updateStrategy.rollingUpdate";
  if (type === "OnDelete") return [invalidField(at, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'")];
  const { maxUnavailable, partition = 0 } = rollingUpdate;
  return [
    ...(partition < 0 ? [invalidField(`${at}.partition`, partition, "must be greater than or equal to 0")] : []),
    ...amountErrors(maxUnavailable, `${at}.maxUnavailable`),
    ...(maxUnavailable !== undefined && isNoAmount(maxUnavailable) ? [invalidField(`${at}.maxUnavailable`, maxUnavailable, "cannot be 0")] : []),
  ];
}

function validateStatus(status: StatefulSetStatus, old: StatefulSetStatus | undefined): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"] as const) {
    if ((status[field] ?? 0) > status.replicas) errors.push(invalidField(`status.${field}`, status[field], "cannot be greater than status.replicas"));
  }
  if ((status.availableReplicas ?? 0) > (status.readyReplicas ?? 0))
    errors.push(invalidField("status.availableReplicas", status.availableReplicas, "cannot be greater than status.readyReplicas"));
  return [...errors, ...collisionErrors(status, old)];
}
