import { compareQuantities } from "../../apimachinery/quantity.ts";
import { withMetadata } from "../../apimachinery/object-copy.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { CLASS_ANNOTATION } from "../../resources/access-modes.ts";
import { claimClassName, persistentVolumeClaimResource } from "../../resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../resources/core/persistent-volume.ts";
import { isLocalPathVolume, LOCAL_PATH_PROVISIONER, SELECTED_NODE_ANNOTATION } from "../../resources/storage/local-path.ts";
import {
  BIND_COMPLETED_ANNOTATION,
  BOUND_BY_CONTROLLER_ANNOTATION,
  chooseVolume,
  describeMismatch,
  isBindCompleted,
  isVolumeFor,
} from "../../resources/storage/volume-matching.ts";
import type { Node, PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus, StorageClass } from "../../resources/types.ts";
import { isBeingDeleted, tell, update, type Action } from "../define-controller.ts";
import { planLocalPath } from "./local-path-plan.ts";

type Claim = PersistentVolumeClaim & KubeObject;
type Volume = PersistentVolume & KubeObject;

export interface ClaimInputs {
  readonly claim: Claim;
  /** Volumes of the claim's class, and those that were made for it. */
  readonly candidates: readonly Volume[];
  /** The volume that the claim names. The API itself has said so when it is absent. */
  readonly named: Volume | undefined;
  readonly storageClass: StorageClass | undefined;
  /** The class for claims that name none. */
  readonly defaultClass: StorageClass | undefined;
  readonly nodes: readonly Node[];
  /** Whether a pod that is not placed yet waits for the claim. */
  readonly hasWaitingPod: boolean;
}

/** Brings a claim together with a volume: one that is there, or a new one; and says what is missing. Pure. */
export function planClaim(inputs: ClaimInputs): readonly Action[] {
  const { claim } = inputs;
  if (isBeingDeleted(claim)) return [];
  if (isBindCompleted(claim)) return planBound(inputs);
  // One that came before there was a default class gets it now.
  const { defaultClass } = inputs;
  const isOpen = claim.spec?.storageClassName === undefined && claim.metadata.annotations?.[CLASS_ANNOTATION] === undefined;
  if (isOpen && defaultClass !== undefined)
    return [update(persistentVolumeClaimResource, { ...claim, spec: { ...claim.spec, storageClassName: defaultClass.metadata.name ?? "" } })];
  return claim.spec?.volumeName ? planNamed(inputs) : planUnbound(inputs);
}

function planUnbound(inputs: ClaimInputs): readonly Action[] {
  const { claim, candidates, storageClass, nodes, hasWaitingPod } = inputs;
  const selected = claim.metadata.annotations?.[SELECTED_NODE_ANNOTATION];
  const isDelayed = storageClass?.volumeBindingMode === "WaitForFirstConsumer" && selected === undefined;
  const node = nodes.find(({ metadata }) => metadata.name === selected);
  // Until its pod has a node, only a volume that is made for the claim may be taken.
  const volume = chooseVolume(claim, isDelayed ? candidates.filter((candidate) => isVolumeFor(candidate, claim)) : candidates, node) as Volume | undefined; // one of the candidates
  if (volume !== undefined) return bind(volume, claim);
  return [...pending(claim), ...(isDelayed ? [waiting(claim, hasWaitingPod)] : provision(inputs, node, selected))];
}

function waiting(claim: Claim, hasWaitingPod: boolean): Action {
  return hasWaitingPod
    ? tell(claim, "Normal", "WaitForPodScheduled", "waiting for pod to be scheduled")
    : tell(claim, "Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding");
}

function provision({ claim, storageClass, nodes }: ClaimInputs, node: Node | undefined, selected: string | undefined): readonly Action[] {
  const className = claimClassName(claim);
  if (className === "") return [tell(claim, "Normal", "FailedBinding", "no persistent volumes available for this claim and no storage class is set")];
  if (storageClass === undefined) return [tell(claim, "Warning", "ProvisioningFailed", `storageclass.storage.k8s.io "${className}" not found`)];
  const { provisioner } = storageClass;
  if (provisioner === LOCAL_PATH_PROVISIONER) return planLocalPath(claim, storageClass, nodes, node, selected);
  if (provisioner === "kubernetes.io/no-provisioner") return [tell(claim, "Warning", "ProvisioningFailed", `no volume plugin matched name: ${provisioner}`)];
  const annotations = {
    ...claim.metadata.annotations,
    "volume.beta.kubernetes.io/storage-provisioner": provisioner,
    "volume.kubernetes.io/storage-provisioner": provisioner,
  };
  return [
    ...(jsonEqual(annotations, claim.metadata.annotations) ? [] : [update(persistentVolumeClaimResource, withMetadata(claim, { annotations }))]),
    tell(
      claim,
      "Normal",
      "ExternalProvisioning",
      `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
    ),
  ];
}

/**
 * A claim that names its volume waits for it, takes it if it is free and fits, and never takes another. Where each names the other somebody
 * wants just that, whatever class was put in since.
 */
function planNamed({ claim, named }: ClaimInputs): readonly Action[] {
  if (named === undefined) return pending(claim);
  if (named.spec?.claimRef !== undefined)
    return isVolumeFor(named, claim)
      ? bind(named, claim)
      : [...pending(claim), tell(claim, "Warning", "FailedBinding", `volume "${named.metadata.name}" already bound to a different claim.`)];
  const mismatch = describeMismatch(named, claim);
  if (mismatch !== undefined)
    return [...pending(claim), tell(claim, "Warning", "VolumeMismatch", `Cannot bind to requested volume "${named.metadata.name}": ${mismatch}`)];
  return bind(named, claim);
}

function planBound({ claim, named }: ClaimInputs): readonly Action[] {
  if (!claim.spec?.volumeName) return lost(claim, "ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
  if (named === undefined) return lost(claim, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
  if (named.spec?.claimRef !== undefined && !isVolumeFor(named, claim))
    return lost(claim, "ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly");
  return grow(named, claim) ?? bind(named, claim);
}

/** A folder has as much room as its disk, so it grows by saying so. Other volumes are resized by their drivers. */
function grow(volume: Volume, claim: Claim): readonly Action[] | undefined {
  const wanted = claim.spec?.resources?.requests?.["storage"] ?? "0";
  if (!isLocalPathVolume(volume) || compareQuantities(wanted, volume.spec?.capacity?.["storage"] ?? "0") <= 0) return undefined;
  const grown: Volume = { ...volume, spec: { ...volume.spec, capacity: { ...volume.spec?.capacity, storage: wanted } } };
  return [update(persistentVolumeResource, grown), tell(claim, "Normal", "VolumeResizeSuccessful", "Resize volume succeeded"), ...boundStatus(grown, claim)];
}

/** Makes both know of each other: the volume first, since it is the one that others may want. What is done already is not done again. */
function bind(volume: Volume, claim: Claim): readonly Action[] {
  const actions: Action[] = [];
  if (volume.spec?.claimRef?.uid !== claim.metadata.uid) {
    const isChosen = volume.spec?.claimRef === undefined;
    const annotations = isChosen ? { ...volume.metadata.annotations, [BOUND_BY_CONTROLLER_ANNOTATION]: "yes" } : volume.metadata.annotations;
    actions.push(update(persistentVolumeResource, { ...withMetadata(volume, { annotations }), spec: { ...volume.spec, claimRef: referenceTo(claim) } }));
  }
  if (claim.spec?.volumeName !== volume.metadata.name || !isBindCompleted(claim)) {
    const byController: Readonly<Record<string, string>> = claim.spec?.volumeName ? {} : { [BOUND_BY_CONTROLLER_ANNOTATION]: "yes" };
    const annotations = { ...claim.metadata.annotations, [BIND_COMPLETED_ANNOTATION]: "yes", ...byController };
    actions.push(
      update(persistentVolumeClaimResource, { ...withMetadata(claim, { annotations }), spec: { ...claim.spec, volumeName: volume.metadata.name ?? "" } }),
    );
  }
  return [...actions, ...boundStatus(volume, claim)];
}

/**
 * The claim's status shows its volume's modes and, from when they met, its size; who makes the volume grow says when it has. Folders have
 * grown by saying so.
 */
function boundStatus(volume: Volume, claim: Claim): readonly Action[] {
  const { spec } = volume;
  const attributesClass = spec?.volumeAttributesClassName;
  const size = spec?.capacity?.["storage"];
  const isNew =
    claim.status?.phase !== "Bound" ||
    (size !== undefined && isLocalPathVolume(volume) && compareQuantities(size, claim.status.capacity?.["storage"] ?? "0") > 0);
  const status: PersistentVolumeClaimStatus = {
    ...claim.status,
    phase: "Bound",
    accessModes: [...(spec?.accessModes ?? [])],
    ...(isNew && size !== undefined ? { capacity: { ...claim.status?.capacity, storage: size } } : {}),
    ...(claim.status?.phase !== "Bound" && attributesClass !== undefined && attributesClass !== ""
      ? { currentVolumeAttributesClassName: attributesClass }
      : {}),
  };
  return jsonEqual(status, claim.status)
    ? []
    : [{ do: "patch", resource: persistentVolumeClaimResource, object: claim, patch: { status }, type: "merge", subresource: "status" }];
}

export function referenceTo(claim: Claim) {
  const { namespace = "", name = "", uid = "", resourceVersion = "" } = claim.metadata;
  return { kind: "PersistentVolumeClaim", apiVersion: "v1", namespace, name, uid, resourceVersion };
}

function pending(claim: Claim): readonly Action[] {
  return claim.status?.phase === "Pending"
    ? []
    : [{ do: "patch", resource: persistentVolumeClaimResource, object: claim, patch: { status: { phase: "Pending" } }, type: "merge", subresource: "status" }];
}

function lost(claim: Claim, reason: string, message: string): readonly Action[] {
  return claim.status?.phase === "Lost"
    ? []
    : [
        {
          do: "patch",
          resource: persistentVolumeClaimResource,
          object: claim,
          patch: { status: { phase: "Lost", accessModes: null, capacity: null } },
          type: "merge",
          subresource: "status",
        },
        tell(claim, "Warning", reason, message),
      ];
}
