import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { unlessGone } from "../../apimachinery/status-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { persistentVolumeClaimResource } from "../../resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../resources/core/persistent-volume.ts";
import { podClaims } from "../../resources/pod-claims.ts";
import { isAttachmentName } from "../../resources/storage/attachment-name.ts";
import { csiDriverResource } from "../../resources/storage/csi-driver.ts";
import { volumeAttachmentResource } from "../../resources/storage/volume-attachment.ts";
import type { Node, PersistentVolume, Pod, VolumeAttachment } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, read, watch, type ControllerDefinition } from "../define-controller.ts";
import { isPodFinished } from "../pods.ts";
import { planAttachments, type AttachInputs } from "./attach-plan.ts";
import { POD_CLAIM_INDEX, podsByClaim } from "./volume-binding.ts";

const VOLUME_INDEX = "volume";
const NODE_INDEX = "node";

/** Volumes of drivers are attached to the nodes of their pods. The key is the volume's name: what competes for it is decided together. */
export function attachDetachController({ client, clock, informers }: ControllerContext): ControllerDefinition<AttachInputs> {
  const volumes = informers.informer(persistentVolumeResource);
  const claims = informers.informer(persistentVolumeClaimResource);
  const pods = podsByClaim(informers);
  const nodes = informers.informer(nodeResource);
  const drivers = informers.informer(csiDriverResource);
  const attachments = informers.informer(volumeAttachmentResource);
  attachments.addIndex(VOLUME_INDEX, ({ spec }) => (spec.source.persistentVolumeName === undefined ? [] : [spec.source.persistentVolumeName]));
  attachments.addIndex(NODE_INDEX, ({ spec }) => [spec.nodeName]);
  const volumesOf = (pod: Pod) => podClaims(pod).flatMap(({ claimName }) => claims.get(pod.metadata.namespace ?? "", claimName)?.spec?.volumeName ?? []);
  const podsOf = ({ spec, metadata }: PersistentVolume): readonly Pod[] => {
    const { namespace = "", name = "", uid } = spec?.claimRef ?? {};
    const claim = claims.get(namespace, name);
    if (claim === undefined || claim.metadata.uid !== uid || claim.spec?.volumeName !== metadata.name) return [];
    return pods.byIndex(POD_CLAIM_INDEX, `${namespace}/${name}`).filter(usesVolumes);
  };
  /** When the attachments of a volume were first found to be unwanted, by their names. An elected successor begins to count anew, as upstream's does. */
  const unwantedSince = new Map<string, ReadonlyMap<string, number>>();
  return {
    name: "attach-detach",
    component: "attachdetach-controller",
    watches: [
      watch(
        volumes,
        ({ metadata }) => [metadata.name ?? ""],
        (old, volume) => (volume ?? old)?.spec?.csi !== undefined,
      ),
      watch(
        claims,
        ({ spec }) => (spec?.volumeName ? [spec.volumeName] : []),
        (old, claim) => old?.spec?.volumeName !== claim?.spec?.volumeName,
      ),
      watch(
        pods,
        volumesOf,
        (old, pod) => old === undefined || pod === undefined || old.spec.nodeName !== pod.spec.nodeName || usesVolumes(old) !== usesVolumes(pod),
      ),
      watch(attachments, ({ spec }) => (spec.source.persistentVolumeName === undefined ? [] : [spec.source.persistentVolumeName])),
      watch(
        nodes,
        ({ metadata }) => attachments.byIndex(NODE_INDEX, metadata.name ?? "").flatMap(({ spec }) => spec.source.persistentVolumeName ?? []),
        attachmentChanged,
      ),
    ],
    reads: [read(drivers)],
    async observe(name) {
      const volume = volumes.get("", name);
      // Under any other name it is somebody else's to keep and to delete.
      const existing = attachments.byIndex(VOLUME_INDEX, name).filter(({ metadata }) => isAttachmentName(metadata.name ?? ""));
      if (existing.length === 0) unwantedSince.delete(name);
      if (volume?.spec?.csi === undefined && existing.length === 0) return undefined;
      const users = volume === undefined ? [] : podsOf(volume);
      const names = new Set([...users.map(({ spec }) => spec.nodeName ?? ""), ...existing.map(({ spec }) => spec.nodeName)]);
      const unwantedSinceMs = timesUnwanted(existing, users, unwantedSince.get(name), clock.monotonic());
      if (existing.length > 0) unwantedSince.set(name, unwantedSinceMs);
      const driver = volume?.spec?.csi === undefined ? undefined : drivers.get("", volume.spec.csi.driver);
      return {
        volume,
        isAttachable: driver?.spec.attachRequired !== false,
        attachments: existing,
        pods: users,
        nodes: names.size === 0 ? new Map() : await readNodes([...names]),
        unwantedSinceMs,
      };
    },
    plan: (inputs) => planAttachments(inputs, clock.monotonic()),
  };

  /** Fresh: a cache that lags must not take a volume from under a node. */
  async function readNodes(names: readonly string[]): Promise<ReadonlyMap<string, Node>> {
    const found = await Promise.all(names.map(async (name) => [name, await unlessGone(client.for(nodeResource).get("", name))] as const));
    return new Map(found.flatMap(([name, node]) => (node === undefined ? [] : [[name, node] as const])));
  }
}

/** From when it has a node until its containers have ended; one that the node has still to take down uses them. */
function usesVolumes(pod: Pod): boolean {
  const isDown =
    isBeingDeleted(pod) &&
    pod.status?.containerStatuses !== undefined &&
    pod.status.containerStatuses.every(({ state }) => state?.running === undefined && state?.waiting === undefined);
  return Boolean(pod.spec.nodeName) && !isPodFinished(pod) && !isDown;
}

/** Since when no pod on the node wants each attachment: those that are unwanted now, with what was known of them before. */
function timesUnwanted(
  attachments: readonly VolumeAttachment[],
  pods: readonly Pod[],
  before: ReadonlyMap<string, number> | undefined,
  nowMs: number,
): ReadonlyMap<string, number> {
  const wanted = new Set(pods.map(({ spec }) => spec.nodeName));
  const unwanted = attachments.filter(({ spec }) => !wanted.has(spec.nodeName)).map(({ metadata }) => metadata.name ?? "");
  return new Map(unwanted.map((name) => [name, before?.get(name) ?? nowMs]));
}

/** Whether two states of a node differ in what attaching depends on. */
function attachmentChanged(old: Node | undefined, node: Node | undefined): boolean {
  const facts = (seen: Node | undefined) => [
    seen?.status?.volumesInUse,
    seen?.status?.volumesAttached,
    seen?.spec?.taints?.map(({ key }) => key),
    isConditionTrue(seen?.status?.conditions, "Ready"),
  ];
  return old === undefined || node === undefined || !jsonEqual(facts(old), facts(node));
}
