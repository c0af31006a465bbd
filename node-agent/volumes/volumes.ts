import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import type { Pod, Volume } from "../../engine/resources/types.ts";
import { ephemeralCsiVolume } from "../csi/volume-request.ts";
import { followsDevice, mountClaim } from "./claim-volume.ts";
import { mountEmptyDir } from "./empty-dir-volume.ts";
import { mountHostPath } from "./host-path-volume.ts";
import { mountsBelow } from "./mounts.ts";
import { mountNfsVolume } from "./nfs-volume.ts";
import { mountProjected } from "./projected-volume.ts";
import { removeTree } from "./remove-tree.ts";
import { usedVolumes } from "./used-volumes.ts";
import { MountError, SUB_PATHS, VOLUMES, type DriverVolumes, type VolumePlugin, type VolumeSources } from "./volume-plugin.ts";

const run = promisify(execFile);

/** The kinds of volumes, by the field of Volume that asks for them. */
const plugins: readonly { readonly field: keyof Volume; readonly mount: VolumePlugin }[] = [
  { field: "configMap", mount: mountProjected },
  { field: "secret", mount: mountProjected },
  { field: "downwardAPI", mount: mountProjected },
  { field: "projected", mount: mountProjected },
  { field: "emptyDir", mount: mountEmptyDir },
  { field: "hostPath", mount: mountHostPath },
  { field: "nfs", mount: mountNfsVolume },
  { field: "csi", mount: (pod, volume, podDir, { csi }) => csi.mount(pod, volume.name, ephemeralCsiVolume(pod, volume), podDir) },
  { field: "persistentVolumeClaim", mount: mountClaim },
  { field: "ephemeral", mount: mountClaim },
];

const UMOUNT_MS = 30_000;

/**
 * Provides the volumes that a pod's containers use below its folder, or brings their content up to date. Gives each one's place on the machine. What this
 * agent has provided before and follows nothing stays as it is. When one cannot be brought up to date, the others are, before it rejects. A
 * MountError begins with the volume that it is about.
 */
export async function mountVolumes(
  pod: Pod,
  podDir: string,
  sources: VolumeSources,
  before: ReadonlyMap<string, string> = new Map(),
): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  let trouble: unknown;
  for (const volume of provided(pod)) {
    const known = before.get(volume.name);
    if (known !== undefined && !isFollowed(pod, volume, sources.csi, known)) {
      places.set(volume.name, known);
      continue;
    }
    try {
      const plugin = plugins.find(({ field }) => volume[field] !== undefined);
      if (plugin === undefined)
        throw new MountError(
          `volumes of type ${Object.keys(volume)
            .filter((key) => key !== "name")
            .join(", ")} are not supported on this node`,
        );
      places.set(volume.name, await plugin.mount(pod, volume, podDir, sources));
    } catch (error) {
      const named = error instanceof MountError ? await withVolumeName(error, pod, volume, sources) : error;
      if (known === undefined) throw named;
      trouble ??= named;
    }
  }
  if (trouble !== undefined) throw trouble;
  return places;
}

/** What went wrong, and with which volume: a claim's is called by the name of what is behind it, as upstream calls it. */
async function withVolumeName(error: MountError, pod: Pod, volume: Volume, sources: VolumeSources): Promise<MountError> {
  const claim = volume.persistentVolumeClaim?.claimName;
  const behind =
    claim === undefined
      ? undefined
      : await sources.claim(pod.metadata.namespace ?? "", claim).then(
          ({ spec }) => spec?.volumeName,
          () => undefined,
        );
  return new MountError(`for volume "${behind ?? volume.name}" : ${error.message}`, { cause: error });
}

/** Whether all is there that a pod's containers use: those that are added for debugging may use more than the others. */
export function areProvided(pod: Pod, places: ReadonlyMap<string, string>): boolean {
  return provided(pod).every(({ name }) => places.has(name));
}

function provided(pod: Pod): readonly Volume[] {
  const { mounted, devices } = usedVolumes(pod);
  // An image is its container's business: see pods/image-volumes.ts.
  return (pod.spec.volumes ?? []).filter(({ name, image }) => image === undefined && (mounted.has(name) || devices.has(name)));
}

/** Whether a pod has volumes whose content or size follows objects of the API, or has to be renewed. `places`: where they have been provided. */
export function hasLiveVolumes(pod: Pod, drivers: DriverVolumes, places: ReadonlyMap<string, string> = new Map()): boolean {
  return provided(pod).some((volume) => isFollowed(pod, volume, drivers, places.get(volume.name)));
}

/** Whether a volume shows something of the pod itself. */
export function showsItself({ spec }: Pod): boolean {
  return (spec.volumes ?? []).some(
    ({ downwardAPI, projected }) => downwardAPI !== undefined || projected?.sources?.some((part) => part.downwardAPI !== undefined) === true,
  );
}

function isFollowed(pod: Pod, volume: Volume, drivers: DriverVolumes, place: string | undefined): boolean {
  return isLive(volume) || drivers.follows(pod, volume.name) || followsDevice(volume, place);
}

function isLive({ configMap, secret, projected, downwardAPI }: Volume): boolean {
  return [configMap, secret, projected, downwardAPI].some((source) => source !== undefined);
}

/**
 * Takes all volumes of a pod away: what is mounted is unmounted, the rest is deleted. Host paths and persistent volumes are left alone.
 * Rejects before anything is deleted when something stays mounted, for behind a mount may be another's data.
 */
export async function unmountVolumes(podDir: string, drivers: DriverVolumes): Promise<void> {
  await unmountAll(podDir, drivers);
  await removeTree(podDir);
}

/** The same for a pod that is over and still shown: its volumes go, what is known of its containers stays. */
export async function releaseVolumes(podDir: string, drivers: DriverVolumes): Promise<void> {
  await unmountAll(podDir, drivers);
  for (const part of [VOLUMES, SUB_PATHS]) await removeTree(path.join(podDir, part));
}

async function unmountAll(podDir: string, drivers: DriverVolumes): Promise<void> {
  // What is mounted a second time keeps a driver from taking it away.
  await unmountBelow(path.join(podDir, SUB_PATHS));
  await drivers.unmountPod(podDir);
  await unmountBelow(podDir);
}

async function unmountBelow(podDir: string): Promise<void> {
  // A server of files that is gone would be waited for.
  for (const place of mountsBelow(podDir)) await run("umount", [place], { timeout: UMOUNT_MS }).catch(() => run("umount", ["-f", "-l", place]));
}
