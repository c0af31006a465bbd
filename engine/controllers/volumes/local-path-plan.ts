import { withMetadata } from "../../apimachinery/object-copy.ts";
import { isConditionTrue } from "../../apimachinery/conditions.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { persistentVolumeClaimResource } from "../../resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../resources/core/persistent-volume.ts";
import {
  LOCAL_PATH_FINALIZER,
  LOCAL_PATH_NODE_LABEL,
  LOCAL_PATH_PROVISIONER,
  PROVISIONED_BY_ANNOTATION,
  SELECTED_NODE_ANNOTATION,
  VOLUMES_FOLDER_ANNOTATION,
} from "../../resources/storage/local-path.ts";
import type { Node, PersistentVolume, PersistentVolumeClaim, StorageClass } from "../../resources/types.ts";
import { create, tell, update, type Action } from "../define-controller.ts";
import { referenceTo } from "./claim-plan.ts";

const SERVABLE_MODES = ["ReadWriteOnce", "ReadWriteOncePod"];
const HOSTNAME = "kubernetes.io/hostname";

/**
 * A new volume for a claim: a folder on the node that its pod was given, or, where nothing waits for a pod, on a node that is up. The node's
 * agent makes the folder when the first pod mounts it, and deletes it with the volume. Pure.
 */
export function planLocalPath(
  claim: PersistentVolumeClaim & KubeObject,
  storageClass: StorageClass,
  nodes: readonly Node[],
  selectedNode: Node | undefined,
  selected: string | undefined,
): readonly Action[] {
  const fail = (why: string) =>
    tell(claim, "Warning", "ProvisioningFailed", `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${why}`);
  const modes = claim.spec?.accessModes ?? [];
  if (!modes.every((mode) => SERVABLE_MODES.includes(mode))) return [fail(`a folder of one node serves ${SERVABLE_MODES.join(" and ")} only`)];
  if (claim.spec?.volumeMode === "Block") return [fail("a folder is no block device")];
  if (claim.spec?.dataSource !== undefined || claim.spec?.dataSourceRef !== undefined) return [fail("a folder cannot be made from a data source")];
  const node = selected === undefined ? nodes.filter(canServe).sort(byName)[0] : selectedNode;
  const folder = node?.metadata.annotations?.[VOLUMES_FOLDER_ANNOTATION];
  if (node === undefined || folder === undefined) {
    const why = fail(selected === undefined ? "no node is up that keeps volumes" : `node "${selected}" is gone or keeps no volumes`);
    if (selected === undefined) return [why];
    // The scheduler chooses again.
    const { [SELECTED_NODE_ANNOTATION]: _gone, ...annotations } = claim.metadata.annotations ?? {};
    return [why, update(persistentVolumeClaimResource, withMetadata(claim, { annotations }))];
  }
  const name = `pvc-${claim.metadata.uid}`;
  const volume: PersistentVolume & KubeObject = {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: {
      name,
      labels: { [LOCAL_PATH_NODE_LABEL]: node.metadata.name ?? "" },
      annotations: { [PROVISIONED_BY_ANNOTATION]: LOCAL_PATH_PROVISIONER },
      finalizers: [LOCAL_PATH_FINALIZER],
    },
    spec: {
      capacity: { storage: claim.spec?.resources?.requests?.["storage"] ?? "0" },
      accessModes: [...modes],
      volumeMode: "Filesystem",
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? "Delete",
      storageClassName: storageClass.metadata.name ?? "",
      claimRef: referenceTo(claim),
      local: { path: `${folder}/${name}` },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: HOSTNAME, operator: "In", values: [node.metadata.labels?.[HOSTNAME] ?? node.metadata.name ?? ""] }] },
          ],
        },
      },
    },
  };
  return [create(persistentVolumeResource, volume), tell(claim, "Normal", "ProvisioningSucceeded", `Successfully provisioned volume ${name}`)];
}

function canServe({ metadata, spec, status }: Node): boolean {
  return metadata.annotations?.[VOLUMES_FOLDER_ANNOTATION] !== undefined && spec?.unschedulable !== true && isConditionTrue(status?.conditions, "Ready");
}

function byName(a: Node, b: Node): number {
  return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
}
