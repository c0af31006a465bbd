import { forbiddenField, invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { Affinity, Pod, PodSpec, Toleration } from "../types.ts";
import { annotationChangeErrors } from "./pod-annotations.ts";

const CHANGEABLE =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/** What may change of a pod that exists: little, because its node has begun to act on the rest. While it is gated, where it may run can still be narrowed. */
export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const { spec } = pod;
  const annotations = annotationChangeErrors(pod.metadata.annotations ?? {}, old.metadata.annotations ?? {});
  if (spec.containers.length !== old.spec.containers.length)
    return [...annotations, forbiddenField("spec.containers", "pod updates may not add or remove containers")];
  if ((spec.initContainers ?? []).length !== (old.spec.initContainers ?? []).length)
    return [...annotations, forbiddenField("spec.initContainers", "pod updates may not add or remove containers")];
  const isGated = (old.spec.schedulingGates ?? []).length > 0;
  const errors = [
    ...annotations,
    ...deadlineErrors(spec, old.spec),
    ...tolerationErrors(spec, old.spec),
    ...gateErrors(spec, old.spec),
    ...(isGated ? narrowingErrors(spec, old.spec) : []),
  ];
  const changed = changedFields(withChangeable(spec, old.spec, isGated), old.spec);
  return changed.length === 0 ? errors : [...errors, forbiddenField("spec", `${CHANGEABLE}; changed: ${changed.join(", ")}`)];
}

/** The new spec with the old one's values wherever a change is judged elsewhere. */
function withChangeable(spec: PodSpec, old: PodSpec, isGated: boolean): PodSpec {
  return {
    ...spec,
    containers: spec.containers.map((container, index) => ({ ...container, image: old.containers[index]?.image })),
    initContainers: spec.initContainers?.map((container, index) => ({ ...container, image: old.initContainers?.[index]?.image })),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    tolerations: old.tolerations,
    schedulingGates: old.schedulingGates,
    ...(spec.terminationGracePeriodSeconds === 1 && (old.terminationGracePeriodSeconds ?? 0) < 0
      ? { terminationGracePeriodSeconds: old.terminationGracePeriodSeconds }
      : {}),
    ...(isGated ? { nodeSelector: old.nodeSelector, affinity: withNodeAffinityOf(spec.affinity, old.affinity) } : {}),
  };
}

function withNodeAffinityOf(affinity: Affinity | undefined, old: Affinity | undefined): Affinity | undefined {
  const merged: Affinity = { ...affinity, nodeAffinity: old?.nodeAffinity };
  return Object.values(merged).every((part) => part === undefined) ? old && {} : merged;
}

function changedFields(spec: PodSpec, old: PodSpec): string[] {
  const fields = new Set([...Object.keys(spec), ...Object.keys(old)]) as Set<keyof PodSpec>; // both are PodSpecs
  return [...fields].filter((field) => !jsonEqual(plain(spec[field]), plain(old[field]))).sort();
}

/** Leaves out what is undefined, and takes an empty object or list for an absent one. */
function plain(value: unknown): unknown {
  const text = JSON.stringify(value);
  return text === undefined || text === "{}" || text === "[]" ? undefined : (JSON.parse(text) as unknown);
}

function deadlineErrors({ activeDeadlineSeconds: seconds }: PodSpec, { activeDeadlineSeconds: old }: PodSpec): FieldError[] {
  if (old === undefined || seconds === old) return [];
  if (seconds === undefined) return [invalidField("spec.activeDeadlineSeconds", undefined, "must not update from a positive integer to nil value")];
  return seconds > old ? [invalidField("spec.activeDeadlineSeconds", seconds, "must be less than or equal to previous value")] : [];
}

function tolerationErrors(spec: PodSpec, old: PodSpec): FieldError[] {
  const lasting = ({ tolerationSeconds: _seconds, ...rest }: Toleration) => rest;
  const isKept = (toleration: Toleration) => (spec.tolerations ?? []).some((candidate) => jsonEqual(lasting(candidate), lasting(toleration)));
  return (old.tolerations ?? []).every(isKept)
    ? []
    : [forbiddenField("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")];
}

function gateErrors(spec: PodSpec, old: PodSpec): FieldError[] {
  const known = new Set((old.schedulingGates ?? []).map((gate) => gate.name));
  return (spec.schedulingGates ?? []).flatMap((gate, index) =>
    known.has(gate.name)
      ? []
      : [forbiddenField(`spec.schedulingGates[${index}].name`, `only deletion is allowed, but found new scheduling gate '${gate.name}'`)],
  );
}

/** A gated pod may be given fewer nodes to run on, never others. */
function narrowingErrors(spec: PodSpec, old: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  const keepsLabels = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => spec.nodeSelector?.[key] === value);
  if (!keepsLabels)
    errors.push(invalidField("spec.nodeSelector", spec.nodeSelector ?? {}, "only additions are allowed to spec.nodeSelector (no mutations or deletions)"));
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const oldTerms = old.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (oldTerms === undefined) return errors;
  const at = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  if (terms?.length !== oldTerms.length)
    return [...errors, invalidField(at, terms ?? [], "no additions/deletions to non-empty NodeSelectorTerms list are allowed")];
  for (const [index, oldTerm] of oldTerms.entries()) {
    for (const field of ["matchExpressions", "matchFields"] as const) {
      const kept = (oldTerm[field] ?? []).every((requirement) => (terms[index]?.[field] ?? []).some((candidate) => jsonEqual(candidate, requirement)));
      if (!kept) errors.push(invalidField(`${at}[${index}]`, terms[index], "only additions are allowed (no mutations or deletions)"));
    }
  }
  return errors;
}
