import { createHash } from "node:crypto";

/** Name of the VolumeAttachment of a driver's volume on a node: who attaches and who waits for it make it from the same parts, as upstream does. */
export function attachmentName(handle: string, driver: string, nodeName: string): string {
  return `csi-${createHash("sha256").update(`${handle}${driver}${nodeName}`).digest("hex")}`;
}

/** Whether a name may have been made so, also of a volume that is gone. */
export function isAttachmentName(name: string): boolean {
  return /^csi-[0-9a-f]{64}$/.test(name);
}

/** What a Node's status calls a driver's volume. */
export function attachedVolumeName(driver: string, handle: string): string {
  return `kubernetes.io/csi/${driver}^${handle}`;
}
