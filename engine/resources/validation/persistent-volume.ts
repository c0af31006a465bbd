import path from "node:path";
import { forbiddenField, invalidField, invalidFields, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelProblems, dnsSubdomainProblems } from "../../apimachinery/names.ts";
import { canonicalQuantity, parseQuantity, wholeValue } from "../../apimachinery/quantity.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { CSIPersistentVolumeSource, PersistentVolume, PersistentVolumeSpec, SecretReference } from "../types.ts";
import { validateAccessModes } from "./claim.ts";
import { driverNameErrors } from "./driver-name.ts";
import { validateNodeSelector } from "./scheduling.ts";
import {
  azureDiskErrors,
  azureFileErrors,
  cloudDiskErrors,
  fcErrors,
  flexErrors,
  flockerErrors,
  glusterErrors,
  hostPathErrors,
  iscsiErrors,
  nfsErrors,
  PLAIN_SOURCES,
  quobyteErrors,
  requiredText,
  secretErrors,
  storageOsErrors,
} from "./volume-sources.ts";

/** The fields of a PersistentVolume's spec that say where its data is. */
const VOLUME_SOURCES = [
  "hostPath",
  "gcePersistentDisk",
  "awsElasticBlockStore",
  "glusterfs",
  "flocker",
  "nfs",
  "rbd",
  "quobyte",
  "cephfs",
  "iscsi",
  "cinder",
  "fc",
  "flexVolume",
  "azureFile",
  "vsphereVolume",
  "photonPersistentDisk",
  "portworxVolume",
  "azureDisk",
  "scaleIO",
  "local",
  "storageos",
  "csi",
] as const satisfies readonly (keyof PersistentVolumeSpec)[];

/** Rules for a volume. An inline one stands in a VolumeAttachment and has neither claim nor class. */
export function validateVolumeSpec(spec: PersistentVolumeSpec, at: string, name: string, isInline = false): FieldError[] {
  const errors: FieldError[] = [];
  if (isInline) errors.push(...inlineErrors(spec, at));
  if ((spec.accessModes ?? []).length === 0) errors.push(requiredField(`${at}.accessModes`));
  errors.push(...validateAccessModes(spec.accessModes ?? [], `${at}.accessModes`));
  if (!isInline) errors.push(...capacityErrors(spec, at), ...affinityErrors(spec, at));
  errors.push(...sourceErrors(spec, at, name));
  if (
    spec.hostPath !== undefined &&
    path.posix.normalize(spec.hostPath.path).replace(/(.)\/$/, "$1") === "/" &&
    spec.persistentVolumeReclaimPolicy === "Recycle"
  ) {
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
  if (changed.length > 0)
    errors.push(forbiddenField("spec.persistentvolumesource", `spec.persistentvolumesource is immutable after creation; changed: ${changed.join(", ")}`));
  if ((spec.volumeMode ?? "Filesystem") !== (oldSpec.volumeMode ?? "Filesystem"))
    errors.push(invalidField("volumeMode", spec.volumeMode, "field is immutable"));
  if (oldSpec.nodeAffinity !== undefined && !jsonEqual(spec.nodeAffinity, oldSpec.nodeAffinity))
    errors.push(invalidField("nodeAffinity", spec.nodeAffinity ?? null, "field is immutable"));
  if (oldSpec.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined)
    errors.push(forbiddenField("spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden"));
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
    ...(spec.persistentVolumeReclaimPolicy !== undefined && spec.persistentVolumeReclaimPolicy !== "Retain"
      ? [forbiddenField(`${at}.persistentVolumeReclaimPolicy`, "may only be Retain in the context of inline volumes")]
      : []),
    ...(spec.volumeMode !== undefined && spec.volumeMode !== "Filesystem"
      ? [forbiddenField(`${at}.volumeMode`, "may not specify volumeMode other than Filesystem in the context of inline volumes")]
      : []),
  ];
}

function capacityErrors({ capacity: given }: PersistentVolumeSpec, at: string): FieldError[] {
  const capacity = given ?? {};
  const errors = Object.keys(capacity).length === 0 ? [requiredField(`${at}.capacity`)] : [];
  if (capacity["storage"] === undefined || Object.keys(capacity).length > 1) errors.push(unsupportedValue(`${at}.capacity`, given, ["storage"]));
  for (const [name, amount] of Object.entries(capacity)) {
    if (parseQuantity(amount) < 0) errors.push(invalidField(`${at}.capacity[${name}]`, wholeValue(amount), "must be a valid resource quantity"));
    if (parseQuantity(amount) <= 0) errors.push(invalidField(`${at}.capacity[${name}]`, canonicalQuantity(amount), "must be greater than zero"));
  }
  return errors;
}

function affinityErrors({ nodeAffinity }: PersistentVolumeSpec, at: string): FieldError[] {
  if (nodeAffinity === undefined) return [];
  const { required } = nodeAffinity;
  if (required === undefined) return [requiredField(`${at}.nodeAffinity.required`, "must specify required node constraints")];
  return validateNodeSelector(required, `${at}.nodeAffinity.required`);
}

type Source = (typeof VOLUME_SOURCES)[number];

const SOURCES: { readonly [key in Source]: (source: NonNullable<PersistentVolumeSpec[key]>, at: string, name: string) => FieldError[] } = {
  hostPath: hostPathErrors,
  gcePersistentDisk: (disk, at) => cloudDiskErrors(disk, at.replace(/gcePersistentDisk$/, "persistentDisk"), "pdName"),
  awsElasticBlockStore: (disk, at) => cloudDiskErrors(disk, at, "volumeID"),
  glusterfs: (source, at) => [...glusterErrors(source, at), ...endpointsErrors(source.endpointsNamespace, `${at}.endpointsNamespace`)],
  flocker: flockerErrors,
  nfs: nfsErrors,
  rbd: PLAIN_SOURCES.rbd,
  quobyte: quobyteErrors,
  cephfs: PLAIN_SOURCES.cephfs,
  iscsi: (disk, at, name) => iscsiErrors(disk, at, { name, isPersistent: true }),
  cinder: ({ volumeID, secretRef }, at) => [...requiredText(volumeID, `${at}.volumeID`), ...secretErrors(secretRef, `${at}.secretRef`, true)],
  fc: fcErrors,
  flexVolume: flexErrors,
  azureFile: (share, at) => [...azureFileErrors(share, at), ...(share.secretNamespace === "" ? [requiredField(`${at}.secretNamespace`)] : [])],
  vsphereVolume: PLAIN_SOURCES.vsphereVolume,
  photonPersistentDisk: PLAIN_SOURCES.photonPersistentDisk,
  portworxVolume: PLAIN_SOURCES.portworxVolume,
  azureDisk: azureDiskErrors,
  scaleIO: PLAIN_SOURCES.scaleIO,
  local: hostPathErrors,
  storageos: (source, at) => storageOsErrors(source, at, true),
  csi: csiErrors,
};

function sourceErrors(spec: PersistentVolumeSpec, at: string, name: string): FieldError[] {
  const [first, ...others] = VOLUME_SOURCES.filter((source) => spec[source] !== undefined);
  if (first === undefined) return [requiredField(at, "must specify a volume type")];
  const judge = SOURCES[first] as (source: PersistentVolumeSpec[Source], at: string, name: string) => FieldError[]; // the rule of this very source
  const needsNodes = first === "local" && (spec.nodeAffinity?.required?.nodeSelectorTerms ?? []).length === 0;
  return [
    ...judge(spec[first], `${at}.${first}`, name),
    ...(needsNodes ? [requiredField(`${at}.nodeAffinity`, "Local volume requires node affinity")] : []),
    // A FlexVolume beside another source is not counted, as upstream has it.
    ...others.flatMap((source) =>
      source === "flexVolume" && spec.flexVolume !== undefined
        ? flexErrors(spec.flexVolume, `${at}.flexVolume`)
        : [forbiddenField(`${at}.${source === "cephfs" ? "cephFS" : source}`, "may not specify more than 1 volume type")],
    ),
  ];
}

function endpointsErrors(namespace: string | undefined, at: string): FieldError[] {
  if (namespace === "") return [invalidField(at, namespace, "if the endpointnamespace is set, it must be a valid namespace name")];
  return namespace === undefined ? [] : invalidFields(at, namespace, dnsLabelProblems(namespace));
}

function csiErrors(csi: CSIPersistentVolumeSource, at: string): FieldError[] {
  const errors = [...driverNameErrors(csi.driver, `${at}.driver`), ...requiredText(csi.volumeHandle, `${at}.volumeHandle`)];
  for (const field of ["controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef"] as const) {
    const reference: SecretReference | undefined = csi[field];
    if (reference === undefined) continue;
    const { name, namespace } = reference;
    errors.push(...(name ? invalidFields(`${at}.${field}.name`, name, dnsSubdomainProblems(name)) : [requiredField(`${at}.${field}.name`)]));
    errors.push(
      ...(namespace ? invalidFields(`${at}.${field}.namespace`, namespace, dnsLabelProblems(namespace)) : [requiredField(`${at}.${field}.namespace`)]),
    );
  }
  return errors;
}

function classNameErrors(spec: PersistentVolumeSpec, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.storageClassName) errors.push(...invalidFields(`${at}.storageClassName`, spec.storageClassName, dnsSubdomainProblems(spec.storageClassName)));
  const attributes = spec.volumeAttributesClassName;
  if (attributes === undefined) return errors;
  if (attributes === "") errors.push(requiredField(`${at}.volumeAttributesClassName`, "an empty string is disallowed"));
  else errors.push(...invalidFields(`${at}.volumeAttributesClassName`, attributes, dnsSubdomainProblems(attributes)));
  if (spec.csi === undefined) errors.push(requiredField(`${at}.csi`, "has to be specified when using volumeAttributesClassName"));
  return errors;
}
