import { withMetadata } from "../../apimachinery/object-copy.ts";
import { objectKey, splitKey, type KubeObject } from "../../apimachinery/object-meta.ts";
import { persistentVolumeClaimResource } from "../../resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../resources/core/persistent-volume.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import { podClaims } from "../../resources/pod-claims.ts";
import { ATTRIBUTES_CLASS_PROTECTION, CLAIM_PROTECTION, VOLUME_PROTECTION } from "../../resources/storage/protection.ts";
import { volumeAttributesClassResource } from "../../resources/storage/volume-attributes-class.ts";
import type { PersistentVolumeClaim, Pod } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { isBeingDeleted, update, watch, type Action, type ControllerDefinition } from "../define-controller.ts";
import { isPodFinished } from "../pods.ts";
import { claimUseChanged, POD_CLAIM_INDEX, podsByClaim } from "./volume-binding.ts";

export interface ProtectionInputs {
  readonly object: KubeObject;
  readonly isInUse: boolean;
}

/** Gives the object its finalizer as long as it is wanted, and takes it when it is deleted and nobody uses it any more. Pure. */
function planProtection(resource: ResourceReference, finalizer: string, { object, isInUse }: ProtectionInputs): readonly Action[] {
  const finalizers = object.metadata.finalizers ?? [];
  const isProtected = finalizers.includes(finalizer);
  if (!isBeingDeleted(object)) return isProtected ? [] : [update(resource, withMetadata(object, { finalizers: [...finalizers, finalizer] }))];
  return isProtected && !isInUse ? [update(resource, withMetadata(object, { finalizers: finalizers.filter((other) => other !== finalizer) }))] : [];
}

/** A pod uses its claims from when it has a node until it is over; before that, no node would start it with a claim that is going. */
function usesClaims(pod: Pod): boolean {
  return Boolean(pod.spec.nodeName) && !isPodFinished(pod);
}

export function claimProtectionController({ client, informers }: ControllerContext): ControllerDefinition<ProtectionInputs> {
  const claims = informers.informer(persistentVolumeClaimResource);
  const pods = podsByClaim(informers);
  return {
    name: "claim-protection",
    watches: [
      watch(
        claims,
        (claim) => [objectKey(claim)],
        (_old, claim) => claim !== undefined,
      ),
      watch(pods, (pod) => podClaims(pod).map(({ claimName }) => `${pod.metadata.namespace ?? ""}/${claimName}`), claimUseChanged),
    ],
    async observe(key) {
      const { namespace, name } = splitKey(key);
      const object = claims.get(namespace, name);
      if (object === undefined) return undefined;
      if (!isBeingDeleted(object as KubeObject)) return { object: object as KubeObject, isInUse: true }; // stored, so it has its names
      // A cache that lags must not take a claim from under a pod.
      const isInUse =
        pods.byIndex(POD_CLAIM_INDEX, key).some(usesClaims) ||
        (await client.for(podResource).list(namespace)).items.some((pod) => usesClaims(pod) && podClaims(pod).some(({ claimName }) => claimName === name));
      return { object: object as KubeObject, isInUse }; // likewise
    },
    plan: (inputs) => planProtection(persistentVolumeClaimResource, CLAIM_PROTECTION, inputs),
  };
}

export function volumeProtectionController({ informers }: ControllerContext): ControllerDefinition<ProtectionInputs> {
  const volumes = informers.informer(persistentVolumeResource);
  return {
    name: "volume-protection",
    watches: [
      watch(
        volumes,
        ({ metadata }) => [metadata.name ?? ""],
        (_old, volume) => volume !== undefined,
      ),
    ],
    observe(name) {
      const object = volumes.get("", name);
      return object === undefined ? undefined : { object: object as KubeObject, isInUse: object.status?.phase === "Bound" }; // stored, so it has its names
    },
    plan: (inputs) => planProtection(persistentVolumeResource, VOLUME_PROTECTION, inputs),
  };
}

const ATTRIBUTES_INDEX = "attributesClass";

/** The attributes of a volume can be looked up as long as it has them, or is about to. */
export function attributesClassProtectionController({ informers }: ControllerContext): ControllerDefinition<ProtectionInputs> {
  const classes = informers.informer(volumeAttributesClassResource);
  const claims = informers.informer(persistentVolumeClaimResource);
  const volumes = informers.informer(persistentVolumeResource);
  const named = (name: string | undefined) => (name ? [name] : []);
  const ofClaim = ({ spec, status }: PersistentVolumeClaim) => [
    ...new Set([
      ...named(spec?.volumeAttributesClassName),
      ...named(status?.currentVolumeAttributesClassName),
      ...named(status?.modifyVolumeStatus?.targetVolumeAttributesClassName),
    ]),
  ];
  claims.addIndex(ATTRIBUTES_INDEX, ofClaim);
  volumes.addIndex(ATTRIBUTES_INDEX, ({ spec }) => named(spec?.volumeAttributesClassName));
  return {
    name: "attributes-class-protection",
    watches: [
      watch(
        classes,
        ({ metadata }) => [metadata.name ?? ""],
        (_old, found) => found !== undefined,
      ),
      watch(claims, ofClaim),
      watch(volumes, ({ spec }) => named(spec?.volumeAttributesClassName)),
    ],
    observe(name) {
      const object = classes.get("", name);
      const isInUse = claims.byIndex(ATTRIBUTES_INDEX, name).length > 0 || volumes.byIndex(ATTRIBUTES_INDEX, name).length > 0;
      return object === undefined ? undefined : { object: object as KubeObject, isInUse }; // stored, so it has its names
    },
    plan: (inputs) => planProtection(volumeAttributesClassResource, ATTRIBUTES_CLASS_PROTECTION, inputs),
  };
}
