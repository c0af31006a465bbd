import { canonicalQuantity } from "../../apimachinery/quantity.ts";
import { accessModesText, CLASS_ANNOTATION } from "../access-modes.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { termWarnings } from "../warnings/node-label-warnings.ts";
import type { PersistentVolume } from "../types.ts";
import { validateVolumeSpec, validateVolumeUpdate } from "../validation/persistent-volume.ts";

export const persistentVolumeResource = defineResource<PersistentVolume>({
  group: "",
  version: "v1",
  resource: "persistentvolumes",
  kind: "PersistentVolume",
  namespaced: false,
  shortNames: ["pv"],
  schema: () => loadSchema("core/v1/persistent-volume.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    setDefaults: withDefaults,
    prepareForCreate: (volume) => ({
      ...volume,
      status: { phase: "Pending", ...(volume.metadata.creationTimestamp === undefined ? {} : { lastPhaseTransitionTime: volume.metadata.creationTimestamp }) },
    }),
    withTimes: withTransitionTime,
    validate: ({ metadata, spec }) => validateVolumeSpec(spec ?? {}, "spec", metadata.name ?? ""),
    validateUpdate: validateVolumeUpdate,
    warnings: volumeWarnings,
  },
  subresources: [{ name: "status" }],
  columns: [
    nameColumn,
    { name: "Capacity", type: "string", description: "Its size.", cell: (volume) => canonicalQuantity(volume.spec?.capacity?.["storage"] ?? "0") },
    { name: "Access Modes", type: "string", description: "How it can be mounted.", cell: (volume) => accessModesText(volume.spec?.accessModes) },
    {
      name: "Reclaim Policy",
      type: "string",
      description: "What becomes of it when its claim goes.",
      cell: (volume) => volume.spec?.persistentVolumeReclaimPolicy ?? "",
    },
    {
      name: "Status",
      type: "string",
      description: "Whether it is in use.",
      cell: (volume) => (volume.metadata.deletionTimestamp === undefined ? (volume.status?.phase ?? "") : "Terminating"),
    },
    {
      name: "Claim",
      type: "string",
      description: "Claim that has it.",
      cell: ({ spec }) => (spec?.claimRef === undefined ? "" : `${spec.claimRef.namespace ?? ""}/${spec.claimRef.name ?? ""}`),
    },
    { name: "StorageClass", type: "string", description: "Class it belongs to.", cell: volumeClassName },
    {
      name: "VolumeAttributesClass",
      type: "string",
      description: "Class of changeable attributes.",
      cell: (volume) => volume.spec?.volumeAttributesClassName ?? "<unset>",
    },
    { name: "Reason", type: "string", description: "Why it is as it is.", cell: (volume) => volume.status?.reason ?? "" },
    ageColumn,
    { name: "VolumeMode", type: "string", priority: 1, description: "File system or raw device.", cell: (volume) => volume.spec?.volumeMode ?? "<unset>" },
  ],
});

/** Who reports another phase without saying since when has seen it begin; who reports the same one need not know when it began. */
function withTransitionTime(volume: PersistentVolume, { status: old = {} }: PersistentVolume, nowText: string): PersistentVolume {
  const { status = {} } = volume;
  const isSame = status.phase === old.phase;
  if (isSame ? status.lastPhaseTransitionTime !== undefined : (status.lastPhaseTransitionTime ?? old.lastPhaseTransitionTime) !== old.lastPhaseTransitionTime)
    return volume;
  const lastPhaseTransitionTime = isSame ? old.lastPhaseTransitionTime : nowText;
  return lastPhaseTransitionTime === undefined ? volume : { ...volume, status: { ...status, lastPhaseTransitionTime } };
}

/** Of volumes that have no object of their own the spec is as it was written, so its schema has no defaults. */
function withDefaults(volume: PersistentVolume): PersistentVolume {
  const { spec, status } = volume;
  return {
    ...volume,
    ...(spec === undefined
      ? {}
      : { spec: { ...spec, persistentVolumeReclaimPolicy: spec.persistentVolumeReclaimPolicy || "Retain", volumeMode: spec.volumeMode ?? "Filesystem" } }),
    ...(status === undefined || status.phase ? {} : { status: { ...status, phase: "Pending" } }),
  };
}

/** The class a volume belongs to, by the field or by the annotation of old. */
export function volumeClassName(volume: PersistentVolume): string {
  return volume.metadata.annotations?.[CLASS_ANNOTATION] ?? volume.spec?.storageClassName ?? "";
}

const GONE_SOURCES: Readonly<Record<string, string>> = {
  cephfs: "deprecated in v1.28, non-functional in v1.31+",
  rbd: "deprecated in v1.28, non-functional in v1.31+",
  glusterfs: "deprecated in v1.25, non-functional in v1.26+",
  scaleIO: "deprecated in v1.16, non-functional in v1.22+",
  storageos: "deprecated in v1.22, non-functional in v1.25+",
  photonPersistentDisk: "deprecated in v1.11, non-functional in v1.16+",
};

function volumeWarnings({ metadata, spec }: PersistentVolume): string[] {
  const warnings: string[] = [];
  if (metadata.annotations?.[CLASS_ANNOTATION] !== undefined)
    warnings.push(`metadata.annotations[${CLASS_ANNOTATION}]: deprecated since v1.8; use "storageClassName" attribute instead`);
  if (metadata.annotations?.["volume.beta.kubernetes.io/mount-options"] !== undefined)
    warnings.push('metadata.annotations[volume.beta.kubernetes.io/mount-options]: deprecated since v1.31; use "mountOptions" attribute instead');
  if (spec?.persistentVolumeReclaimPolicy === "Recycle")
    warnings.push(
      "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
    );
  warnings.push(
    ...(spec?.nodeAffinity?.required?.nodeSelectorTerms ?? []).flatMap((term, index) =>
      termWarnings(term, `spec.nodeAffinity.required.nodeSelectorTerms[${index}]`, false),
    ),
  );
  for (const [source, sentence] of Object.entries(GONE_SOURCES))
    if (spec?.[source as keyof typeof spec] !== undefined) warnings.push(`spec.${source === "storageos" ? "storageOS" : source}: ${sentence}`);
  return warnings;
}
