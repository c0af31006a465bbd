import { controllerOf, objectKey, splitKey, type KubeObject } from "../../apimachinery/object-meta.ts";
import { persistentVolumeClaimResource } from "../../resources/core/persistent-volume-claim.ts";
import { podClaims } from "../../resources/pod-claims.ts";
import type { PersistentVolumeClaim, Pod } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { create, isBeingDeleted, tell, watch, type Action, type ControllerDefinition } from "../define-controller.ts";
import { isPodFinished } from "../pods.ts";
import { POD_CLAIM_INDEX, podsByClaim } from "./volume-binding.ts";

export interface EphemeralInputs {
  readonly pod: Pod & KubeObject;
  /** By name; those of the pod's ephemeral volumes that exist. */
  readonly claims: ReadonlyMap<string, PersistentVolumeClaim>;
}

/** Makes the claims of volumes that live as long as their pod. A claim of that name that belongs to somebody else is left alone, and told of. Pure. */
function planEphemeralClaims({ pod, claims }: EphemeralInputs): readonly Action[] {
  if (isBeingDeleted(pod) || isPodFinished(pod)) return [];
  return podClaims(pod).flatMap(({ volume, claimName, isEphemeral }): Action[] => {
    const template = volume.ephemeral?.volumeClaimTemplate;
    if (!isEphemeral || template === undefined) return [];
    const present = claims.get(claimName);
    if (present === undefined) return [create(persistentVolumeClaimResource, claimFor(pod, claimName, template))];
    return controllerOf(present)?.uid === pod.metadata.uid
      ? []
      : [
          tell(
            pod,
            "Warning",
            "ConflictingPersistentVolumeClaim",
            `PVC ${pod.metadata.namespace}/${claimName} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`,
          ),
        ];
  });
}

function claimFor(
  pod: Pod & KubeObject,
  name: string,
  { metadata, spec }: NonNullable<NonNullable<ReturnType<typeof podClaims>[number]["volume"]["ephemeral"]>["volumeClaimTemplate"]>,
): PersistentVolumeClaim & KubeObject {
  const { name: podName = "", namespace = "", uid = "" } = pod.metadata;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name,
      namespace,
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
      ...(metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: podName, uid, controller: true, blockOwnerDeletion: true }],
    },
    spec,
  };
}

export function ephemeralVolumeController({ informers }: ControllerContext): ControllerDefinition<EphemeralInputs> {
  const pods = podsByClaim(informers);
  const claims = informers.informer(persistentVolumeClaimResource);
  return {
    name: "ephemeral-volume",
    component: "ephemeral_volume",
    watches: [
      watch(
        pods,
        (pod) => [objectKey(pod)],
        (_old, pod) => pod !== undefined && podClaims(pod).some(({ isEphemeral }) => isEphemeral),
      ),
      // One that is deleted while its pod lives is made again.
      watch(
        claims,
        (claim) => pods.byIndex(POD_CLAIM_INDEX, objectKey(claim)).map(objectKey),
        (_old, claim) => claim === undefined,
      ),
    ],
    observe(key) {
      const { namespace, name } = splitKey(key);
      const pod = pods.get(namespace, name);
      if (pod === undefined) return undefined;
      const found = podClaims(pod).flatMap(({ claimName }) => claims.get(namespace, claimName) ?? []);
      return { pod: pod as Pod & KubeObject, claims: new Map(found.map((claim) => [claim.metadata.name ?? "", claim])) }; // stored, so it has its names
    },
    plan: planEphemeralClaims,
  };
}
