import { objectKey, splitKey, type KubeObject } from "../../apimachinery/object-meta.ts";
import { unlessGone } from "../../apimachinery/status-error.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { claimClassName, persistentVolumeClaimResource } from "../../resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource, volumeClassName } from "../../resources/core/persistent-volume.ts";
import { nodeResource } from "../../resources/core/node.ts";
import { podResource } from "../../resources/core/pod.ts";
import { podClaims } from "../../resources/pod-claims.ts";
import { LOCAL_PATH_NODE_LABEL } from "../../resources/storage/local-path.ts";
import { isBindCompleted } from "../../resources/storage/volume-matching.ts";
import { chooseDefaultClass, isDefaultClass, storageClassResource } from "../../resources/storage/storage-class.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, read, watch, type ControllerDefinition } from "../define-controller.ts";
import { planClaim, type ClaimInputs } from "./claim-plan.ts";
import { planVolume, type VolumeInputs } from "./volume-plan.ts";

const CLASS_INDEX = "class";
const CLAIM_INDEX = "claim";
export const POD_CLAIM_INDEX = "podClaims";

/** Claims get volumes. One at a time: they compete for the same ones. */
export function claimController({ client, informers }: ControllerContext): ControllerDefinition<ClaimInputs> {
  const claims = informers.informer(persistentVolumeClaimResource);
  const volumes = informers.informer(persistentVolumeResource);
  const classes = informers.informer(storageClassResource);
  const pods = podsByClaim(informers);
  const nodes = informers.informer(nodeResource);
  volumes.addIndex(CLASS_INDEX, (volume) => [volumeClassName(volume)]);
  volumes.addIndex(CLAIM_INDEX, claimKeys);
  claims.addIndex(CLASS_INDEX, (claim) => (isBindCompleted(claim) ? [] : [claimClassName(claim)]));
  const unboundOf = (className: string) => claims.byIndex(CLASS_INDEX, className).map(objectKey);
  return {
    name: "volume-claim-binder",
    component: "persistentvolume-controller",
    workers: 1,
    watches: [
      watch(
        claims,
        (claim) => [objectKey(claim)],
        (_old, claim) => claim !== undefined,
      ),
      // A volume concerns the claim that it names; a free one, whoever may want it.
      watch(volumes, (volume) => (volume.spec?.claimRef === undefined ? unboundOf(volumeClassName(volume)) : claimKeys(volume))),
      watch(classes, (storageClass) => [...unboundOf(storageClass.metadata.name ?? ""), ...(isDefaultClass(storageClass) ? unboundOf("") : [])]),
    ],
    reads: [read(nodes), read(pods)],
    async observe(key) {
      const { namespace, name } = splitKey(key);
      const claim = claims.get(namespace, name);
      if (claim === undefined) return undefined;
      const wanted = claim.spec?.volumeName;
      const className = claimClassName(claim);
      return {
        claim: claim as ClaimInputs["claim"], // stored, so it has its names
        candidates: [...new Set([...volumes.byIndex(CLASS_INDEX, className), ...volumes.byIndex(CLAIM_INDEX, key)])] as ClaimInputs["candidates"], // likewise
        named: wanted
          ? ((volumes.get("", wanted) ?? (await unlessGone(client.for(persistentVolumeResource).get("", wanted)))) as ClaimInputs["named"])
          : undefined, // likewise
        storageClass: className === "" ? undefined : classes.get("", className),
        defaultClass: chooseDefaultClass(classes.list()),
        nodes: nodes.list(),
        hasWaitingPod: pods.byIndex(POD_CLAIM_INDEX, key).some((pod) => !pod.spec.nodeName && !isBeingDeleted(pod)),
      };
    },
    plan: planClaim,
  };
}

/** The claim that a volume names, if it does. */
function claimKeys({ spec }: PersistentVolume): readonly string[] {
  return spec?.claimRef === undefined ? [] : [`${spec.claimRef.namespace ?? ""}/${spec.claimRef.name ?? ""}`];
}

/** Volumes say what phase they are in, and are reclaimed when their claims are gone. */
export function volumeController({ client, informers }: ControllerContext): ControllerDefinition<VolumeInputs> {
  const claims = informers.informer(persistentVolumeClaimResource);
  const volumes = informers.informer(persistentVolumeResource);
  const nodes = informers.informer(nodeResource);
  volumes.addIndex(CLAIM_INDEX, claimKeys);
  const findClaim = async ({ spec }: PersistentVolume): Promise<PersistentVolumeClaim | undefined> => {
    const { namespace = "", name = "", uid } = spec?.claimRef ?? {};
    if (!uid) return undefined;
    const cached = claims.get(namespace, name);
    return cached?.metadata.uid === uid ? cached : unlessGone(client.for(persistentVolumeClaimResource).get(namespace, name));
  };
  const isNodeGone = async (volume: KubeObject): Promise<boolean> => {
    const name = volume.metadata.labels?.[LOCAL_PATH_NODE_LABEL];
    return (
      isBeingDeleted(volume) &&
      name !== undefined &&
      nodes.get("", name) === undefined &&
      (await unlessGone(client.for(nodeResource).get("", name))) === undefined
    );
  };
  return {
    name: "volume-reclaimer",
    component: "persistentvolume-controller",
    watches: [
      watch(
        volumes,
        ({ metadata }) => [metadata.name ?? ""],
        (_old, volume) => volume !== undefined,
      ),
      watch(
        claims,
        (claim) => volumes.byIndex(CLAIM_INDEX, objectKey(claim)).map(({ metadata }) => metadata.name ?? ""),
        (old, claim) => old?.spec?.volumeName !== claim?.spec?.volumeName || old?.metadata.uid !== claim?.metadata.uid,
      ),
      watch(
        nodes,
        ({ metadata }) =>
          volumes
            .list()
            .filter((volume) => volume.metadata.labels?.[LOCAL_PATH_NODE_LABEL] === metadata.name)
            .map((volume) => volume.metadata.name ?? ""),
        (_old, node) => node === undefined,
      ),
    ],
    async observe(name) {
      const volume = volumes.get("", name);
      return volume === undefined
        ? undefined
        : { volume: volume as VolumeInputs["volume"], claim: await findClaim(volume), isNodeGone: await isNodeGone(volume as KubeObject) }; // stored, so it has its names
    },
    plan: planVolume,
  };
}

/** Pods can be found by the claims they use. */
export function podsByClaim(informers: ControllerContext["informers"]) {
  const pods = informers.informer(podResource);
  pods.addIndex(POD_CLAIM_INDEX, (pod) => podClaims(pod).map(({ claimName }) => `${pod.metadata.namespace ?? ""}/${claimName}`));
  return pods;
}

/** Whether two states of a pod use other claims, or use them in another way. */
export function claimUseChanged(old: Parameters<typeof podClaims>[0] | undefined, pod: Parameters<typeof podClaims>[0] | undefined): boolean {
  return (
    old === undefined ||
    pod === undefined ||
    old.spec.nodeName !== pod.spec.nodeName ||
    old.status?.phase !== pod.status?.phase ||
    !jsonEqual(podClaims(old), podClaims(pod))
  );
}
