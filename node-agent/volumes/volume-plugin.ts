import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from "../../engine/resources/types.ts";
import type { EnvironmentSources } from "../pods/pod-environment.ts";

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
}

/** A volume cannot be provided now; the pod waits, and it is tried again. */
export class MountError extends Error {
  override readonly name = "MountError";
}

/** How one kind of volume is provided: gives the folder or file on the machine. Called again to bring changed content in. */
export type VolumePlugin = (pod: Pod, volume: Volume, folder: string, sources: VolumeSources) => Promise<string>;
