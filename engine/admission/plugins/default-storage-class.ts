import { CLASS_ANNOTATION } from "../../resources/access-modes.ts";
import { chooseDefaultClass, storageClassResource } from "../../resources/storage/storage-class.ts";
import type { PersistentVolumeClaim } from "../../resources/types.ts";
import { isCreateOf, type AdmissionPlugin } from "../admission.ts";

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
