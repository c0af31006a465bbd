import { compareQuantities } from "../../apimachinery/quantity.ts";
import { forbidden } from "../../apimachinery/status-error.ts";
import { claimClassName } from "../../resources/core/persistent-volume-claim.ts";
import { storageClassResource } from "../../resources/storage/storage-class.ts";
import type { PersistentVolumeClaim } from "../../resources/types.ts";
import { isKind, type AdmissionPlugin } from "../admission.ts";

/** A claim may grow only when it has a volume and its class says that volumes grow; whoever provides them makes it true, in its own time. */
export const persistentVolumeClaimResize: AdmissionPlugin = {
  name: "PersistentVolumeClaimResize",
  async validate(attributes, reader) {
    if (attributes.operation !== "UPDATE" || attributes.subresource !== undefined || !isKind(attributes, "", "persistentvolumeclaims")) return;
    const claim = attributes.object as PersistentVolumeClaim; // isKind
    const old = attributes.old as PersistentVolumeClaim; // an update has one
    const size = (of: PersistentVolumeClaim) => of.spec?.resources?.requests?.["storage"] ?? "0";
    if (compareQuantities(size(claim), size(old)) <= 0) return;
    const refuse = (why: string) => forbidden(attributes.definition, attributes.name, why);
    if (old.status?.phase !== "Bound") throw refuse("Only bound persistent volume claims can be expanded");
    const className = claimClassName(claim);
    const chosen = className === "" || className !== claimClassName(old) ? undefined : await reader.get(storageClassResource, "", className);
    if (chosen?.allowVolumeExpansion !== true)
      throw refuse("only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize");
  },
};
