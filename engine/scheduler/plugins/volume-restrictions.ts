import { podClaims } from "../../resources/pod-claims.ts";
import type { NodeInfo, PodInfo } from "../node-info.ts";
import type { FilterPlugin } from "../plugin.ts";

/** A claim for one pod alone keeps every other pod waiting, wherever that one is. The state says whether such a claim is taken. */
export const volumeRestrictions: FilterPlugin<boolean> = {
  name: "VolumeRestrictions",
  prepare: isTaken,
  test: (_pod, _node, taken) => (taken ? ["node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"] : undefined),
  wokenBy: (event, { pod }) => event.is === "storage-changed" || (event.is === "pod-removed" && event.pod.pod.metadata.namespace === pod.metadata.namespace),
};

function isTaken({ pod, storage, key }: PodInfo, nodes: readonly NodeInfo[]): boolean {
  if (storage === undefined || storage.exclusive.size === 0) return false;
  return nodes.some(({ pods }) =>
    pods.some(
      (other) =>
        other.key !== key &&
        other.pod.metadata.namespace === pod.metadata.namespace &&
        podClaims(other.pod).some(({ claimName }) => storage.exclusive.has(claimName)),
    ),
  );
}
