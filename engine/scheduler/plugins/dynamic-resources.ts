import { objectKey } from "../../apimachinery/object-meta.ts";
import { deviceClaimKeys } from "../../resources/device/pod-device-claims.ts";
import type { PodDevices } from "../devices/pod-devices.ts";
import { normalise, type ClusterEvent, type FilterPlugin, type ScorePlugin } from "../plugin.ts";
import type { PodInfo } from "../node-info.ts";
import { jsonEqual } from "../../lib/freeze.ts";

export const DYNAMIC_RESOURCES = "DynamicResources";

/** The node must reach the devices that the pod's claims have, and have free ones for the others. */
export const dynamicResources: FilterPlugin<PodDevices | undefined> = {
  name: DYNAMIC_RESOURCES,
  prepare: (pod) => pod.devices,
  refuse: (_pod, devices) => devices?.problem,
  test: (_pod, node, devices) => {
    if (devices === undefined) return undefined;
    // Asked without the refusal before, as preemption does: no room that others leave would help.
    if (devices.problem !== undefined) return [devices.problem];
    const found = devices.on(node);
    return found.is === "available" ? undefined : [found.why];
  },
  wokenBy: (event, pod) =>
    event.is === "node-added" ||
    event.is === "node-changed" ||
    event.is === "devices-changed" ||
    event.is === "device-classes-changed" ||
    (event.is === "claim-changed" && mayHelp(event, pod)),
};

/** Prefers nodes where the pod gets the better of the alternatives it names. */
export const dynamicResourcesScore: ScorePlugin = {
  name: DYNAMIC_RESOURCES,
  weight: 2,
  score: ({ devices }, candidates) => (devices === undefined ? undefined : normalise(candidates.map(({ name }) => devices.score(name)))),
};

/** Devices that come free may be anybody's; other news of a claim are for its own pods. */
function mayHelp({ old, claim }: Extract<ClusterEvent, { is: "claim-changed" }>, { pod }: PodInfo): boolean {
  if (old?.status?.allocation !== undefined && claim.status?.allocation === undefined) return true;
  return deviceClaimKeys(pod).includes(objectKey(claim)) && (old === undefined || !jsonEqual(old.status, claim.status));
}
