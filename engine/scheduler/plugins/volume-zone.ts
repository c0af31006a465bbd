import { REGION_LABEL, ZONE_LABEL } from "../../apimachinery/known-labels.ts";
import type { Node, PersistentVolume } from "../../resources/types.ts";
import type { FilterPlugin } from "../plugin.ts";
import type { PodStorage } from "../pod-storage.ts";

/** Labels that bind a volume to a place, and what a node of old may call them. */
const PLACES: Readonly<Record<string, string>> = {
  [ZONE_LABEL]: "failure-domain.beta.kubernetes.io/zone",
  [REGION_LABEL]: "failure-domain.beta.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone": ZONE_LABEL,
  "failure-domain.beta.kubernetes.io/region": REGION_LABEL,
};

/** Volumes with a zone in their labels are reached from nodes of that zone; a label can name several, with `__` between. */
export const volumeZone: FilterPlugin<PodStorage | undefined> = {
  name: "VolumeZone",
  prepare: (pod) => pod.storage,
  test: (_pod, { node }, storage) =>
    storage === undefined || storage.bound.every((volume) => isNear(volume, node)) ? undefined : ["node(s) had no available volume zone"],
  wokenBy: (event) => event.is === "node-added" || event.is === "node-changed" || event.is === "storage-changed",
};

function isNear({ metadata }: PersistentVolume, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  // A node without any such label is in no zone, and one-zone clusters have none.
  if (!Object.keys(PLACES).some((key) => labels[key] !== undefined)) return true;
  return Object.entries(PLACES).every(([key, other]) => {
    const wanted = metadata.labels?.[key];
    return wanted === undefined || wanted.split("__").includes(labels[key] ?? labels[other] ?? "");
  });
}
