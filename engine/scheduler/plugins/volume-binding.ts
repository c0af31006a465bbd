import { doesNodeReach } from "../../resources/storage/volume-matching.ts";
import type { Node } from "../../resources/types.ts";
import { chooseVolumes } from "../bind-volumes.ts";
import type { FilterPlugin } from "../plugin.ts";
import type { DelayedClaim, PodStorage } from "../pod-storage.ts";

/** The node must reach the volumes that the pod's claims have, and the other claims must be able to get one there. */
export const volumeBinding: FilterPlugin<PodStorage | undefined> = {
  name: "VolumeBinding",
  prepare: (pod) => pod.storage,
  refuse: (_pod, storage) => storage?.problem,
  test: (_pod, { node }, storage) => {
    if (storage === undefined) return undefined;
    // Asked without the refusal before, as preemption does: no room that others leave would help.
    if (storage.problem !== undefined) return [storage.problem];
    const reasons = [
      ...(storage.bound.every((volume) => doesNodeReach(volume, node)) ? [] : ["node(s) didn't match PersistentVolume's node affinity"]),
      ...(chooseVolumes(storage.delayed, node) === undefined ? [describeLack(storage.delayed, node)] : []),
    ];
    return reasons.length === 0 ? undefined : reasons;
  },
  wokenBy: (event) => event.is === "node-added" || event.is === "node-changed" || event.is === "storage-changed",
};

function describeLack(delayed: readonly DelayedClaim[], node: Node): string {
  const isFull =
    chooseVolumes(
      delayed.map((claim) => ({ ...claim, capacities: undefined })),
      node,
    ) !== undefined;
  return isFull ? "node(s) did not have enough free storage" : "node(s) didn't find available persistent volumes to bind";
}
