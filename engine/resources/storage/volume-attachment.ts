import { forbiddenField, invalidField, invalidFields, requiredField, tooLong, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainProblems } from "../../apimachinery/names.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { ALL_METADATA, defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import type { VolumeAttachment } from "../types.ts";
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
    unconditionalUpdate: false,
    prepareForCreate: (attachment) => ({ ...attachment, status: { attached: false } }),
    validate: validateAttachment,
    validateUpdate: (attachment, old) => (jsonEqual(attachment.spec, old.spec) ? [] : [invalidField("spec", attachment.spec, "field is immutable")]),
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
  const errors = driverNameErrors(spec.attacher, "spec.attacher");
  const { inlineVolumeSpec, persistentVolumeName } = spec.source;
  const choice = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
  if (inlineVolumeSpec === undefined && persistentVolumeName === undefined) errors.push(requiredField("spec.source", choice));
  if (inlineVolumeSpec !== undefined && persistentVolumeName !== undefined) errors.push(forbiddenField("spec.source", choice));
  if (persistentVolumeName === "") errors.push(requiredField("spec.source.persistentVolumeName", "must specify non empty persistentVolumeName"));
  else if (persistentVolumeName !== undefined) errors.push(...invalidFields("spec.source.persistentVolumeName", persistentVolumeName, dnsSubdomainProblems(persistentVolumeName)));
  if (inlineVolumeSpec !== undefined) errors.push(...validateVolumeSpec(inlineVolumeSpec, "spec.source.inlineVolumeSpec", "", true));
  errors.push(...invalidFields("spec.nodeName", spec.nodeName, dnsSubdomainProblems(spec.nodeName)));
  const bytes = Object.entries(status?.attachmentMetadata ?? {}).reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (bytes > METADATA_BYTES_MAX) errors.push(tooLong("status.attachmentMetadata", METADATA_BYTES_MAX));
  return errors;
}
