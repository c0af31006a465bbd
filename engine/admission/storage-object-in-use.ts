import { withMetadata } from "../apimachinery/object-copy.ts";
import { isCreateOf, type AdmissionPlugin } from "./admission.ts";

/** Finalizers that the protection controllers take away when nobody uses the object any more. */
export const CLAIM_PROTECTION = "kubernetes.io/pvc-protection";
export const VOLUME_PROTECTION = "kubernetes.io/pv-protection";

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
