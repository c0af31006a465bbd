import { CLASS_ANNOTATION } from "../resources/access-modes.ts";
import { isDefaultClass, storageClassResource } from "../resources/storage/storage-class.ts";
import type { PersistentVolumeClaim, StorageClass } from "../resources/types.ts";
import { isCreateOf, type AdmissionPlugin } from "./admission.ts";

/** Claims that say nothing about a class get the default one, if there is one. An empty class is something said: none. */
export const defaultStorageClass: AdmissionPlugin = {
  name: "DefaultStorageClass",
  async mutate(attributes, reader) {
    if (!isCreateOf(attributes, "", "persistentvolumeclaims")) return attributes.object;
    const claim = attributes.object as PersistentVolumeClaim; // isCreateOf
    if (claim.metadata.annotations?.[CLASS_ANNOTATION] !== undefined || claim.spec?.storageClassName !== undefined) return attributes.object;
    const chosen = chooseDefaultClass(await reader.list(storageClassResource, ""));
    return chosen === undefined ? attributes.object : { ...attributes.object, spec: { ...claim.spec, storageClassName: chosen.metadata.name } };
  },
};

/** Of several defaults the newest, so that who sets a new one need not unset the old one first; of equally new ones the first by name. Pure. */
export function chooseDefaultClass(classes: readonly StorageClass[]): StorageClass | undefined {
  const rank = ({ metadata }: StorageClass) => metadata.creationTimestamp ?? "";
  return classes.filter(isDefaultClass).sort((a, b) => (rank(a) === rank(b) ? ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1) : rank(a) > rank(b) ? -1 : 1))[0];
}
