import type { Client } from "../../engine/client/client.ts";
import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { KeyedLocks } from "../../engine/lib/keyed-locks.ts";
import { persistentVolumeClaimResource } from "../../engine/resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../engine/resources/core/persistent-volume.ts";
import type { Node, Service } from "../../engine/resources/types.ts";
import type { ContentAge, FollowedContent } from "../pods/followed-content.ts";
import type { ExclusiveClaims } from "./exclusive-claims.ts";
import { executeExpansion } from "./expand-volume.ts";
import type { DriverVolumes, VolumeSources } from "./volume-plugin.ts";

export interface VolumeSourcesParts extends Pick<VolumeSources, "token" | "volumesDir" | "nodeName"> {
  readonly client: Client;
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly content: Pick<FollowedContent, "configMap" | "secret">;
  readonly services: () => readonly Service[];
  /** As it was seen last. */
  readonly node: () => Node | undefined;
  readonly hostIps: readonly string[];
  readonly csi: DriverVolumes;
  readonly exclusiveClaims: ExclusiveClaims;
}

/** Where volumes of this node's pods get from what they hold, for a pod with these addresses. */
export function createVolumeSources(parts: VolumeSourcesParts): (podIps: readonly string[], age: ContentAge) => VolumeSources {
  const { client, clock, events, content, services, node, hostIps, token, volumesDir, nodeName, csi, exclusiveClaims } = parts;
  const expansions = new KeyedLocks();
  return (podIps, age) => ({
    configMap: (namespace, name) => content.configMap(namespace, name, age),
    secret: (namespace, name) => content.secret(namespace, name, age),
    services,
    podIps,
    hostIps,
    allocatable: node()?.status?.allocatable ?? {},
    token,
    claim: (namespace, name) => client.for(persistentVolumeClaimResource).get(namespace, name),
    persistentVolume: (name) => client.for(persistentVolumeResource).get("", name),
    volumesDir,
    nodeName,
    nowMs: () => clock.now(),
    takeExclusively: (pod, claimName) => exclusiveClaims.take(pod, claimName),
    csi,
    expand: (pod, claimed, plan, grow) =>
      expansions.run([claimed.persistent.metadata.name ?? ""], () => executeExpansion({ client, events, clock }, pod, claimed, plan, grow)),
  });
}
