import { forbiddenField, invalidField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { labelErrors } from "../../apimachinery/object-meta-validation.ts";
import { formatLabelSelector } from "../../apimachinery/selectors.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn, templateColumns } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { statefulSetWarnings } from "../warnings/kind-warnings.ts";
import { withTemplateDefaults } from "../pod-template.ts";
import { replicaScale } from "../replica-scale.ts";
import type { PersistentVolumeClaim, StatefulSet, StatefulSetStatus } from "../types.ts";
import { amountErrors, isNoAmount } from "../validation/amounts.ts";
import { validateSelector } from "./selector-validation.ts";

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
    validate: validateStatefulSet,
    validateUpdate: (set, old) => (jsonEqual(fixedPart(set), fixedPart(old)) ? [] : [forbiddenField("spec", FIXED)]),
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

const FIXED = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

/** Everything that pods and claims which exist already depend on. */
function fixedPart({ spec }: StatefulSet): object {
  const { replicas: _r, ordinals: _o, template: _t, updateStrategy: _u, revisionHistoryLimit: _h, persistentVolumeClaimRetentionPolicy: _p, minReadySeconds: _m, ...fixed } = spec;
  return fixed;
}

function withDefaults(set: StatefulSet): StatefulSet {
  const { spec } = set;
  const strategy = spec.updateStrategy;
  const updateStrategy = strategy?.type === "OnDelete" ? strategy : { ...strategy, rollingUpdate: { partition: 0, ...strategy?.rollingUpdate } };
  const { volumeClaimTemplates: claims } = spec;
  return { ...set, spec: { ...spec, updateStrategy, template: withTemplateDefaults(spec.template), ...(claims === undefined ? {} : { volumeClaimTemplates: claims.map(withClaimDefaults) }) } };
}

/** Templates are claims in full, and read as those that will be made from them. */
function withClaimDefaults(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  return { ...claim, apiVersion: "v1", kind: "PersistentVolumeClaim", status: { phase: "Pending", ...claim.status } };
}

/** The pod template is judged loosely, as upstream does: mounts may name volumes that only the claims provide. */
function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
  const errors: FieldError[] = [];
  const policy = spec.podManagementPolicy;
  if (policy !== "OrderedReady" && policy !== "Parallel") errors.push(invalidField("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'"));
  errors.push(...validateStrategy(spec.updateStrategy ?? {}), ...validateSelector(spec.selector, spec.template, "statefulset"));
  errors.push(...labelErrors(spec.template.metadata?.labels ?? {}, "spec.template.labels"));
  const { restartPolicy = "Always", activeDeadlineSeconds } = spec.template.spec ?? {};
  if (restartPolicy !== "Always") errors.push(unsupportedValue("spec.template.spec.restartPolicy", restartPolicy, ["Always"]));
  if (activeDeadlineSeconds !== undefined) errors.push(forbiddenField("spec.template.spec.activeDeadlineSeconds", "activeDeadlineSeconds in StatefulSet is not Supported"));
  return errors;
}

function validateStrategy(strategy: NonNullable<StatefulSet["spec"]["updateStrategy"]>): FieldError[] {
  const { type, rollingUpdate } = strategy;
  if (type !== "RollingUpdate" && type !== "OnDelete") return [invalidField("spec.updateStrategy", strategy, "must be 'RollingUpdate' or 'OnDelete'")];
  if (rollingUpdate === undefined) return [];
  const at = "spec.updateStrategy.rollingUpdate";
  if (type === "OnDelete") return [invalidField(at, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'")];
  const { maxUnavailable } = rollingUpdate;
  return [...amountErrors(maxUnavailable, `${at}.maxUnavailable`), ...(isNoAmount(maxUnavailable) ? [invalidField(`${at}.maxUnavailable`, maxUnavailable, "cannot be 0")] : [])];
}

function validateStatus(status: StatefulSetStatus, old: StatefulSetStatus | undefined): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"] as const) {
    if ((status[field] ?? 0) > status.replicas) errors.push(invalidField(`status.${field}`, status[field], "cannot be greater than status.replicas"));
  }
  if ((status.availableReplicas ?? 0) > (status.readyReplicas ?? 0)) errors.push(invalidField("status.availableReplicas", status.availableReplicas, "cannot be greater than status.readyReplicas"));
  if ((status.collisionCount ?? 0) < (old?.collisionCount ?? 0)) errors.push(invalidField("status.collisionCount", status.collisionCount ?? 0, "cannot be decremented"));
  return errors;
}
