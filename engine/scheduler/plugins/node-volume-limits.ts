import { objectKey } from "../../apimachinery/object-meta.ts";
import { claimClassName } from "../../resources/core/persistent-volume-claim.ts";
import { podClaims } from "../../resources/pod-claims.ts";
import type { Pod } from "../../resources/types.ts";
import type { FilterPlugin } from "../plugin.ts";
import type { StorageFacts } from "../pod-storage.ts";

interface AttachedVolume {
  readonly driver: string;
  readonly id: string;
}

interface State {
  readonly facts: StorageFacts;
  /** Of the pod; at least one. */
  readonly wanted: readonly AttachedVolume[];
}

/**
 * A driver attaches no more volumes to a node than the node's CSINode says. A volume counts once, however many pods use it, and before it is made.
 * Some drivers want no pods where they are not.
 */
export const nodeVolumeLimits: FilterPlugin<State | undefined> = {
  name: "NodeVolumeLimits",
  prepare: ({ pod, storage }) => {
    const wanted = storage === undefined ? [] : volumesOf(pod, storage.facts);
    return storage === undefined || wanted.length === 0 ? undefined : { facts: storage.facts, wanted };
  },
  test: (_pod, node, state) => {
    if (state === undefined) return undefined;
    const { facts, wanted } = state;
    const drivers = facts.csiNode(node.name)?.spec.drivers ?? [];
    const missing = wanted.find(
      ({ driver }) => facts.csiDriver(driver)?.spec.preventPodSchedulingIfMissing === true && !drivers.some(({ name }) => name === driver),
    );
    if (missing !== undefined) return [`${missing.driver} CSI driver is not installed on the node`];
    const limited = drivers.filter(({ name, allocatable }) => allocatable?.count !== undefined && wanted.some(({ driver }) => driver === name));
    if (limited.length === 0) return undefined; // what is there need not be counted
    const present = node.pods.flatMap((other) => volumesOf(other.pod, facts));
    const isOver = limited.some(({ name, allocatable }) => {
      const idsOf = (volumes: readonly AttachedVolume[]) => volumes.flatMap(({ driver, id }) => (driver === name ? [id] : []));
      const [there, together] = [new Set(idsOf(present)), new Set(idsOf([...present, ...wanted]))];
      return together.size > there.size && together.size > (allocatable?.count ?? Infinity);
    });
    return isOver ? ["node(s) exceed max volume count"] : undefined;
  },
  wokenBy: (event) => event.is === "node-added" || event.is === "pod-removed" || event.is === "storage-changed",
};

function volumesOf(pod: Pod, facts: StorageFacts): readonly AttachedVolume[] {
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
