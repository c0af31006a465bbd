import { existsSync } from "node:fs";
import path from "node:path";
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from "../../engine/resources/types.ts";
import type { CsiVolume } from "../csi/volume-request.ts";
import type { EnvironmentSources } from "../pods/container-config/pod-environment.ts";
import type { ClaimedVolume, PlannedExpansion } from "./expand-volume.ts";

export interface VolumeSources extends EnvironmentSources {
  /** A token of the pod's ServiceAccount, bound to the pod. */
  readonly token: (pod: Pod, audience: string | undefined, expirationSeconds: number) => Promise<{ readonly token: string; readonly expiresAtMs: number }>;
  /** Read fresh; reject with NotFound. */
  readonly claim: (namespace: string, name: string) => Promise<PersistentVolumeClaim>;
  readonly persistentVolume: (name: string) => Promise<PersistentVolume>;
  /** Below which this node keeps the volumes that are its own folders. */
  readonly volumesDir: string;
  readonly nodeName: string;
  readonly nowMs: () => number;
  /** Whether the pod may have a claim that is for one pod alone: no other on this node has it. */
  readonly takeExclusively: (pod: Pod, claimName: string) => boolean;
  readonly csi: DriverVolumes;
  /** Has a claim's volume grown as planned, by `grow` with its size in bytes, and tells of it in the claim. One at a time for each volume. */
  readonly expand: (pod: Pod, claimed: ClaimedVolume, plan: PlannedExpansion, grow: (bytes: number) => Promise<void>) => Promise<void>;
}

/** Volumes of CSI drivers, of which the folder `csi` is made. */
export interface DriverVolumes {
  mount(pod: Pod, volumeName: string, volume: CsiVolume, podDir: string, claimed?: ClaimedVolume): Promise<string>;
  /** Whether a pod's volume is mounted again from time to time. */
  follows(pod: Pod, volumeName: string): boolean;
  /** Takes away all that a pod has of drivers. Rejects when something of it stays. */
  unmountPod(podDir: string): Promise<void>;
}

/** A volume cannot be provided now; the pod waits, and it is tried again. */
export class MountError extends Error {
  override readonly name = "MountError";
}

/** How one kind of volume is provided: gives the folder or file on the machine. Called again to bring changed content in. */
export type VolumePlugin = (pod: Pod, volume: Volume, podDir: string, sources: VolumeSources) => Promise<string>;

/** Folders of a pod: its volumes, and the parts of volumes that its containers have mounted. */
export const VOLUMES = "volumes";
export const SUB_PATHS = "sub-paths";

/** kubelet's words for the kinds of volumes that have a folder in the pod's. */
export type VolumeKind = "configmap" | "secret" | "downward-api" | "projected" | "empty-dir" | "nfs" | "local-volume" | "csi" | "image";

/** Where a pod's volume is, as kubelet has it: tools that back up or measure volumes look there. `name` is that of the persistent volume, if it is one. */
export function volumeFolder(podDir: string, kind: VolumeKind, name: string): string {
  const withoutKind = path.join(podDir, VOLUMES, name); // where pods have it that are older than this layout
  return existsSync(withoutKind) ? withoutKind : path.join(podDir, VOLUMES, `kubernetes.io~${kind}`, name);
}

/** Whether a place is the folder of a pod's volume of that kind. */
export function isVolumeFolder(place: string, kind: VolumeKind): boolean {
  return path.basename(path.dirname(place)) === `kubernetes.io~${kind}`;
}
