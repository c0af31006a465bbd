import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type { PersistentVolume, StorageClass } from "../types.ts";

/** Who makes volumes out of folders of the node that needs them. */
export const LOCAL_PATH_PROVISIONER = "mainstay.dev/local-path";
export const PROVISIONED_BY_ANNOTATION = "pv.kubernetes.io/provisioned-by";
/** On a claim: the node that the scheduler has chosen for its first pod. */
export const SELECTED_NODE_ANNOTATION = "volume.kubernetes.io/selected-node";
/** Label of a volume: the node that has its folder, whose agent follows its volumes by it. */
export const LOCAL_PATH_NODE_LABEL = "mainstay.dev/local-path-node";
/** On a Node: the folder below which its agent makes volumes. */
export const VOLUMES_FOLDER_ANNOTATION = "mainstay.dev/volumes-folder";
/** Keeps a volume until the agent of its node has deleted its folder. */
export const LOCAL_PATH_FINALIZER = "mainstay.dev/local-path-folder";

/** Claims that name no class get a folder on the node that their first pod is scheduled to. */
export const localPathClass: StorageClass & KubeObject = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: "local-path", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
  provisioner: LOCAL_PATH_PROVISIONER,
  reclaimPolicy: "Delete",
  volumeBindingMode: "WaitForFirstConsumer",
  allowVolumeExpansion: true,
};

/** Whether the volume is a folder that the agent of its node makes and deletes. */
export function isLocalPathVolume({ metadata, spec }: PersistentVolume): boolean {
  return metadata.annotations?.[PROVISIONED_BY_ANNOTATION] === LOCAL_PATH_PROVISIONER && spec?.local !== undefined;
}
