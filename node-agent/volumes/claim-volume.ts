import { chmodSync, existsSync, mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { controllerOf } from "../../engine/apimachinery/object-meta.ts";
import { hasReason } from "../../engine/apimachinery/status-error.ts";
import { podClaims } from "../../engine/resources/pod-claims.ts";
import { isLocalPathVolume, LOCAL_PATH_NODE_LABEL } from "../../engine/resources/storage/local-path.ts";
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from "../../engine/resources/types.ts";
import { persistentCsiVolume } from "../csi/volume-request.ts";
import { growDevice, mountDevice } from "./device-volume.ts";
import { planExpansion } from "./expand-volume.ts";
import { provideHostPath } from "./host-path-volume.ts";
import { mountNfs } from "./nfs-volume.ts";
import { giveToGroupOnce } from "./ownership.ts";
import { modeProblem } from "./used-volumes.ts";
import { isVolumeFolder, MountError, volumeFolder, type VolumeSources } from "./volume-plugin.ts";

/** The volume behind a claim. Folders of this node are made when they are first needed. */
export async function mountClaim(pod: Pod, volume: Volume, podDir: string, sources: VolumeSources): Promise<string> {
  const { claim, persistent, readOnly } = await volumeOf(pod, volume, sources);
  const { spec = {} } = persistent;
  const problem = modeProblem(pod, volume.name, spec.volumeMode ?? "Filesystem");
  if (problem !== undefined) throw new MountError(problem);
  if (spec.accessModes?.includes("ReadWriteOncePod") === true && !sources.takeExclusively(pod, claim.metadata.name ?? ""))
    throw new MountError("volume uses the ReadWriteOncePod access mode and is already in use by another pod");
  if (spec.csi !== undefined) return sources.csi.mount(pod, volume.name, persistentCsiVolume(persistent, readOnly), podDir, { claim, persistent });
  if (spec.hostPath !== undefined) return provideHostPath(spec.hostPath);
  if (spec.nfs !== undefined) return mountNfs(spec.nfs, volumeFolder(podDir, "nfs", persistent.metadata.name ?? ""), spec.mountOptions);
  if (spec.local === undefined) throw new MountError(`persistent volumes of type ${sourceOf(persistent)} are not supported on this node`);
  if (isLocalPathVolume(persistent)) provideFolder(persistent, sources);
  const source = spec.local.path;
  const place = await provideLocal(pod, volume, podDir, persistent);
  const growth = readOnly ? undefined : planExpansion({ claim, persistent }, undefined);
  // Of a folder, and of a device that a pod has as such, nothing has to be done.
  if (growth?.do === "expand") await sources.expand(pod, { claim, persistent }, growth, async () => (place === source ? undefined : growDevice(source, place)));
  return place;
}

/** Whether a claim's volume, once provided, is looked at again from time to time: devices may grow while they are in use. */
export function followsDevice({ persistentVolumeClaim, ephemeral }: Volume, place: string | undefined): boolean {
  if (place === undefined || (persistentVolumeClaim ?? ephemeral) === undefined) return false;
  return isVolumeFolder(place, "local-volume") || statSync(place, { throwIfNoEntry: false })?.isBlockDevice() === true;
}

async function provideLocal(pod: Pod, volume: Volume, podDir: string, { metadata, spec = {} }: PersistentVolume): Promise<string> {
  const { path: source = "", fsType } = spec.local ?? {};
  if (!existsSync(source)) throw new MountError(`path "${source}" does not exist`);
  const stat = statSync(source);
  if (spec.volumeMode === "Block") {
    if (!stat.isBlockDevice()) throw new MountError(`path "${source}" is no block device`);
    return source;
  }
  if (!stat.isDirectory() && !stat.isBlockDevice()) throw new MountError(`path "${source}" is neither a folder nor a block device`);
  const place = stat.isDirectory() ? source : await mountDevice(source, volumeFolder(podDir, "local-volume", metadata.name ?? ""), fsType, spec.mountOptions);
  await giveToGroupOnce(place, pod, podDir, volume.name);
  return place;
}

async function volumeOf(
  pod: Pod,
  volume: Volume,
  sources: VolumeSources,
): Promise<{ readonly claim: PersistentVolumeClaim; readonly persistent: PersistentVolume; readonly readOnly: boolean }> {
  const namespace = pod.metadata.namespace ?? "";
  const use = podClaims(pod).find((candidate) => candidate.volume.name === volume.name);
  const claimName = use?.claimName ?? "";
  const claim = await orMountError(sources.claim(namespace, claimName), `persistentvolumeclaim "${claimName}" not found`);
  if (use?.isEphemeral === true && controllerOf(claim)?.uid !== pod.metadata.uid)
    throw new MountError(`PVC ${namespace}/${claimName} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`);
  const name = boundVolume(claim);
  if (name === undefined) throw new MountError(`PVC ${namespace}/${claimName} is not bound`);
  const persistent = await orMountError(sources.persistentVolume(name), `persistentvolume "${name}" not found`);
  if (persistent.spec?.claimRef?.uid !== claim.metadata.uid) throw new MountError(`persistentvolume "${name}" is not bound to PVC ${namespace}/${claimName}`);
  return { claim, persistent, readOnly: use?.readOnly === true };
}

function boundVolume({ spec, status }: PersistentVolumeClaim): string | undefined {
  return status?.phase === "Bound" && spec?.volumeName ? spec.volumeName : undefined;
}

/** Made open to every user of the pod's containers, as nobody knows yet which; nobody else gets to it. */
function provideFolder({ metadata, spec }: PersistentVolume, { volumesDir, nodeName }: VolumeSources): void {
  const place = spec?.local?.path ?? "";
  if (metadata.labels?.[LOCAL_PATH_NODE_LABEL] !== nodeName || path.dirname(place) !== volumesDir)
    throw new MountError(`volume "${metadata.name}" is a folder of another node`);
  if (existsSync(place)) return;
  mkdirSync(volumesDir, { recursive: true, mode: 0o700 });
  mkdirSync(place, { mode: 0o777 });
  chmodSync(place, 0o777);
}

function sourceOf({ spec = {} }: PersistentVolume): string {
  const others = [
    "capacity",
    "accessModes",
    "claimRef",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "mountOptions",
    "volumeMode",
    "nodeAffinity",
    "volumeAttributesClassName",
  ];
  return Object.keys(spec).find((key) => !others.includes(key)) ?? "unknown";
}

async function orMountError<T>(read: Promise<T>, missing: string): Promise<T> {
  try {
    return await read;
  } catch (error) {
    // What this node has no business with looks the same as what is not there.
    if (hasReason(error, "NotFound", "Forbidden")) throw new MountError(missing, { cause: error });
    throw error;
  }
}
