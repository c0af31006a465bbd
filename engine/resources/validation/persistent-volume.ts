import path from "node:path";
import { forbiddenField, invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainError } from "../../apimachinery/names.ts";
import { parseQuantity } from "../../apimachinery/quantity.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { CSIPersistentVolumeSource, NodeSelectorTerm, PersistentVolume, PersistentVolumeSpec, SecretReference } from "../types.ts";
import { validateAccessModes } from "./claim.ts";
import { validateNodeTerm } from "./scheduling.ts";

/** The fields of a PersistentVolume's spec that say where its data is. */
export const VOLUME_SOURCES = [
  "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "flocker", "nfs", "rbd", "quobyte", "cephfs", "iscsi", "cinder",
  "fc", "flexVolume", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk", "scaleIO", "local", "storageos", "csi",
] as const satisfies readonly (keyof PersistentVolumeSpec)[];

/** Rules for a volume. An inline one stands in a VolumeAttachment and has neither claim nor class. */
export function validateVolumeSpec(spec: PersistentVolumeSpec, at: string, isInline = false): FieldError[] {
  const errors: FieldError[] = [];
  if (isInline) errors.push(...inlineErrors(spec, at));
  if ((spec.accessModes ?? []).length === 0) errors.push(requiredField(`${at}.accessModes`));
  errors.push(...validateAccessModes(spec.accessModes ?? [], `${at}.accessModes`));
  if (!isInline) errors.push(...capacityErrors(spec, at), ...affinityErrors(spec, at));
  errors.push(...sourceErrors(spec, at));
  if (spec.hostPath !== undefined && path.posix.normalize(spec.hostPath.path).replace(/(.)\/$/, "$1") === "/" && spec.persistentVolumeReclaimPolicy === "Recycle") {
    errors.push(forbiddenField(`${at}.persistentVolumeReclaimPolicy`, "may not be 'recycle' for a hostPath mount of '/'"));
  }
  if (!isInline) errors.push(...classNameErrors(spec, at));
  return errors;
}

/** The data stays where it is: source, mode and, once given, the nodes of a volume are fixed. */
export function validateVolumeUpdate(volume: PersistentVolume, old: PersistentVolume): FieldError[] {
  const errors: FieldError[] = [];
  const spec = volume.spec ?? {};
  const oldSpec = old.spec ?? {};
  const changed = VOLUME_SOURCES.filter((source) => !jsonEqual(comparableSource(spec, oldSpec, source), oldSpec[source]));
  if (changed.length > 0) errors.push(forbiddenField("spec.persistentvolumesource", `spec.persistentvolumesource is immutable after creation; changed: ${changed.join(", ")}`));
  if ((spec.volumeMode ?? "Filesystem") !== (oldSpec.volumeMode ?? "Filesystem")) errors.push(invalidField("volumeMode", spec.volumeMode, "field is immutable"));
  if (oldSpec.nodeAffinity !== undefined && !jsonEqual(spec.nodeAffinity, oldSpec.nodeAffinity)) errors.push(invalidField("nodeAffinity", spec.nodeAffinity ?? null, "field is immutable"));
  if (oldSpec.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined) errors.push(forbiddenField("spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden"));
  return errors;
}

/** Secrets for growing may be named later. */
function comparableSource(spec: PersistentVolumeSpec, old: PersistentVolumeSpec, source: (typeof VOLUME_SOURCES)[number]): unknown {
  if (source !== "csi" || spec.csi === undefined || old.csi === undefined || old.csi.controllerExpandSecretRef !== undefined) return spec[source];
  const { controllerExpandSecretRef: _added, ...rest } = spec.csi;
  return rest;
}

function inlineErrors(spec: PersistentVolumeSpec, at: string): FieldError[] {
  const given = (["claimRef", "capacity", "nodeAffinity", "storageClassName"] as const).filter((field) => spec[field] !== undefined && spec[field] !== "");
  return [
    ...given.map((field) => forbiddenField(`${at}.${field}`, "may not be specified in the context of inline volumes")),
    ...(spec.csi === undefined ? [requiredField(`${at}.csi`, "has to be specified in the context of inline volumes")] : []),
    ...(spec.persistentVolumeReclaimPolicy !== undefined && spec.persistentVolumeReclaimPolicy !== "Retain" ? [forbiddenField(`${at}.persistentVolumeReclaimPolicy`, "may only be Retain in the context of inline volumes")] : []),
    ...(spec.volumeMode !== undefined && spec.volumeMode !== "Filesystem" ? [forbiddenField(`${at}.volumeMode`, "may not specify volumeMode other than Filesystem in the context of inline volumes")] : []),
  ];
}

function capacityErrors({ capacity = {} }: PersistentVolumeSpec, at: string): FieldError[] {
  const errors = Object.keys(capacity).length === 0 ? [requiredField(`${at}.capacity`)] : [];
  if (capacity["storage"] === undefined || Object.keys(capacity).length > 1) errors.push(unsupportedValue(`${at}.capacity`, capacity, ["storage"]));
  for (const [name, amount] of Object.entries(capacity)) if (parseQuantity(amount) <= 0) errors.push(invalidField(`${at}.capacity[${name}]`, amount, "must be greater than zero"));
  return errors;
}

function affinityErrors({ nodeAffinity }: PersistentVolumeSpec, at: string): FieldError[] {
  if (nodeAffinity === undefined) return [];
  const { required } = nodeAffinity;
  if (required === undefined) return [requiredField(`${at}.nodeAffinity.required`, "must specify required node constraints")];
  const terms = required.nodeSelectorTerms as readonly NodeSelectorTerm[] | undefined; // absent in bodies that the schema has not finished with
  const termsAt = `${at}.nodeAffinity.required.nodeSelectorTerms`;
  if ((terms ?? []).length === 0) return [requiredField(termsAt, "must have at least one node selector term")];
  return (terms ?? []).flatMap((term, index) => validateNodeTerm(term, `${termsAt}[${index}]`));
}

function sourceErrors(spec: PersistentVolumeSpec, at: string): FieldError[] {
  const [first, ...others] = VOLUME_SOURCES.filter((source) => spec[source] !== undefined);
  if (first === undefined) return [requiredField(at, "must specify a volume type")];
  const errors = others.map((source) => forbiddenField(`${at}.${source === "cephfs" ? "cephFS" : source}`, "may not specify more than 1 volume type"));
  const { hostPath, local, nfs, csi } = spec;
  if (first === "hostPath" && hostPath !== undefined) errors.push(...pathErrors(hostPath.path, `${at}.hostPath.path`));
  if (first === "local" && local !== undefined) {
    errors.push(...pathErrors(local.path, `${at}.local.path`));
    if ((spec.nodeAffinity?.required?.nodeSelectorTerms ?? []).length === 0) errors.push(requiredField(`${at}.nodeAffinity`, "Local volume requires node affinity"));
  }
  if (first === "nfs" && nfs !== undefined) {
    if (nfs.server === "") errors.push(requiredField(`${at}.nfs.server`));
    if (nfs.path === "") errors.push(requiredField(`${at}.nfs.path`));
    else if (!nfs.path.startsWith("/")) errors.push(invalidField(`${at}.nfs.path`, nfs.path, "must be an absolute path"));
  }
  if (first === "csi" && csi !== undefined) errors.push(...csiErrors(csi, `${at}.csi`));
  return errors;
}

function pathErrors(text: string, at: string): FieldError[] {
  if (text === "") return [requiredField(at)];
  return text.split("/").includes("..") ? [invalidField(at, text, "must not contain '..'")] : [];
}

const DRIVER_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const DRIVER_NAME_MAX = 63;

/** A CSI driver's name: a short DNS subdomain in which letter case does not matter. */
export function driverNameErrors(name: string, at: string): FieldError[] {
  if (name === "") return [requiredField(at)];
  const errors: FieldError[] = name.length > DRIVER_NAME_MAX ? [{ type: "FieldValueTooLong", field: at, message: `Too long: may not be more than ${DRIVER_NAME_MAX} bytes` }] : [];
  const problem = DRIVER_NAME.test(name.toLowerCase()) ? undefined : dnsSubdomainError(name.toLowerCase());
  return problem === undefined ? errors : [...errors, invalidField(at, name, problem)];
}

function csiErrors(csi: CSIPersistentVolumeSource, at: string): FieldError[] {
  const errors = driverNameErrors(csi.driver, `${at}.driver`);
  if (csi.volumeHandle === "") errors.push(requiredField(`${at}.volumeHandle`));
  for (const field of ["controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef"] as const) {
    const reference: SecretReference | undefined = csi[field];
    if (reference === undefined) continue;
    if (!reference.name) errors.push(requiredField(`${at}.${field}.name`));
    if (!reference.namespace) errors.push(requiredField(`${at}.${field}.namespace`));
  }
  return errors;
}

function classNameErrors(spec: PersistentVolumeSpec, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const problem = spec.storageClassName ? dnsSubdomainError(spec.storageClassName) : undefined;
  if (problem !== undefined) errors.push(invalidField(`${at}.storageClassName`, spec.storageClassName, problem));
  const attributes = spec.volumeAttributesClassName;
  if (attributes === undefined) return errors;
  const attributesProblem = attributes === "" ? undefined : dnsSubdomainError(attributes);
  if (attributes === "") errors.push(requiredField(`${at}.volumeAttributesClassName`, "an empty string is disallowed"));
  if (attributesProblem !== undefined) errors.push(invalidField(`${at}.volumeAttributesClassName`, attributes, attributesProblem));
  if (spec.csi === undefined) errors.push(requiredField(`${at}.csi`, "has to be specified when using volumeAttributesClassName"));
  return errors;
}
