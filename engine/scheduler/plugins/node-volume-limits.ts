import { objectKey } from "../../apimachinery/object-meta.ts";
import { claimClassName } from "../../resources/core/persistent-volume-claim.ts";
import { podClaims } from "../../resources/pod-claims.ts";
import type { Pod } from "../../resources/types.ts";
import type { FilterPlugin } from "../plugin.ts";
import type { PodStorage, StorageFacts } from "../pod-storage.ts";

/**
 * A driver attaches no more volumes to a node than the node's CSINode says. A volume counts once, however many pods use it, and before it is made.
 * Some drivers want no pods where they are not.
 */
export const nodeVolumeLimits: FilterPlugin<PodStorage | undefined> = {
  name: "NodeVolumeLimits",
  prepare: (pod) => (pod.storage === undefined || volumesOf(pod.pod, pod.storage.facts).length === 0 ? undefined : pod.storage),
  test: ({ pod }, node, storage) => {
    if (storage === undefined) return undefined;
    const { facts } = storage;
    const drivers = facts.csiNode(node.name)?.spec.drivers ?? [];
    const own = volumesOf(pod, facts);
    const missing = own.find(({ driver }) => facts.csiDriver(driver)?.spec.preventPodSchedulingIfMissing === true && !drivers.some(({ name }) => name === driver));
    if (missing !== undefined) return [`${missing.driver} CSI driver is not installed on the node`];
    const present = new Map(node.pods.flatMap((other) => volumesOf(other.pod, facts)).map((volume) => [volume.id, volume.driver]));
    const added = own.filter(({ id }) => !present.has(id));
    const isOver = drivers.some(({ name, allocatable }) => {
      const count = [...present.values()].filter((driver) => driver === name).length;
      const more = new Set(added.filter(({ driver }) => driver === name).map(({ id }) => id)).size;
      return allocatable?.count !== undefined && more > 0 && count + more > allocatable.count;
    });
    return isOver ? ["node(s) exceed max volume count"] : undefined;
  },
  wokenBy: (event) => event.is === "node-added" || event.is === "pod-removed" || event.is === "storage-changed",
};

function volumesOf(pod: Pod, facts: StorageFacts): readonly { readonly driver: string; readonly id: string }[] {
  return podClaims(pod).flatMap(({ claimName }) => {
    const claim = facts.claim(pod.metadata.namespace ?? "", claimName);
    const name = claim?.spec?.volumeName;
    if (claim === undefined || name) {
      const csi = name ? facts.volume(name)?.spec?.csi : undefined;
      return csi === undefined ? [] : [{ driver: csi.driver, id: `${csi.driver}^${csi.volumeHandle}` }];
    }
    const driver = facts.storageClass(claimClassName(claim))?.provisioner;
    return driver === undefined ? [] : [{ driver, id: `${driver}^claim ${objectKey(claim)}` }];
  });
}
