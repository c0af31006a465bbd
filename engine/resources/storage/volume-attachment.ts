import { forbiddenField, invalidField, invalidFields, requiredField, tooLong, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainProblems } from "../../apimachinery/names.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { ALL_METADATA, defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { VolumeAttachment, VolumeAttachmentSource, VolumeAttachmentStatus } from "../types.ts";
import { driverNameErrors } from "../validation/driver-name.ts";
import { validateVolumeSpec } from "../validation/persistent-volume.ts";

const METADATA_BYTES_MAX = 256 * 1024;

export const volumeAttachmentResource = defineResource<VolumeAttachment>({
  group: "storage.k8s.io",
  version: "v1",
  resource: "volumeattachments",
  kind: "VolumeAttachment",
  namespaced: false,
  schema: () => loadSchema("storage.k8s.io/v1/volume-attachment.yaml"),
  strategy: {
    metadataOnUpdate: "new",
    unconditionalUpdate: false,
    prepareForCreate: (attachment) => ({ ...attachment, status: { attached: false } }),
    validate: validateAttachment,
    validateUpdate: (attachment, old) => (jsonEqual(attachment.spec, old.spec) ? [] : [invalidField("spec", attachment.spec, "field is immutable")]),
    validateStatusUpdate: ({ status }) => statusErrors(status),
  },
  subresources: [{ name: "status", keeps: ALL_METADATA }],
  columns: [
    nameColumn,
    { name: "Attacher", type: "string", format: "name", description: "Driver that attaches it.", cell: (attachment) => attachment.spec.attacher },
    { name: "PV", type: "string", description: "The volume.", cell: (attachment) => attachment.spec.source.persistentVolumeName ?? "" },
    { name: "Node", type: "string", description: "The node.", cell: (attachment) => attachment.spec.nodeName },
    { name: "Attached", type: "boolean", description: "Whether it is attached.", cell: (attachment) => attachment.status?.attached ?? false },
    ageColumn,
  ],
});

function validateAttachment({ spec, status }: VolumeAttachment): FieldError[] {
  return [
    ...driverNameErrors(spec.attacher, "spec.attacher"),
    ...sourceErrors(spec.source),
    ...invalidFields("spec.nodeName", spec.nodeName, dnsSubdomainProblems(spec.nodeName)),
    ...statusErrors(status),
  ];
}

function sourceErrors({ inlineVolumeSpec, persistentVolumeName }: VolumeAttachmentSource): FieldError[] {
  const choice = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
  if (inlineVolumeSpec !== undefined && persistentVolumeName !== undefined) return [forbiddenField("spec.source", choice)];
  if (inlineVolumeSpec !== undefined) return validateVolumeSpec(inlineVolumeSpec, "spec.source.inlineVolumeSpec", "", true);
  if (persistentVolumeName === undefined) return [requiredField("spec.source", choice)];
  const at = "spec.source.persistentVolumeName";
  return [
    ...(persistentVolumeName === "" ? [requiredField(at, "must specify non empty persistentVolumeName")] : []),
    ...invalidFields(at, persistentVolumeName, dnsSubdomainProblems(persistentVolumeName)),
  ];
}

function statusErrors(status: VolumeAttachmentStatus | undefined): FieldError[] {
  const bytes = Object.entries(status?.attachmentMetadata ?? {}).reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  const errors = bytes > METADATA_BYTES_MAX ? [tooLong("status.attachmentMetadata", METADATA_BYTES_MAX)] : [];
  for (const field of ["attachError", "detachError"] as const) {
    const code = status?.[field]?.errorCode;
    if (code !== undefined && code < 0) errors.push(invalidField(`status.${field}.errorCode`, code, "must be between 0 and 2147483647, inclusive"));
  }
  return errors;
}
