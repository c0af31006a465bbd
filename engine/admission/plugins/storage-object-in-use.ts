import { withMetadata } from "../../apimachinery/object-copy.ts";
import { ATTRIBUTES_CLASS_PROTECTION, CLAIM_PROTECTION, VOLUME_PROTECTION } from "../../resources/storage/protection.ts";
import { isCreateOf, type AdmissionPlugin } from "../admission.ts";

const FINALIZERS: readonly (readonly [group: string, resource: string, finalizer: string])[] = [
  ["", "persistentvolumeclaims", CLAIM_PROTECTION],
  ["", "persistentvolumes", VOLUME_PROTECTION],
  ["storage.k8s.io", "volumeattributesclasses", ATTRIBUTES_CLASS_PROTECTION],
];

/** From their first moment, claims, volumes and the classes of their attributes cannot vanish under those who use them. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: "StorageObjectInUseProtection",
  mutate(attributes) {
    const finalizer = FINALIZERS.find(([group, resource]) => isCreateOf(attributes, group, resource))?.[2];
    const { object } = attributes;
    const present = object.metadata.finalizers ?? [];
    return finalizer === undefined || present.includes(finalizer) ? object : withMetadata(object, { finalizers: [...present, finalizer] });
  },
};
