import { controllerOf } from "../apimachinery/object-meta.ts";
import { claimClassName } from "../resources/core/persistent-volume-claim.ts";
import { podClaims } from "../resources/pod-claims.ts";
import { isBindCompleted } from "../resources/storage/volume-matching.ts";
import type { CSIDriver, CSINode, CSIStorageCapacity, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from "../resources/types.ts";

/** What is known of volumes, from caches. */
export interface StorageFacts {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumesOfClass(className: string): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  csiNode(name: string): CSINode | undefined;
  csiDriver(name: string): CSIDriver | undefined;
  /** What drivers say of the room for new volumes of a class. */
  capacitiesOfClass(className: string): readonly CSIStorageCapacity[];
}

/** A claim that gets its volume when its first pod gets its node. */
export interface DelayedClaim {
  readonly claim: PersistentVolumeClaim;
  readonly storageClass: StorageClass;
  readonly candidates: readonly PersistentVolume[];
  /** Where a new volume has room; undefined when its driver does not tell. */
  readonly capacities: readonly CSIStorageCapacity[] | undefined;
}

/** What a pod's claims mean for where it can go. */
export interface PodStorage {
  /** Why the pod can go nowhere, whatever the nodes are like. */
  readonly problem: string | undefined;
  readonly bound: readonly PersistentVolume[];
  readonly delayed: readonly DelayedClaim[];
  /** Names of claims that one pod alone may use. */
  readonly exclusive: ReadonlySet<string>;
  readonly facts: StorageFacts;
}

/** Looks up everything about a pod's claims; undefined for pods without any. */
export function resolvePodStorage(pod: Pod, facts: StorageFacts): PodStorage | undefined {
  const uses = podClaims(pod);
  if (uses.length === 0) return undefined;
  const namespace = pod.metadata.namespace ?? "";
  const bound: PersistentVolume[] = [];
  const delayed: DelayedClaim[] = [];
  const exclusive = new Set<string>();
  const stuck = (problem: string): PodStorage => ({ problem, bound, delayed, exclusive, facts });
  for (const { claimName, isEphemeral } of uses) {
    const claim = facts.claim(namespace, claimName);
    if (claim === undefined)
      return stuck(
        isEphemeral
          ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${claimName}"`
          : `persistentvolumeclaim "${claimName}" not found`,
      );
    if (isEphemeral && controllerOf(claim)?.uid !== pod.metadata.uid)
      return stuck(`PVC ${namespace}/${claimName} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`);
    if (claim.status?.phase === "Lost")
      return stuck(`persistentvolumeclaim "${claimName}" bound to non-existent persistentvolume "${claim.spec?.volumeName ?? ""}"`);
    if (claim.metadata.deletionTimestamp !== undefined) return stuck(`persistentvolumeclaim "${claimName}" is being deleted`);
    if (claim.spec?.accessModes?.includes("ReadWriteOncePod") === true) exclusive.add(claimName);
    const volume = claim.spec?.volumeName ? facts.volume(claim.spec.volumeName) : undefined;
    if (isBindCompleted(claim) && volume !== undefined) {
      bound.push(volume);
      continue;
    }
    const className = claimClassName(claim);
    const storageClass = className === "" ? undefined : facts.storageClass(className);
    if (claim.spec?.volumeName || storageClass?.volumeBindingMode !== "WaitForFirstConsumer") return stuck("pod has unbound immediate PersistentVolumeClaims");
    const tells = facts.csiDriver(storageClass.provisioner)?.spec.storageCapacity === true;
    delayed.push({ claim, storageClass, candidates: facts.volumesOfClass(className), capacities: tells ? facts.capacitiesOfClass(className) : undefined });
  }
  return { problem: undefined, bound, delayed, exclusive, facts };
}
