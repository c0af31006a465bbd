import { compareQuantities } from "../../apimachinery/quantity.ts";
import { labelSelectorPredicate } from "../../apimachinery/selectors.ts";
import { claimClassName } from "../core/persistent-volume-claim.ts";
import { volumeClassName } from "../core/persistent-volume.ts";
import { matchesSelector } from "../node-selector.ts";
import type { Node, PersistentVolume, PersistentVolumeClaim } from "../types.ts";

/** On volumes and claims: the controller chose the one for the other, not a person; what it chose it may take back. */
export const BOUND_BY_CONTROLLER_ANNOTATION = "pv.kubernetes.io/bound-by-controller";
/** On claims: both sides know of each other, and nothing changes that any more. */
export const BIND_COMPLETED_ANNOTATION = "pv.kubernetes.io/bind-completed";

/** Whether the volume is for this claim: by name, and by uid once both have met. */
export function isVolumeFor({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const claimed = spec?.claimRef;
  return claimed !== undefined && claimed.namespace === metadata.namespace && claimed.name === metadata.name && (!claimed.uid || claimed.uid === metadata.uid);
}

export function isBindCompleted({ metadata }: PersistentVolumeClaim): boolean {
  return metadata.annotations?.[BIND_COMPLETED_ANNOTATION] !== undefined;
}

/**
 * Why a volume cannot serve a claim; undefined when it can. Whose it is, is not asked, but that one made for this claim need not be of its
 * class, which may be a default that came over it.
 */
export function describeMismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (compareQuantities(volume.spec?.capacity?.["storage"] ?? "0", claim.spec?.resources?.requests?.["storage"] ?? "0") < 0) return "requested PV is too small";
  if (!isVolumeFor(volume, claim) && volumeClassName(volume) !== claimClassName(claim)) return "storageClassName does not match";
  if ((volume.spec?.volumeAttributesClassName ?? "") !== (claim.spec?.volumeAttributesClassName ?? "")) return "volumeAttributesClassName does not match";
  if ((volume.spec?.volumeMode ?? "Filesystem") !== (claim.spec?.volumeMode ?? "Filesystem")) return "incompatible volumeMode";
  const modes = volume.spec?.accessModes ?? [];
  return (claim.spec?.accessModes ?? []).every((mode) => modes.includes(mode)) ? undefined : "incompatible accessMode";
}

export function doesNodeReach({ spec }: PersistentVolume, node: Node): boolean {
  return matchesSelector(spec?.nodeAffinity?.required, node);
}

/**
 * The volume for a claim: one that was made for it, else the smallest free one that is large enough and matches its selector; of equals the
 * first by name. With a node, only volumes that it reaches. Pure.
 */
export function chooseVolume(claim: PersistentVolumeClaim, volumes: readonly PersistentVolume[], node?: Node): PersistentVolume | undefined {
  const fitting = volumes.filter(
    (volume) =>
      volume.metadata.deletionTimestamp === undefined && describeMismatch(volume, claim) === undefined && (node === undefined || doesNodeReach(volume, node)),
  );
  const own = fitting.find((volume) => isVolumeFor(volume, claim));
  if (own !== undefined) return own;
  const isChosen = claim.spec?.selector === undefined ? () => true : labelSelectorPredicate(claim.spec.selector);
  const size = ({ spec }: PersistentVolume) => spec?.capacity?.["storage"] ?? "0";
  return fitting
    .filter((volume) => volume.spec?.claimRef === undefined && volume.status?.phase === "Available" && isChosen(volume.metadata.labels))
    .sort((a, b) => compareQuantities(size(a), size(b)) || ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1))[0];
}
