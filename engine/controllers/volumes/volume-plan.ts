import { withMetadata } from "../../apimachinery/object-copy.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { formatTime } from "../../lib/clock.ts";
import { persistentVolumeResource } from "../../resources/core/persistent-volume.ts";
import { isLocalPathVolume, LOCAL_PATH_FINALIZER, PROVISIONED_BY_ANNOTATION } from "../../resources/storage/local-path.ts";
import { BOUND_BY_CONTROLLER_ANNOTATION } from "../../resources/storage/volume-matching.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../resources/types.ts";
import { isBeingDeleted, tell, update, type Action } from "../define-controller.ts";

type Volume = PersistentVolume & KubeObject;

export interface VolumeInputs {
  readonly volume: Volume;
  /** The claim that the volume names. The API itself has said so when it is absent. */
  readonly claim: PersistentVolumeClaim | undefined;
  /** The node with the volume's folder exists no more; the API itself has said so. */
  readonly isNodeGone: boolean;
}

/** Keeps a volume's phase, and does with it what its policy says when its claim is gone. Pure. */
export function planVolume({ volume, claim, isNodeGone }: VolumeInputs, nowMs: number): readonly Action[] {
  if (isBeingDeleted(volume) && isNodeGone) return releaseFolder(volume);
  const named = volume.spec?.claimRef;
  if (!named?.uid) return phase(volume, "Available", nowMs);
  if (claim === undefined || claim.metadata.uid !== named.uid) return reclaim(volume, nowMs);
  if (!claim.spec?.volumeName) return []; // the claim is about to take it
  if (claim.spec.volumeName === volume.metadata.name) return phase(volume, "Bound", nowMs);
  // The claim has taken another volume meanwhile.
  if (volume.metadata.annotations?.[PROVISIONED_BY_ANNOTATION] !== undefined && volume.spec?.persistentVolumeReclaimPolicy === "Delete")
    return reclaim(volume, nowMs);
  const { [BOUND_BY_CONTROLLER_ANNOTATION]: chosen, ...annotations } = volume.metadata.annotations ?? {};
  const { claimRef: _claim, ...free } = volume.spec ?? {};
  const { uid: _uid, resourceVersion: _version, ...reserved } = named;
  return [
    update(
      persistentVolumeResource,
      chosen === undefined ? { ...volume, spec: { ...free, claimRef: reserved } } : { ...withMetadata(volume, { annotations }), spec: free },
    ),
  ];
}

function reclaim(volume: Volume, nowMs: number): readonly Action[] {
  const policy = volume.spec?.persistentVolumeReclaimPolicy ?? "Retain";
  const released = volume.status?.phase === "Failed" ? [] : phase(volume, "Released", nowMs);
  if (policy === "Retain" || isBeingDeleted(volume)) return released;
  if (policy === "Delete" && isLocalPathVolume(volume)) return [...released, { do: "delete", resource: persistentVolumeResource, object: volume }];
  // Who made it deletes it.
  if (policy === "Delete" && (volume.metadata.annotations?.[PROVISIONED_BY_ANNOTATION] !== undefined || volume.spec?.csi !== undefined)) return released;
  if (volume.status?.phase === "Failed") return [];
  const [reason, message] =
    policy === "Delete"
      ? ["VolumeFailedDelete", `error getting deleter volume plugin for volume "${volume.metadata.name}": no deletable volume plugin matched`]
      : ["VolumeFailedRecycle", "No recycler plugin found for the volume!"];
  return [...phase(volume, "Failed", nowMs, message), tell(volume, "Warning", reason, message)];
}

/** The folder is gone with its node. */
function releaseFolder(volume: Volume): readonly Action[] {
  const finalizers = volume.metadata.finalizers ?? [];
  return finalizers.includes(LOCAL_PATH_FINALIZER)
    ? [update(persistentVolumeResource, withMetadata(volume, { finalizers: finalizers.filter((finalizer) => finalizer !== LOCAL_PATH_FINALIZER) }))]
    : [];
}

function phase(volume: Volume, phase: string, nowMs: number, message?: string): readonly Action[] {
  if (volume.status?.phase === phase && (volume.status.message ?? "") === (message ?? "")) return [];
  return [
    {
      do: "patch",
      resource: persistentVolumeResource,
      object: volume,
      patch: { status: { phase, message: message ?? null, lastPhaseTransitionTime: formatTime(nowMs) } },
      type: "merge",
      subresource: "status",
    },
  ];
}
