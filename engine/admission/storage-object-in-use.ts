import { withMetadata } from "../apimachinery/object-copy.ts";
import { CLAIM_PROTECTION, VOLUME_PROTECTION } from "../resources/storage/protection.ts";
import { isCreateOf, type AdmissionPlugin } from "./admission.ts";

/** From their first moment, claims and volumes cannot vanish under those who use them. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: "StorageObjectInUseProtection",
  mutate(attributes) {
    const finalizer = isCreateOf(attributes, "", "persistentvolumeclaims") ? CLAIM_PROTECTION : isCreateOf(attributes, "", "persistentvolumes") ? VOLUME_PROTECTION : undefined;
    const { object } = attributes;
    const present = object.metadata.finalizers ?? [];
    return finalizer === undefined || present.includes(finalizer) ? object : withMetadata(object, { finalizers: [...present, finalizer] });
  },
};
