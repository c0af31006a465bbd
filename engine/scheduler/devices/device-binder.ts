import { withMetadata } from "../../apimachinery/object-copy.ts";
import { objectKey, type KubeObject } from "../../apimachinery/object-meta.ts";
import { hasReason } from "../../apimachinery/status-error.ts";
import type { Client } from "../../client/client.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { InformerFactory } from "../../client/informer-factory.ts";
import { formatTime, type Clock } from "../../lib/clock.ts";
import type { MetricsRegistry } from "../../lib/metrics.ts";
import type { Random } from "../../lib/random.ts";
import { podResource } from "../../resources/core/pod.ts";
import { deviceClassResource } from "../../resources/device/device-class.ts";
import { classesByResource } from "../../resources/device/extended-resources.ts";
import { CLAIM_FINALIZER, EXTENDED_CLAIM_ANNOTATION, isReservedFor, withReservation } from "../../resources/device/pod-device-claims.ts";
import { resourceClaimResource } from "../../resources/device/resource-claim.ts";
import { resourceSliceResource } from "../../resources/device/resource-slice.ts";
import type { AllocationResult, DeviceClass, Pod, ResourceClaim } from "../../resources/types.ts";
import type { PodInfo } from "../node-info.ts";
import type { ClusterEvent } from "../plugin.ts";
import { bindingResult, DEVICE_BINDING_MS_MAX, hasBindingConditions } from "./binding-conditions.ts";
import { DeviceMetrics } from "./device-metrics.ts";
import { indexSlices, type SliceIndex } from "./device-pools.ts";
import { DevicesInUse } from "./devices-in-use.ts";
import { extendedClaimUid, type ExtendedClaim } from "./extended-claim.ts";
import { resolvePodDevices, type DeviceFacts, type NodeDevices, type PodDevices } from "./pod-devices.ts";

const OWNER_INDEX = "owner";
const WRITES_MAX = 5;

type StoredClaim = ResourceClaim & KubeObject;

export interface DeviceBinderOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly events: Pick<EventRecorder, "record">;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: MetricsRegistry;
}

/**
 * Devices as the scheduler needs them: what is known of a pod's claims, keeping the devices that were chosen for it, and writing that down
 * before the pod is bound. Pods without claims cost a look at an empty list, and at the names of their resources.
 */
export class DeviceBinder {
  readonly #options: DeviceBinderOptions;
  readonly #claims;
  readonly #slices;
  readonly #classes;
  readonly #metrics: DeviceMetrics;
  readonly #inUse = new DevicesInUse();
  /** Chosen and not written yet, by the claim's uid. */
  readonly #pending = new Map<string, AllocationResult>();
  /** Claims as we last wrote them, until the informer shows as much. */
  readonly #written = new Map<string, StoredClaim>();
  readonly #facts: DeviceFacts;
  #sliceIndex: SliceIndex | undefined;
  #byResource: ReadonlyMap<string, DeviceClass> | undefined;

  constructor(options: DeviceBinderOptions) {
    const { informers, clock, random } = options;
    this.#options = options;
    this.#metrics = new DeviceMetrics(options.metrics);
    this.#claims = informers.informer(resourceClaimResource);
    this.#slices = informers.informer(resourceSliceResource);
    this.#classes = informers.informer(deviceClassResource);
    this.#claims.addIndex(OWNER_INDEX, ({ metadata }) => (metadata.ownerReferences ?? []).map(({ uid }) => uid));
    this.#facts = {
      claim: (namespace, name) => this.#newest(`${namespace}/${name}`),
      claimsOwnedBy: (uid) => this.#claims.byIndex(OWNER_INDEX, uid),
      isPending: (uid) => this.#pending.has(uid),
      deviceClass: (name) => this.#classes.get("", name),
      classOfResource: (name) => (this.#byResource ??= classesByResource(this.#classes.list())).get(name),
      slices: () => (this.#sliceIndex ??= indexSlices(this.#slices.list())),
      inUse: this.#inUse,
      random,
      nowMs: () => clock.now(),
    };
  }

  async waitForSync(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#claims, this.#slices, this.#classes].map((informer) => informer.waitForSync(signal)));
  }

  /** Tells of what may help pods that wait for devices. Gives the function that ends it. */
  onChange(tell: (event: ClusterEvent) => void): () => void {
    const claimChanged = (old: ResourceClaim | undefined, claim: ResourceClaim) => {
      this.#count(claim);
      tell({ is: "claim-changed", old, claim });
    };
    const claimGone = (claim: ResourceClaim) => {
      this.#written.delete(objectKey(claim));
      this.#inUse.set(claim.metadata.uid ?? "", undefined);
      tell({ is: "claim-changed", old: claim, claim: { ...claim, status: {} } });
    };
    const devicesChanged = () => {
      this.#sliceIndex = undefined;
      tell({ is: "devices-changed" });
    };
    const classesChanged = () => {
      this.#byResource = undefined;
      tell({ is: "device-classes-changed" });
    };
    const undo = [
      this.#claims.addHandler({ add: (claim) => claimChanged(undefined, claim), update: claimChanged, delete: claimGone }),
      this.#slices.addHandler({ add: devicesChanged, update: devicesChanged, delete: devicesChanged }),
      this.#classes.addHandler({ add: classesChanged, update: classesChanged, delete: classesChanged }),
    ];
    return () => undo.forEach((remove) => remove());
  }

  /** What the pod's claims mean now; undefined for pods that want no devices. */
  resolve(pod: PodInfo): PodDevices | undefined {
    return resolvePodDevices(pod, this.#facts);
  }

  /** Keeps for the pod what was worked out for it on the node. Whether there is anything to write before it is bound. */
  reserve(devices: PodDevices | undefined, chosen: NodeDevices | undefined): boolean {
    if (devices === undefined || chosen?.is !== "available") return false;
    for (const [uid, allocation] of chosen.allocations) {
      this.#pending.set(uid, allocation);
      this.#inUse.set(uid, allocation);
    }
    return devices.claims.length > 0 || chosen.extended !== undefined;
  }

  /** Writes down which devices the pod has, and waits until those that need it are ready. Whether they are; false asks to decide anew. */
  async bind(pod: Pod, nodeName: string, devices: PodDevices, chosen: Extract<NodeDevices, { is: "available" }>, signal: AbortSignal): Promise<boolean> {
    const bound: StoredClaim[] = [];
    for (const claim of devices.claims) {
      const uid = claim.metadata.uid ?? "";
      const allocation = chosen.allocations.get(uid);
      if (allocation === undefined && isReservedFor(claim, pod))
        bound.push(claim as StoredClaim); // stored, so it has its names
      else bound.push(await this.#write(claim as StoredClaim, pod, allocation)); // likewise
      this.#pending.delete(uid);
    }
    if (chosen.extended !== undefined) bound.push(await this.#writeExtended(pod, chosen.extended, chosen.allocations.get(extendedClaimUid(pod))));
    return this.#areReady(bound, pod, nodeName, signal);
  }

  /** Nothing came of it: what was chosen is free again, and who has devices already does not need them for this pod now. */
  async unreserve(pod: Pod, devices: PodDevices, chosen: NodeDevices | undefined): Promise<void> {
    if (chosen?.is !== "available") return;
    this.#drop(extendedClaimUid(pod), undefined);
    for (const claim of devices.claims) {
      const current = this.#newest(objectKey(claim));
      this.#drop(claim.metadata.uid ?? "", current?.status?.allocation);
      if (current !== undefined && isReservedFor(current, pod)) await this.#release(current, pod).catch(unlessOvertaken);
    }
    for (const leftover of chosen.extended === undefined ? [] : this.#extendedClaimsOf(pod)) await this.#discard(leftover);
  }

  /** Takes the devices from a claim that keeps a pod from every node although nobody else uses it. */
  async releaseIdle(pod: Pod, devices: PodDevices): Promise<void> {
    if (devices.leftover !== undefined) return this.#discard(devices.leftover as StoredClaim); // stored, so it has its names
    const idle = [...devices.blocking()].find(({ status }) => (status?.reservedFor ?? []).every(({ uid }) => uid === pod.metadata.uid));
    if (idle === undefined) return;
    const { allocation: _devices, reservedFor: _users, devices: _told, ...status } = idle.status ?? {};
    await this.#options.client
      .for(resourceClaimResource)
      .updateStatus({ ...(idle as StoredClaim), status })
      .catch(unlessOvertaken); // likewise
  }

  /** The claim with the pod among its users, and with its devices when it gets them now. A write that was overtaken looks again. */
  async #write(claim: StoredClaim, pod: Pod, allocation: AllocationResult | undefined): Promise<StoredClaim> {
    const api = this.#options.client.for(resourceClaimResource);
    const { namespace = "", name = "", uid } = claim.metadata;
    let current = claim;
    for (let tries = 1; ; tries++) {
      if (current.metadata.uid !== uid || current.metadata.deletionTimestamp !== undefined)
        throw new Error(`claim ${namespace}/${name} got deleted in the meantime`);
      if (allocation !== undefined && current.status?.allocation !== undefined)
        throw new Error(`claim ${namespace}/${name} got allocated elsewhere in the meantime`);
      if (allocation === undefined && current.status?.allocation === undefined)
        throw new Error(`claim ${namespace}/${name} got deallocated elsewhere in the meantime`);
      try {
        if (allocation !== undefined && current.metadata.finalizers?.includes(CLAIM_FINALIZER) !== true)
          current = (await api.update(withMetadata(current, { finalizers: [...(current.metadata.finalizers ?? []), CLAIM_FINALIZER] }))) as StoredClaim; // as stored
        const given = allocation ?? current.status?.allocation ?? {};
        const timed = { allocationTimestamp: formatTime(this.#options.clock.now()), ...given };
        const written = (await api.updateStatus(withReservation({ ...current, status: { ...current.status, allocation: timed } }, pod))) as StoredClaim; // as stored
        this.#written.set(objectKey(written), written);
        this.#count(written);
        return written;
      } catch (error) {
        if (!hasReason(error, "Conflict") || tries >= WRITES_MAX) throw error;
        current = (await api.get(namespace, name)) as StoredClaim; // as stored
      }
    }
  }

  async #writeExtended(pod: Pod, { claim, mappings }: ExtendedClaim, allocation: AllocationResult | undefined): Promise<StoredClaim> {
    const { client } = this.#options;
    const { uid: _uid, ...metadata } = claim.metadata;
    let created: StoredClaim;
    try {
      created = (await client.for(resourceClaimResource).create({ ...claim, metadata } as StoredClaim)) as StoredClaim; // the API names it
    } catch (error) {
      this.#metrics.claimCreated("failure");
      throw error;
    }
    this.#metrics.claimCreated("success");
    const written = await this.#write(created, pod, allocation);
    // From here on the devices belong to the claim that there is.
    this.#drop(extendedClaimUid(pod), undefined);
    const { namespace = "", name = "", uid } = pod.metadata;
    const extendedResourceClaimStatus = { resourceClaimName: written.metadata.name ?? "", requestMappings: mappings };
    await client
      .for(podResource)
      .patch(namespace, name, "strategic", { metadata: { uid }, status: { extendedResourceClaimStatus } }, { subresource: "status" });
    return written;
  }

  async #areReady(bound: readonly StoredClaim[], pod: Pod, nodeName: string, signal: AbortSignal): Promise<boolean> {
    if (!bound.some(hasBindingConditions)) return true;
    const { clock, events } = this.#options;
    events.record(pod as Pod & KubeObject, {
      type: "Normal",
      reason: "BindingConditionsPending",
      action: "Scheduling",
      message: `waiting for binding conditions for device on node ${nodeName}`,
    }); // stored, so it has its names
    const startedMs = clock.monotonic();
    const enough = new AbortController();
    const cancel = clock.after(DEVICE_BINDING_MS_MAX, () => enough.abort());
    const result = () =>
      bindingResult(
        bound.map((claim) => this.#newest(objectKey(claim))),
        clock.now(),
      );
    try {
      await this.#claims.waitUntil(() => result() !== undefined, AbortSignal.any([signal, enough.signal]));
    } catch {
      if (signal.aborted) return false;
    } finally {
      cancel();
    }
    const found = result() ?? "timeout";
    this.#metrics.bindingEnded(bound, found, (clock.monotonic() - startedMs) / 1000);
    return found === "success";
  }

  async #release(claim: StoredClaim, pod: Pod): Promise<void> {
    const reservedFor = (claim.status?.reservedFor ?? []).filter(({ uid }) => uid !== pod.metadata.uid);
    const written = (await this.#options.client.for(resourceClaimResource).updateStatus({ ...claim, status: { ...claim.status, reservedFor } })) as StoredClaim; // as stored
    this.#written.set(objectKey(written), written);
  }

  async #discard(claim: StoredClaim): Promise<void> {
    const api = this.#options.client.for(resourceClaimResource);
    const { namespace = "", name = "", uid = "", finalizers = [] } = claim.metadata;
    try {
      if (finalizers.includes(CLAIM_FINALIZER))
        await api.update(withMetadata(claim, { finalizers: finalizers.filter((finalizer) => finalizer !== CLAIM_FINALIZER) }));
      await api.delete(namespace, name, { preconditions: { uid } });
    } catch (error) {
      unlessOvertaken(error);
    }
  }

  #extendedClaimsOf(pod: Pod): readonly StoredClaim[] {
    const written = [...this.#written.values()].filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid) === true);
    const known = new Map(
      [...(this.#claims.byIndex(OWNER_INDEX, pod.metadata.uid ?? "") as StoredClaim[]), ...written].map((claim) => [claim.metadata.uid, claim]),
    ); // stored, so they have their names
    return [...known.values()].filter(({ metadata }) => metadata.annotations?.[EXTENDED_CLAIM_ANNOTATION] === "true");
  }

  /** What was chosen for the claim counts no more; `instead` is what it has by now. */
  #drop(uid: string, instead: AllocationResult | undefined): void {
    if (this.#pending.delete(uid)) this.#inUse.set(uid, instead);
  }

  /** The claim as we wrote it, or as the informer knows it, whichever is newer. */
  #newest(key: string): StoredClaim | undefined {
    const seen = this.#claims.getByKey(key) as StoredClaim | undefined; // stored, so it has its names
    const written = this.#written.get(key);
    if (written === undefined) return seen;
    if (Number(written.metadata.resourceVersion) > Math.max(Number(seen?.metadata.resourceVersion ?? 0), this.#claims.revision)) return written;
    this.#written.delete(key);
    return seen;
  }

  /** What is chosen for a claim counts until the claim itself says what it has. */
  #count(claim: ResourceClaim): void {
    const { uid = "" } = claim.metadata;
    const { allocation } = this.#newest(objectKey(claim))?.status ?? claim.status ?? {};
    this.#inUse.set(uid, allocation ?? this.#pending.get(uid));
  }
}

/** Others were faster, or the claim is gone: the pod is tried again and sees what is true then. */
function unlessOvertaken(error: unknown): void {
  if (!hasReason(error, "Conflict", "NotFound")) throw error;
}
