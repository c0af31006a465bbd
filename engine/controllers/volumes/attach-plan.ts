import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { attachedVolumeName, attachmentName } from "../../resources/storage/attachment-name.ts";
import { volumeAttachmentResource } from "../../resources/storage/volume-attachment.ts";
import type { Node, PersistentVolume, Pod, VolumeAttachment } from "../../resources/types.ts";
import { create, isBeingDeleted, tell, update, type Action } from "../define-controller.ts";

export interface AttachInputs {
  /** Absent when it has been deleted from under its attachments, or is not of a driver. */
  readonly volume: PersistentVolume | undefined;
  /** Of drivers whose volumes every node has without being told so, nothing is attached. */
  readonly isAttachable: boolean;
  readonly attachments: readonly VolumeAttachment[];
  /** Placed, not over, and with a claim that is bound to the volume. */
  readonly pods: readonly Pod[];
  /** Those of pods and attachments, as the API has them at this moment. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** Since when no pod on the node wants the attachment, by its name. */
  readonly unwantedSinceMs: ReadonlyMap<string, number>;
}

/** A node that does not answer keeps others from a volume for this long. */
const FORCE_AFTER_MS = 6 * 60_000;
const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
const SHARED_MODES = ["ReadWriteMany", "ReadOnlyMany"];

/**
 * Attaches a volume where its pods are, and detaches it where none is. Node and controller tell each other through the Node's status, each before
 * it acts: a node lists as in use what it is about to mount, and mounts only what is listed as attached; here the second list is shortened
 * first, and only when the first one still lacks the volume is its attachment deleted. Pure.
 */
export function planAttachments(inputs: AttachInputs, nowMs: number): readonly Action[] {
  const { attachments, pods, isAttachable, volume } = inputs;
  const wanted = isAttachable && volume?.spec?.csi !== undefined ? new Set(pods.map(({ spec }) => spec.nodeName ?? "")) : new Set<string>();
  return [
    ...attachments.flatMap((attachment) => (wanted.has(attachment.spec.nodeName) ? planWanted(inputs, attachment) : planUnwanted(inputs, attachment, nowMs))),
    ...[...wanted].flatMap((node) => planMissing(inputs, node)),
  ];
}

/** Whether two nodes may have the volume at once. Pure. */
function isShared({ spec }: PersistentVolume): boolean {
  const modes = spec?.accessModes ?? [];
  return modes.length === 0 || modes.some((mode) => SHARED_MODES.includes(mode));
}

function planMissing({ volume, attachments, pods, nodes }: AttachInputs, nodeName: string): readonly Action[] {
  if (volume?.spec?.csi === undefined || attachments.some(({ spec }) => spec.nodeName === nodeName) || !nodes.has(nodeName)) return [];
  const here = pods.filter(({ spec }) => spec.nodeName === nodeName);
  const name = volume.metadata.name ?? "";
  if (!isShared(volume) && attachments.length > 0) return here.map((pod) => tell(pod, "Warning", "FailedAttachVolume", multiAttachMessage(name, pod, pods)));
  // Of nodes that want it at the same moment, one gets it.
  if (!isShared(volume) && [...new Set(pods.map(({ spec }) => spec.nodeName ?? ""))].sort()[0] !== nodeName) return [];
  const { driver, volumeHandle } = volume.spec.csi;
  return [
    create(volumeAttachmentResource, {
      apiVersion: "storage.k8s.io/v1",
      kind: "VolumeAttachment",
      metadata: { name: attachmentName(volumeHandle, driver, nodeName) },
      spec: { attacher: driver, nodeName, source: { persistentVolumeName: name } },
    }),
  ];
}

function multiAttachMessage(name: string, pod: Pod, pods: readonly Pod[]): string {
  const others = pods.filter(({ spec }) => spec.nodeName !== pod.spec.nodeName);
  const near = others.filter(({ metadata }) => metadata.namespace === pod.metadata.namespace).map(({ metadata }) => metadata.name);
  const far = others.length - near.length;
  // Whoever may see this pod need not be allowed to see those of other namespaces.
  const users =
    near.length === 0 ? `${far} pod(s) in different namespaces` : `pod(s) ${near.join(", ")}${far === 0 ? "" : ` and ${far} pod(s) in different namespaces`}`;
  return `Multi-Attach error for volume "${name}" ${others.length === 0 ? "Volume is already exclusively attached to one node and can't be attached to another" : `Volume is already used by ${users}`}`;
}

function planWanted({ volume, pods, nodes }: AttachInputs, attachment: VolumeAttachment): readonly Action[] {
  const { nodeName } = attachment.spec;
  const node = nodes.get(nodeName);
  const csi = volume?.spec?.csi;
  // One on its way out is made anew when it is gone.
  if (node === undefined || csi === undefined || isBeingDeleted(attachment)) return [];
  const here = pods.filter(({ spec }) => spec.nodeName === nodeName);
  const { attached, attachError } = attachment.status ?? {};
  if (attached !== true)
    return attachError?.message
      ? here.map((pod) =>
          tell(pod, "Warning", "FailedAttachVolume", `AttachVolume.Attach failed for volume "${volume?.metadata.name}" : ${attachError.message}`),
        )
      : [];
  const name = attachedVolumeName(csi.driver, csi.volumeHandle);
  if (node.status?.volumesAttached?.some((listed) => listed.name === name) === true) return [];
  const volumesAttached = [...(node.status?.volumesAttached ?? []), { name, devicePath: "" }];
  return [
    update(nodeResource, { ...node, status: { ...node.status, volumesAttached } }, "status"),
    ...here.map((pod) => tell(pod, "Normal", "SuccessfulAttachVolume", `AttachVolume.Attach succeeded for volume "${volume?.metadata.name}" `)),
  ];
}

function planUnwanted({ nodes, unwantedSinceMs }: AttachInputs, attachment: VolumeAttachment, nowMs: number): readonly Action[] {
  if (isBeingDeleted(attachment)) return [];
  const node = nodes.get(attachment.spec.nodeName);
  const leftMs = (unwantedSinceMs.get(attachment.metadata.name ?? "") ?? nowMs) + FORCE_AFTER_MS - nowMs;
  const isForced = (leftMs <= 0 && !isReady(node)) || node?.spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE) === true;
  // Of a node that is gone nobody knows what it still does.
  const isInUse = node === undefined || (node.status?.volumesInUse ?? []).some((name) => isOf(attachment, name));
  if (isInUse && !isForced) return [{ do: "wait", forMs: leftMs > 0 ? leftMs : FORCE_AFTER_MS }];
  const listed = node?.status?.volumesAttached ?? [];
  const others = listed.filter(({ name }) => !isOf(attachment, name));
  // Fails when the node has written meanwhile, perhaps that it uses the volume after all.
  if (node !== undefined && others.length < listed.length)
    return [update(nodeResource, { ...node, status: { ...node.status, volumesAttached: others } }, "status")];
  return [{ do: "delete", resource: volumeAttachmentResource, object: attachment }];
}

function isReady(node: Node | undefined): boolean {
  return isConditionTrue(node?.status?.conditions, "Ready");
}

/** Whether a name in a Node's status is that of the attachment's volume, which may itself be gone. */
function isOf({ metadata, spec }: VolumeAttachment, name: string): boolean {
  const [, driver = "", handle = ""] = /^kubernetes\.io\/csi\/([^^]*)\^(.*)$/s.exec(name) ?? [];
  return driver === spec.attacher && attachmentName(handle, driver, spec.nodeName) === metadata.name;
}
