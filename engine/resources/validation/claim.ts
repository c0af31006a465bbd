import { forbiddenField, invalidField, invalidFields, requiredField, thenErrors, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelProblems, dnsSubdomainProblems, qualifiedNameProblems } from "../../apimachinery/names.ts";
import { compareQuantities, parseQuantity, wholeValue } from "../../apimachinery/quantity.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec, TypedObjectReference } from "../types.ts";
import { validateLabelSelector } from "./scheduling.ts";

const ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class";

/** Rules for what a claim asks for; also for the claims that pods and StatefulSets make. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.accessModes ?? []).length === 0) errors.push(requiredField(`${path}.accessModes`, "at least 1 access mode is required"));
  if (spec.selector !== undefined) errors.push(...validateLabelSelector(spec.selector, `${path}.selector`));
  errors.push(...validateAccessModes(spec.accessModes ?? [], `${path}.accessModes`));
  const size = spec.resources?.requests?.["storage"];
  const sizeAt = `${path}.resources[storage]`;
  if (size === undefined) errors.push(requiredField(sizeAt));
  else if (parseQuantity(size) <= 0) errors.push(invalidField(sizeAt, size, "must be greater than zero"));
  errors.push(...classErrors(spec.storageClassName, `${path}.storageClassName`));
  if (spec.dataSource !== undefined) errors.push(...sourceErrors(spec.dataSource, `${path}.dataSource`));
  if (spec.dataSourceRef !== undefined) errors.push(...sourceErrors(spec.dataSourceRef, `${path}.dataSourceRef`));
  if (spec.dataSource !== undefined && spec.dataSourceRef !== undefined) {
    const { namespace, ...ref } = spec.dataSourceRef;
    if (namespace) errors.push(invalidField(path, `${path}.dataSource`, "may not be specified when dataSourceRef.namespace is specified"));
    else if (!jsonEqual(spec.dataSource, ref)) errors.push(invalidField(path, `${path}.dataSource`, "must match dataSourceRef"));
  }
  errors.push(...classErrors(spec.volumeAttributesClassName, `${path}.volumeAttributesClassName`));
  return errors;
}

/** What volumes and claims have in common: known ways to be mounted, and the one for a single pod only by itself. */
export function validateAccessModes(modes: readonly string[], path: string): FieldError[] {
  const errors = modes.filter((mode) => !ACCESS_MODES.includes(mode)).map((mode) => unsupportedValue(path, mode, ACCESS_MODES));
  const known = modes.filter((mode) => ACCESS_MODES.includes(mode));
  if (known.includes("ReadWriteOncePod") && known.some((mode) => mode !== "ReadWriteOncePod"))
    errors.push(forbiddenField(path, "may not use ReadWriteOncePod with other access modes"));
  return errors;
}

/** Once made, a claim may only be given its volume, a class it had none of, and, while bound, another size or class of attributes. */
export function validateClaimUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const errors: FieldError[] = [];
  const at = "spec.resources.requests.storage";
  const size = storageOf(claim.spec) ?? "0";
  const oldAnnotation = old.metadata.annotations?.[CLASS_ANNOTATION];
  const isUpgrade = oldAnnotation !== undefined && old.spec?.storageClassName === undefined && claim.spec?.storageClassName === oldAnnotation;
  const annotation = claim.metadata.annotations?.[CLASS_ANNOTATION];
  if (annotation !== oldAnnotation && !(isUpgrade && annotation === undefined))
    errors.push(invalidField(`metadata.annotations.${CLASS_ANNOTATION}`, annotation ?? "", "field is immutable"));
  const changed = changedFields(comparable(claim, old), old.spec ?? {});
  if (changed.length > 0)
    errors.push(
      forbiddenField(
        "spec",
        `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims; changed: ${changed.join(", ")}`,
      ),
    );
  if (compareQuantities(size, storageOf(old.spec) ?? 0) < 0 && compareQuantities(size, old.status?.capacity?.["storage"] ?? 0) <= 0) {
    errors.push(forbiddenField(at, "field can not be less than status.capacity"));
  }
  if ((claim.spec?.volumeMode ?? "Filesystem") !== (old.spec?.volumeMode ?? "Filesystem"))
    errors.push(invalidField("volumeMode", claim.spec?.volumeMode, "field is immutable"));
  const [attributes, oldAttributes] = [claim.spec?.volumeAttributesClassName, old.spec?.volumeAttributesClassName];
  // Before the first class has been put into effect, there is nothing to hold on to.
  if (attributes !== oldAttributes && !attributes && old.status?.currentVolumeAttributesClassName !== undefined) {
    errors.push(
      forbiddenField(
        "spec.volumeAttributesClassName",
        `update to ${attributes === undefined ? "nil" : "empty string"} is forbidden when status.currentVolumeAttributesClassName is not nil`,
      ),
    );
  }
  return errors;
}

export function validateClaimStatusUpdate({ status = {} }: PersistentVolumeClaim): FieldError[] {
  const { capacity = {}, allocatedResources = {}, allocatedResourceStatuses = {} } = status;
  const errors = Object.entries(capacity).flatMap(([name, amount]) => basicAmountErrors(amount, `status.capacity[${name}]`));
  for (const [name, state] of Object.entries(allocatedResourceStatuses)) {
    const at = "status.allocatedResourceStatuses";
    errors.push(...resourceKeyErrors(name, at), ...(RESIZES.includes(state) ? [] : [unsupportedValue(at, name, RESIZES)]));
  }
  for (const [name, amount] of Object.entries(allocatedResources)) {
    const at = "status.allocatedResources";
    errors.push(...thenErrors(resourceKeyErrors(name, at), () => basicAmountErrors(amount, `${at}[${name}]`)));
  }
  return errors;
}

const RESIZES = ["ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"].sort();

function basicAmountErrors(amount: string, at: string): FieldError[] {
  return parseQuantity(amount) < 0 ? [invalidField(at, wholeValue(amount), "must be a valid resource quantity")] : [];
}

/** Of the system's own resources, a claim has storage alone. */
function resourceKeyErrors(name: string, at: string): FieldError[] {
  const problems = qualifiedNameProblems(name);
  if (problems.length > 0) return invalidFields(at, name, problems);
  return name === "storage" || (name.includes("/") && !name.includes("kubernetes.io/")) ? [] : [unsupportedValue(at, name, ["storage"])];
}

/** The new spec with the old one's values wherever a change is allowed or judged elsewhere. */
function comparable(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): PersistentVolumeClaimSpec {
  const spec = claim.spec ?? {};
  const isBound = claim.status?.phase === "Bound";
  const oldClass = old.metadata.annotations?.[CLASS_ANNOTATION];
  const mayGetClass =
    old.spec?.storageClassName === undefined && spec.storageClassName !== undefined && (oldClass === undefined || oldClass === spec.storageClassName);
  return {
    ...spec,
    ...(old.spec?.volumeName ? {} : { volumeName: old.spec?.volumeName }),
    ...(mayGetClass ? { storageClassName: undefined } : {}),
    ...(isBound ? { resources: { ...spec.resources, requests: { ...spec.resources?.requests, storage: storageOf(old.spec) ?? "0" } } } : {}),
    ...(isBound ? { volumeAttributesClassName: old.spec?.volumeAttributesClassName } : {}),
  };
}

function changedFields(spec: PersistentVolumeClaimSpec, old: PersistentVolumeClaimSpec): string[] {
  const fields = new Set([...Object.keys(spec), ...Object.keys(old)]) as Set<keyof PersistentVolumeClaimSpec>; // both are claims' specs
  return [...fields]
    .filter((field) => (field === "resources" ? !sameAmounts(spec.resources, old.resources) : !jsonEqual(spec[field] ?? null, old[field] ?? null)))
    .sort();
}

type Amounts = Readonly<Record<string, string>>;

/** Texts such as 1Gi and 1024Mi say the same. */
function sameAmounts(left: PersistentVolumeClaimSpec["resources"], right: PersistentVolumeClaimSpec["resources"]): boolean {
  const isSame = (a: Amounts = {}, b: Amounts = {}) =>
    Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, amount]) => compareQuantities(amount, b[name] ?? -1) === 0);
  return isSame(left?.requests, right?.requests) && isSame(left?.limits, right?.limits);
}

const storageOf = (spec: PersistentVolumeClaimSpec | undefined) => spec?.resources?.requests?.["storage"];

function classErrors(name: string | undefined, path: string): FieldError[] {
  return name ? invalidFields(path, name, dnsSubdomainProblems(name)) : [];
}

function sourceErrors(source: TypedObjectReference, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!source.name) errors.push(requiredField(`${path}.name`));
  if (!source.kind) errors.push(requiredField(`${path}.kind`));
  if (!source.apiGroup && source.kind !== "PersistentVolumeClaim")
    errors.push(invalidField(path, source.kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  if (source.apiGroup) errors.push(...invalidFields(`${path}.apiGroup`, source.apiGroup, dnsSubdomainProblems(source.apiGroup)));
  if (source.namespace) errors.push(...invalidFields(`${path}.namespace`, source.namespace, dnsLabelProblems(source.namespace)));
  return errors;
}
