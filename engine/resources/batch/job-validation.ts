import { domainPrefixedPathErrors } from "../../apimachinery/domain-prefixed-path.ts";
import { invalidField, requiredField, tooLong, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelError } from "../../apimachinery/names.ts";
import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { withSortedKeys } from "../../lib/sorted-keys.ts";
import { podContainers } from "../pod-containers.ts";
import type { Job, JobSpec, PodTemplateSpec } from "../types.ts";
import { nonNegativeErrors } from "../validation/amounts.ts";
import { validateAnyTemplate } from "../validation/pod-spec.ts";
import { validateLabelSelector } from "../validation/scheduling.ts";
import { JOB_LABELS } from "./job-labels.ts";
import { validatePodFailurePolicy, validateSuccessPolicy } from "./job-policy-validation.ts";

/** Upstream's bounds on Jobs whose status could not be kept otherwise. */
const INDEXED_PARALLELISM_MAX = 100_000;
const FAILED_INDEXES_MAX = 100_000;
const MANY_COMPLETIONS = 100_000;
const MANY_PARALLELISM_MAX = 10_000;
const MANY_FAILED_INDEXES_MAX = 10_000;
const MANAGED_BY_LENGTH_MAX = 63;

export function validateJob(job: Job): FieldError[] {
  const { spec, metadata } = job;
  const errors = [...validateGeneratedSelector(job), ...validateJobSpec(spec, "spec")];
  if (spec.selector === undefined) errors.push(requiredField("spec.selector"));
  const selectorErrors = spec.selector === undefined ? [] : validateLabelSelector(spec.selector, "spec.selector");
  errors.push(...selectorErrors);
  const labels = spec.template.metadata?.labels;
  // No selector selects nothing.
  if (selectorErrors.length === 0 && (spec.selector === undefined || !labelSelectorPredicate(spec.selector)(labels)))
    errors.push(invalidField("spec.template.metadata.labels", withSortedKeys(labels) ?? null, "`selector` does not match template `labels`"));
  if (spec.completionMode === "Indexed" && (spec.completions ?? 0) > 0) {
    // The highest index makes the longest host name.
    const hostname = `${metadata.name}-${(spec.completions ?? 0) - 1}`;
    if (dnsLabelError(hostname) !== undefined)
      errors.push(invalidField("metadata.name", metadata.name, `will not able to create pod with invalid DNS label: ${hostname}`));
  }
  return errors;
}

/** What the server has added for a Job that chooses no selector itself must be there. */
function validateGeneratedSelector({ spec, metadata }: Job): FieldError[] {
  if (spec.manualSelector === true || spec.selector === undefined) return [];
  const { uid = "", name = "" } = metadata;
  const expected = { [JOB_LABELS.controllerUid]: uid, [JOB_LABELS.jobName]: name, [JOB_LABELS.legacyControllerUid]: uid, [JOB_LABELS.legacyJobName]: name };
  const labels = spec.template.metadata?.labels ?? {};
  const errors = [JOB_LABELS.legacyControllerUid, JOB_LABELS.legacyJobName, JOB_LABELS.controllerUid, JOB_LABELS.jobName].flatMap((key) => {
    if (labels[key] === undefined) return [requiredField(`spec.template.metadata.labels[${key}]`, `must be '${expected[key]}'`)];
    return labels[key] === expected[key] ? [] : [invalidField(`spec.template.metadata.labels[${key}]`, labels, `must be '${expected[key]}'`)];
  });
  const isSound = validateLabelSelector(spec.selector, "").length === 0;
  if (isSound && !labelSelectorPredicate(spec.selector)(expected)) errors.push(invalidField("spec.selector", spec.selector, "`selector` not auto-generated"));
  return errors;
}

/** Everything about a Job's spec but its selector, which templates of CronJobs do not have. */
export function validateJobSpec(spec: JobSpec, path: string): FieldError[] {
  const errors = (["backoffLimitPerIndex", "maxFailedIndexes"] as const).flatMap((field) => nonNegativeErrors(spec[field], `${path}.${field}`));
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    errors.push(requiredField(`${path}.backoffLimitPerIndex`, "when maxFailedIndexes is specified"));
  if (spec.managedBy !== undefined)
    errors.push(
      ...domainPrefixedPathErrors(spec.managedBy, `${path}.managedBy`),
      ...(spec.managedBy.length > MANAGED_BY_LENGTH_MAX ? [tooLong(`${path}.managedBy`, MANAGED_BY_LENGTH_MAX)] : []),
    );
  errors.push(...(spec.completionMode === "Indexed" ? indexedErrors(spec, path) : plainErrors(spec, path)));
  if (spec.podFailurePolicy !== undefined) errors.push(...validatePodFailurePolicy(spec, `${path}.podFailurePolicy`));
  if (spec.successPolicy !== undefined) {
    const isIndexed = spec.completionMode === "Indexed";
    errors.push(
      ...(isIndexed
        ? validateSuccessPolicy(spec, `${path}.successPolicy`)
        : [invalidField(`${path}.successPolicy`, spec.successPolicy, "requires indexed completion mode")]),
    );
  }
  if (spec.podFailurePolicy !== undefined && spec.podReplacementPolicy !== undefined && spec.podReplacementPolicy !== "Failed")
    errors.push(unsupportedValue(`${path}.podReplacementPolicy`, spec.podReplacementPolicy, ["Failed"]));
  errors.push(...validateAnyTemplate(spec.template, `${path}.template`));
  const restartPolicy = spec.template.spec?.restartPolicy ?? "Always";
  const at = `${path}.template.spec.restartPolicy`;
  if (restartPolicy === "Always") errors.push(requiredField(at, 'valid values: "OnFailure", "Never"'));
  else if (restartPolicy !== "OnFailure" && restartPolicy !== "Never") errors.push(unsupportedValue(at, restartPolicy, ["OnFailure", "Never"]));
  else if (spec.podFailurePolicy !== undefined && restartPolicy !== "Never")
    errors.push(invalidField(at, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified'));
  return errors;
}

function indexedErrors(spec: JobSpec, path: string): FieldError[] {
  const { completions, parallelism = 1, maxFailedIndexes, backoffLimitPerIndex } = spec;
  const errors: FieldError[] = [];
  if (completions === undefined) errors.push(requiredField(`${path}.completions`, "when completion mode is Indexed"));
  if (parallelism > INDEXED_PARALLELISM_MAX)
    errors.push(invalidField(`${path}.parallelism`, parallelism, `must be less than or equal to ${INDEXED_PARALLELISM_MAX} when completion mode is Indexed`));
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions)
    errors.push(invalidField(`${path}.maxFailedIndexes`, maxFailedIndexes, "must be less than or equal to completions"));
  if (maxFailedIndexes !== undefined && maxFailedIndexes > FAILED_INDEXES_MAX)
    errors.push(invalidField(`${path}.maxFailedIndexes`, maxFailedIndexes, `must be less than or equal to ${FAILED_INDEXES_MAX}`));
  if (completions === undefined || completions <= MANY_COMPLETIONS || backoffLimitPerIndex === undefined) return errors;
  const many = `when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`;
  if (maxFailedIndexes === undefined) errors.push(requiredField(`${path}.maxFailedIndexes`, `must be specified when completions is above ${MANY_COMPLETIONS}`));
  if (parallelism > MANY_PARALLELISM_MAX)
    errors.push(invalidField(`${path}.parallelism`, parallelism, `must be less than or equal to ${MANY_PARALLELISM_MAX} ${many}`));
  if (maxFailedIndexes !== undefined && maxFailedIndexes > MANY_FAILED_INDEXES_MAX)
    errors.push(invalidField(`${path}.maxFailedIndexes`, maxFailedIndexes, `must be less than or equal to ${MANY_FAILED_INDEXES_MAX} ${many}`));
  return errors;
}

function plainErrors(spec: JobSpec, path: string): FieldError[] {
  return (["backoffLimitPerIndex", "maxFailedIndexes"] as const)
    .filter((field) => spec[field] !== undefined)
    .map((field) => invalidField(`${path}.${field}`, spec[field], "requires indexed completion mode"));
}

/** What an update may not change: what pods that exist were counted by. */
export function validateJobUpdate(job: Job, old: Job): FieldError[] {
  const [next, before] = [job.spec, old.spec];
  const errors: FieldError[] = [];
  const isIndexed = next.completionMode === "Indexed";
  if (next.completions !== before.completions && !isIndexed) errors.push(invalidField("spec.completions", next.completions, "field is immutable"));
  if (next.completions !== before.completions && isIndexed && next.completions !== undefined && next.completions !== next.parallelism)
    errors.push(invalidField("spec.completions", next.completions, "can only be modified in tandem with spec.parallelism"));
  if (!jsonEqual(next.selector, before.selector)) errors.push(invalidField("spec.selector", next.selector, "field is immutable"));
  if (!jsonEqual(next.template, withChangeable(before.template, next.template, canReshape(old))))
    errors.push(invalidField("spec.template", next.template, "field is immutable"));
  for (const field of ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] as const) {
    if (!jsonEqual(next[field], before[field])) errors.push(invalidField(`spec.${field}`, next[field], "field is immutable"));
  }
  return errors;
}

/** While a Job is suspended and none of its pods is left, where and with how much it will run can still be decided. */
function canReshape({ spec, status }: Job): boolean {
  const isSuspended = status?.conditions?.some((condition) => condition.type === "Suspended" && condition.status === "True") === true;
  return spec.suspend === true && (status?.startTime === undefined || (isSuspended && (status.active ?? 0) === 0));
}

/** The old template with the new one's values of what may change. */
function withChangeable(old: PodTemplateSpec, next: PodTemplateSpec, mayChange: boolean): PodTemplateSpec {
  if (!mayChange || old.spec === undefined || next.spec === undefined) return old;
  const { nodeSelector: _n, tolerations: _t, schedulingGates: _g, affinity, ...spec } = old.spec;
  const { labels: _l, annotations: _a, ...metadata } = old.metadata ?? {};
  const { nodeAffinity: _na, ...otherAffinity } = affinity ?? {};
  const nodeAffinity = next.spec.affinity?.nodeAffinity;
  const hasAffinity = nodeAffinity !== undefined || Object.keys(otherAffinity).length > 0 || (affinity !== undefined && next.spec.affinity !== undefined);
  const resources = new Map(podContainers(next.spec).map((container) => [container.name, container.resources]));
  const withResources = <C extends { readonly name: string; readonly resources?: unknown }>({ resources: _r, ...container }: C) => ({
    ...container,
    ...(resources.get(container.name) === undefined ? {} : { resources: resources.get(container.name) }),
  });
  return {
    ...old,
    ...(next.metadata === undefined && Object.keys(metadata).length === 0
      ? {}
      : { metadata: { ...metadata, ...defined({ labels: next.metadata?.labels, annotations: next.metadata?.annotations }) } }),
    spec: {
      ...spec,
      ...defined({ nodeSelector: next.spec.nodeSelector, tolerations: next.spec.tolerations, schedulingGates: next.spec.schedulingGates }),
      ...(hasAffinity ? { affinity: { ...otherAffinity, ...defined({ nodeAffinity }) } } : {}),
      containers: spec.containers.map(withResources),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(withResources) }),
    },
  } as PodTemplateSpec; // the same template with some parts of another one
}

function defined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> };
}
