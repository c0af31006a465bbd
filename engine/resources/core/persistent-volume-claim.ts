import { canonicalQuantity } from "../../apimachinery/quantity.ts";
import { accessModesText, CLASS_ANNOTATION } from "../access-modes.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { claimSpecWarnings } from "../warnings/claim-warnings.ts";
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from "../types.ts";
import { validateClaimSpec, validateClaimStatusUpdate, validateClaimUpdate } from "../validation/claim.ts";

export const persistentVolumeClaimResource = defineResource<PersistentVolumeClaim>({
  group: "",
  version: "v1",
  resource: "persistentvolumeclaims",
  kind: "PersistentVolumeClaim",
  namespaced: true,
  shortNames: ["pvc"],
  schema: () => loadSchema("core/v1/persistent-volume-claim.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    setDefaults: (claim) => (claim.status === undefined || claim.status.phase ? claim : { ...claim, status: { ...claim.status, phase: "Pending" } }),
    prepareForCreate: (claim) => ({ ...withSpec(claim), status: { phase: "Pending" } }),
    prepareForUpdate: withSpec,
    validate: (claim) => validateClaimSpec(claim.spec ?? {}, "spec"),
    validateUpdate: validateClaimUpdate,
    validateStatusUpdate: validateClaimStatusUpdate,
    warnings: (claim) => [...annotationWarnings(claim), ...claimSpecWarnings(claim.spec, "spec")],
  },
  subresources: [{ name: "status" }],
  columns: [
    nameColumn,
    {
      name: "Status",
      type: "string",
      description: "Whether it has a volume.",
      cell: (claim) => (claim.metadata.deletionTimestamp === undefined ? (claim.status?.phase ?? "") : "Terminating"),
    },
    { name: "Volume", type: "string", description: "The volume.", cell: (claim) => claim.spec?.volumeName ?? "" },
    {
      name: "Capacity",
      type: "string",
      description: "Size of the volume.",
      cell: (claim) => (claim.spec?.volumeName ? canonicalQuantity(claim.status?.capacity?.["storage"] ?? "0") : ""),
    },
    {
      name: "Access Modes",
      type: "string",
      description: "How the volume can be mounted.",
      cell: (claim) => (claim.spec?.volumeName ? accessModesText(claim.status?.accessModes) : ""),
    },
    { name: "StorageClass", type: "string", description: "Class that it asks for.", cell: claimClassName },
    {
      name: "VolumeAttributesClass",
      type: "string",
      description: "Class of changeable attributes.",
      cell: (claim) => claim.spec?.volumeAttributesClassName ?? "<unset>",
    },
    ageColumn,
    { name: "VolumeMode", type: "string", priority: 1, description: "File system or raw device.", cell: (claim) => claim.spec?.volumeMode ?? "<unset>" },
  ],
});

/** The class a claim asks for, by the field or by the annotation of old; empty for volumes without a class. */
export function claimClassName(claim: PersistentVolumeClaim): string {
  return claim.metadata.annotations?.[CLASS_ANNOTATION] ?? claim.spec?.storageClassName ?? "";
}

function withSpec(claim: PersistentVolumeClaim, old?: PersistentVolumeClaim): PersistentVolumeClaim {
  return claim.spec === undefined ? claim : { ...claim, spec: withBothSources(withKnownSources(claim.spec, old?.spec)) };
}

/**
 * The old field for a source alone never took more than claims and snapshots, and the new one takes nothing from another namespace: what is
 * there is dropped, unless it was there before.
 */
function withKnownSources(
  { dataSource, dataSourceRef, ...rest }: PersistentVolumeClaimSpec,
  old: PersistentVolumeClaimSpec | undefined,
): PersistentVolumeClaimSpec {
  const keepsRef = dataSourceRef !== undefined && (!dataSourceRef.namespace || old?.dataSourceRef !== undefined);
  const isKnown =
    (dataSource?.kind === "PersistentVolumeClaim" && !dataSource.apiGroup) ||
    (dataSource?.kind === "VolumeSnapshot" && dataSource.apiGroup === "snapshot.storage.k8s.io");
  const keepsSource = dataSource !== undefined && (isKnown || keepsRef || old?.dataSource !== undefined);
  return { ...rest, ...(keepsSource ? { dataSource } : {}), ...(keepsRef ? { dataSourceRef } : {}) };
}

/** The old field for a source and the new one say the same, so each is filled from the other. */
function withBothSources(spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined && dataSourceRef === undefined) return { ...spec, dataSourceRef: dataSource };
  if (dataSource !== undefined || dataSourceRef === undefined || dataSourceRef.namespace) return spec;
  const { namespace: _none, ...reference } = dataSourceRef;
  return { ...spec, dataSource: reference };
}

function annotationWarnings(claim: PersistentVolumeClaim): string[] {
  return claim.metadata.annotations?.[CLASS_ANNOTATION] === undefined
    ? []
    : [`metadata.annotations[${CLASS_ANNOTATION}]: deprecated since v1.8; use "storageClassName" attribute instead`];
}
