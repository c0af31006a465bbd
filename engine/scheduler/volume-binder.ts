import { hasReason } from "../apimachinery/status-error.ts";
import { objectKey } from "../apimachinery/object-meta.ts";
import type { Client } from "../client/client.ts";
import type { InformerFactory } from "../client/informer-factory.ts";
import type { Clock } from "../lib/clock.ts";
import { persistentVolumeClaimResource } from "../resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource, volumeClassName } from "../resources/core/persistent-volume.ts";
import { csiDriverResource } from "../resources/storage/csi-driver.ts";
import { csiNodeResource } from "../resources/storage/csi-node.ts";
import { csiStorageCapacityResource } from "../resources/storage/csi-storage-capacity.ts";
import { SELECTED_NODE_ANNOTATION } from "../resources/storage/local-path.ts";
import { storageClassResource } from "../resources/storage/storage-class.ts";
import { isBindCompleted } from "../resources/storage/volume-matching.ts";
import type { Node, PersistentVolumeClaim } from "../resources/types.ts";
import { chooseVolumes, writeVolumeChoices, type VolumeChoice } from "./bind-volumes.ts";
import type { PodInfo } from "./node-info.ts";
import { resolvePodStorage, type StorageFacts } from "./pod-storage.ts";

const CLASS_INDEX = "class";

/** Volumes as the scheduler needs them: what is known of a pod's claims, and seeing to it that they get volumes on the chosen node. */
export class VolumeBinder {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #claims;
  readonly #volumes;
  readonly #classes;
  readonly #csiNodes;
  readonly #csiDrivers;
  readonly #capacities;
  readonly #informers;
  readonly #facts: StorageFacts;

  constructor(client: Client, informers: InformerFactory, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.#claims = informers.informer(persistentVolumeClaimResource);
    this.#volumes = informers.informer(persistentVolumeResource);
    this.#classes = informers.informer(storageClassResource);
    this.#csiNodes = informers.informer(csiNodeResource);
    this.#csiDrivers = informers.informer(csiDriverResource);
    this.#capacities = informers.informer(csiStorageCapacityResource);
    this.#informers = [this.#claims, this.#volumes, this.#classes, this.#csiNodes, this.#csiDrivers, this.#capacities];
    this.#capacities.addIndex(CLASS_INDEX, ({ storageClassName }) => [storageClassName]);
    this.#volumes.addIndex(CLASS_INDEX, (volume) => [volumeClassName(volume)]);
    this.#facts = {
      claim: (namespace, name) => this.#claims.get(namespace, name),
      volume: (name) => this.#volumes.get("", name),
      volumesOfClass: (className) => this.#volumes.byIndex(CLASS_INDEX, className),
      storageClass: (name) => this.#classes.get("", name),
      csiNode: (name) => this.#csiNodes.get("", name),
      csiDriver: (name) => this.#csiDrivers.get("", name),
      capacitiesOfClass: (className) => this.#capacities.byIndex(CLASS_INDEX, className),
    };
  }

  async waitForSync(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.waitForSync(signal)));
  }

  /** Calls back when a claim, a volume or a class has changed. Gives the function that ends it. */
  onChange(changed: () => void): () => void {
    const handler = { add: changed, update: changed, delete: changed };
    const undo = this.#informers.map((informer) => informer.addHandler(handler));
    return () => undo.forEach((remove) => remove());
  }

  /** The pod with what its claims are like now. */
  resolve(pod: PodInfo): PodInfo {
    const storage = resolvePodStorage(pod.pod, this.#facts);
    return storage === undefined ? pod : { ...pod, storage };
  }

  /** Whether a volume has to be found or made before the pod can be bound. */
  isNeeded(pod: PodInfo): boolean {
    return (pod.storage?.delayed.length ?? 0) > 0;
  }

  /** Gets every claim of the pod a volume on the node and waits for it, `msMax` at most. Whether it did; false asks to decide anew. */
  async bind(pod: PodInfo, node: Node, msMax: number, signal: AbortSignal): Promise<boolean> {
    const choices = chooseVolumes(pod.storage?.delayed ?? [], node);
    if (choices === undefined) return false;
    try {
      await writeVolumeChoices(this.#client, choices, node.metadata.name ?? "");
    } catch (error) {
      if (hasReason(error, "Conflict", "NotFound")) return false;
      throw error;
    }
    return this.#settled(choices, node.metadata.name ?? "", msMax, signal);
  }

  async #settled(choices: readonly VolumeChoice[], nodeName: string, msMax: number, signal: AbortSignal): Promise<boolean> {
    const enough = new AbortController();
    const cancel = this.#clock.after(msMax, () => enough.abort());
    const known = new Map(choices.map(({ claim }) => [objectKey(claim), Number(claim.metadata.resourceVersion ?? 0)]));
    const current = () => [...known.keys()].map((key) => this.#claims.getByKey(key));
    const isBound = (claim: PersistentVolumeClaim | undefined) => claim !== undefined && isBindCompleted(claim) && Boolean(claim.spec?.volumeName);
    // Whoever could not make the volume takes the node off the claim again, so that another is chosen; so does who deletes the claim.
    const isRefused = (choice: VolumeChoice) => {
      const claim = this.#claims.getByKey(objectKey(choice.claim));
      if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return true;
      const isNewer = Number(claim.metadata.resourceVersion ?? 0) > (known.get(objectKey(choice.claim)) ?? 0);
      return choice.do === "provision" && isNewer && !isBound(claim) && claim.metadata.annotations?.[SELECTED_NODE_ANNOTATION] !== nodeName;
    };
    try {
      await this.#claims.waitUntil(() => current().every(isBound) || choices.some(isRefused), AbortSignal.any([signal, enough.signal]));
      return current().every(isBound);
    } catch {
      return false; // it took too long, or the scheduler ends
    } finally {
      cancel();
    }
  }
}
