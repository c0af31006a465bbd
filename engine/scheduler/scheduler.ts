import { assert } from "../lib/assert.ts";
import { jsonEqual } from "../lib/freeze.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import { describeObject, objectKey } from "../apimachinery/object-meta.ts";
import { hasReason } from "../apimachinery/status-error.ts";
import type { Client } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { InformerFactory } from "../client/informer-factory.ts";
import { formatTime, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";
import type { Random } from "../lib/random.ts";
import { service, type Service } from "../lib/service.ts";
import { namespaceResource } from "../resources/core/namespace.ts";
import { nodeResource } from "../resources/core/node.ts";
import { podResource } from "../resources/core/pod.ts";
import type { Node, Pod } from "../resources/types.ts";
import { DeviceBinder } from "./devices/device-binder.ts";
import type { NodeDevices } from "./devices/pod-devices.ts";
import { podInfo, takesLess, type NamespaceLabels, type NodeInfo, type PodInfo } from "./node-info.ts";
import { Nominations, priorityOf } from "./nominations.ts";
import type { ClusterEvent, FilterPlugin } from "./plugin.ts";
import { DYNAMIC_RESOURCES } from "./plugins/dynamic-resources.ts";
import { explainPreemption, type RefusedNode } from "./preemption-message.ts";
import { choosePreemption, isRoomBeingMade } from "./preemption.ts";
import { Preemptor } from "./preemptor.ts";
import { createProfile, type Profile } from "./profile.ts";
import { FilterCache, fitsOn, schedulePod, type Decision } from "./schedule-pod.ts";
import { SchedulerMetrics } from "./scheduler-metrics.ts";
import { SCHEDULER_NAME } from "./scheduler-name.ts";
import { DEFAULT_SETTINGS, type ProfileSettings, type SchedulerSettings } from "./scheduler-settings.ts";
import { SchedulingQueue } from "./scheduling-queue.ts";
import { ClusterSnapshot } from "./snapshot.ts";
import { VolumeBinder } from "./volume-binder.ts";

export interface SchedulerOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly events: Pick<EventRecorder, "record">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  /** Upstream's usual ones where not said. */
  readonly settings?: SchedulerSettings;
}

/** What decides about the pods that name one scheduler. */
interface Deciding {
  readonly settings: ProfileSettings;
  readonly profile: Profile;
  readonly filters: ReadonlyMap<string, FilterPlugin>;
  /** What one profile has found out about a node is not so for another. */
  readonly cache: FilterCache;
}

/** Bindings under way at once; when all are taken, deciding waits. */
const BINDINGS_MAX = 64;

/** The scheduler as a service: watches pods and nodes, decides one pod at a time, binds in the background. */
export function createScheduler(options: SchedulerOptions): Service {
  return service("scheduler", (signal) => new Scheduler(options).run(signal));
}

class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #snapshot = new ClusterSnapshot();
  readonly #queue: SchedulingQueue;
  /** By the names of schedulers. */
  readonly #deciding: ReadonlyMap<string, Deciding>;
  readonly #metrics: SchedulerMetrics;
  /** Pods that others have still to let through. */
  readonly #gated = new Set<string>();
  readonly #bindings = new Set<Promise<unknown>>();
  readonly #nominations = new Nominations();
  readonly #preemptor: Preemptor;
  readonly #volumes: VolumeBinder;
  readonly #devices: DeviceBinder;
  /** Pods whose volumes are being made, or whose devices are written down; they hold up nobody else. */
  readonly #preparations = new Set<Promise<void>>();
  #start = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#preemptor = new Preemptor(options);
    this.#volumes = new VolumeBinder(options.client, options.informers, options.clock);
    this.#devices = new DeviceBinder(options);
    const settings = options.settings ?? DEFAULT_SETTINGS;
    this.#queue = new SchedulingQueue(options.clock, settings);
    this.#deciding = new Map(settings.profiles.map((each) => [each.schedulerName, decidingBy(each)]));
    this.#metrics = new SchedulerMetrics(options.metrics);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { informers } = this.#options;
    const nodes = informers.informer(nodeResource);
    const pods = informers.informer(podResource);
    const namespaces = informers.informer(namespaceResource);
    const removeHandlers = [
      nodes.addHandler({
        add: (node) => this.#nodeChanged(undefined, node),
        update: (old, node) => this.#nodeChanged(old, node),
        delete: (node) => this.#nodeRemoved(node.metadata.name ?? ""),
      }),
      pods.addHandler({
        add: (pod) => this.#podChanged(undefined, pod),
        update: (old, pod) => this.#podChanged(old, pod),
        delete: (pod) => this.#podDeleted(pod),
      }),
      this.#volumes.onChange(() => this.#wake({ is: "storage-changed" })),
      this.#devices.onChange((event) => this.#wake(event)),
      this.#metrics.followPending(() => ({ ...this.#queue.sizes, gated: this.#gated.size })),
    ];
    try {
      // Without all nodes and placements the first decisions would be made on half a cluster.
      await Promise.all([
        nodes.waitForSync(signal),
        pods.waitForSync(signal),
        namespaces.waitForSync(signal),
        this.#preemptor.waitForSync(signal),
        this.#volumes.waitForSync(signal),
        this.#devices.waitForSync(signal),
      ]);
      for (;;) {
        const pod = await this.#queue.next(signal);
        if (pod === undefined) break;
        this.#schedule(pod, (name) => namespaces.get("", name)?.metadata.labels, signal);
        while (this.#bindings.size >= BINDINGS_MAX) await Promise.race(this.#bindings);
      }
    } finally {
      for (const remove of removeHandlers) remove();
      this.#queue.close();
      await Promise.all([...this.#preparations, ...this.#bindings]);
    }
  }

  /** What claims mean is looked up for the decision alone; the queue and the snapshot keep none of it. */
  #schedule(queued: PodInfo, namespaceLabels: NamespaceLabels, signal: AbortSignal): void {
    const pod = this.#resolve(queued, namespaceLabels);
    if (pod.devices?.isAwaited === true) return this.#queue.giveBack(queued, new Set([DYNAMIC_RESOURCES]));
    const startedMs = this.#options.clock.monotonic();
    const decision = this.#decide(pod);
    this.#metrics.decided((this.#options.clock.monotonic() - startedMs) / 1000);
    if (decision.is === "unschedulable") {
      // A cluster without nodes rejects through no filter; a node that joins must wake the pod all the same.
      this.#queue.giveBack(queued, decision.rejectedBy.size > 0 ? decision.rejectedBy : new Set(this.#of(pod).filters.keys()));
      const { nominatedNode, explanation } = this.#preempt(pod, decision.refused);
      this.#track(this.#reportUnschedulable(pod, `${decision.message}${explanation}`, nominatedNode));
      if (pod.devices !== undefined && decision.rejectedBy.has(DYNAMIC_RESOURCES))
        this.#track(this.#attempt(pod, "devices not released", this.#devices.releaseIdle(pod.pod, pod.devices)));
      return;
    }
    this.#start = decision.nextStart;
    const { nodeName } = decision;
    this.#snapshot.assume(queued, nodeName);
    this.#nominations.remove(pod.key);
    const node = this.#snapshot.node(nodeName);
    const chosen = node === undefined ? undefined : pod.devices?.on(node);
    const hasDevices = this.#devices.reserve(pod.devices, chosen);
    if (!hasDevices && !this.#volumes.isNeeded(pod)) return this.#track(this.#bind(queued, nodeName));
    const preparing = this.#prepareAndBind(queued, pod, nodeName, chosen, signal).finally(() => this.#preparations.delete(preparing));
    this.#preparations.add(preparing);
  }

  #resolve(queued: PodInfo, namespaceLabels: NamespaceLabels): PodInfo {
    const devices = this.#devices.resolve(queued);
    const pod = { ...this.#volumes.resolve(queued), namespaceLabels };
    // Whether a resource must be the node's own is no longer told by the pod alone.
    return devices === undefined ? pod : { ...pod, devices, signature: `${pod.signature}${[...devices.extended.keys()].join()}` };
  }

  /** Where room was made for the pod, it goes if it fits there now. */
  #decide(pod: PodInfo): Decision {
    const nodes = this.#snapshot.nodes();
    const reserve = (node: NodeInfo) => this.#nominations.withReserved(pod, node);
    const nominated = this.#snapshot.node(this.#nominations.nodeOf(pod.key) ?? "");
    const { profile, cache } = this.#of(pod);
    const isFree = nominated !== undefined && [nominated, reserve(nominated) ?? nominated].every((state) => fitsOn(pod, state, nodes, profile));
    if (isFree) return { is: "fits", nodeName: nominated.name, feasibleNodes: 1, nextStart: this.#start };
    return schedulePod(pod, nodes, profile, this.#start, cache, reserve);
  }

  /** Has others make room, if that is of use; gives the node where, or else why nobody did. */
  #preempt(pod: PodInfo, refused: readonly RefusedNode[]): { readonly nominatedNode: string | undefined; readonly explanation: string } {
    const nominatedNode = this.#nominations.nodeOf(pod.key);
    const withReserved = (node: NodeInfo) => this.#nominations.withReserved(pod, node);
    const nodes = this.#snapshot.nodes();
    const { profile, settings } = this.#of(pod);
    if (nodes.length === 0 || !settings.preempts) return { nominatedNode, explanation: "" };
    const found = choosePreemption({ pod, nodes, profile, budgets: this.#preemptor.budgets(), start: this.#start, withReserved, nominatedNode });
    if (found === undefined)
      return { nominatedNode, explanation: ` ${explainPreemption(pod, nodes, refused, profile, isRoomBeingMade(pod, nodes, nominatedNode))}` };
    const displaced = this.#nominations.below(found.nodeName, priorityOf(pod));
    for (const other of displaced) this.#nominations.remove(other.key);
    this.#nominations.set(pod, found.nodeName);
    this.#track(
      this.#preemptor.execute(pod, found, displaced).then((isDone) => {
        if (!isDone) this.#queue.retry(pod.key);
      }),
    );
    return { nominatedNode: found.nodeName, explanation: "" };
  }

  /** Volumes and devices first: a pod that has a node must find them there. */
  async #prepareAndBind(queued: PodInfo, pod: PodInfo, nodeName: string, chosen: NodeDevices | undefined, signal: AbortSignal): Promise<void> {
    const node = this.#snapshot.node(nodeName)?.node;
    const isReady =
      node !== undefined &&
      (await this.#prepare(pod, node, chosen, signal).catch((error: unknown) => {
        this.#options.logger.warn("volumes or devices not bound, will retry", { pod: pod.key, node: nodeName, error: describeError(error) });
        return false;
      }));
    if (signal.aborted) return;
    // A pod that was deleted meanwhile is assumed no more.
    const isAssumed = this.#snapshot.isAssumed(pod.key);
    if (isReady && isAssumed && (await this.#bind(queued, nodeName))) return;
    if (pod.devices !== undefined) {
      await this.#attempt(pod, "devices not given back", this.#devices.unreserve(pod.pod, pod.devices, chosen));
      // Of what no claim has said yet that it has it, no claim says that it is free.
      this.#wake({ is: "devices-changed" });
    }
    if (isReady || !isAssumed) return;
    this.#takeBack(pod);
    this.#queue.giveBack(queued, new Set());
  }

  async #prepare(pod: PodInfo, node: Node, chosen: NodeDevices | undefined, signal: AbortSignal): Promise<boolean> {
    if (this.#volumes.isNeeded(pod) && !(await this.#volumes.bind(pod, node, this.#of(pod).settings.args.volumesMs, signal))) return false;
    return pod.devices === undefined || chosen?.is !== "available" || this.#devices.bind(pod.pod, node.metadata.name ?? "", pod.devices, chosen, signal);
  }

  /** The pod does not go where it was thought to be: others may, that found no room beside it. */
  #takeBack(pod: PodInfo): void {
    const left = this.#snapshot.forget(pod.key);
    if (left !== undefined) this.#wake({ is: "pod-removed", ...left });
  }

  /** Binds the pod; when that fails, it is taken back and tried again. Whether it went well. */
  async #bind(pod: PodInfo, nodeName: string): Promise<boolean> {
    const { name = "", namespace = "", uid } = pod.pod.metadata;
    try {
      await this.#options.client.for(podResource).createSubresource(namespace, name, "binding", {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name, namespace, ...(uid === undefined ? {} : { uid }) },
        target: { apiVersion: "v1", kind: "Node", name: nodeName },
      } as Parameters<ReturnType<Client["for"]>["createSubresource"]>[3]); // a Binding, which no kind of the catalog types
      this.#options.events.record(pod.pod, {
        type: "Normal",
        reason: "Scheduled",
        action: "Binding",
        message: `Successfully assigned ${namespace}/${name} to ${nodeName}`,
      });
      return true;
    } catch (error) {
      this.#takeBack(pod);
      // Gone, replaced, or bound by someone else: its own watch event says what is true now.
      if (hasReason(error, "NotFound", "Conflict")) return false;
      this.#options.logger.warn("binding failed, will retry", { pod: pod.key, node: nodeName, error: describeError(error) });
      this.#queue.giveBack(pod, new Set());
      return false;
    }
  }

  /** The pod is tried again in any case. */
  async #attempt(pod: PodInfo, failure: string, work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => this.#options.logger.warn(failure, { pod: pod.key, error: describeError(error) }));
  }

  async #reportUnschedulable({ pod }: PodInfo, message: string, nominatedNodeName: string | undefined): Promise<void> {
    this.#options.events.record(pod, { type: "Warning", reason: "FailedScheduling", action: "Scheduling", message });
    const known = findCondition(pod.status?.conditions, "PodScheduled");
    const isNominated = nominatedNodeName === undefined || pod.status?.nominatedNodeName === nominatedNodeName;
    if (isNominated && known?.status === "False" && known.reason === "Unschedulable" && known.message === message) return;
    const condition = {
      type: "PodScheduled",
      status: "False",
      reason: "Unschedulable",
      message,
      observedGeneration: pod.metadata.generation ?? 1,
      lastTransitionTime: formatTime(this.#options.clock.now()),
    };
    try {
      await this.#options.client
        .for(podResource)
        .patch(
          pod.metadata.namespace ?? "",
          pod.metadata.name ?? "",
          "strategic",
          { status: { conditions: [condition], ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }) } },
          { subresource: "status" },
        );
    } catch (error) {
      if (!hasReason(error, "NotFound", "Conflict"))
        this.#options.logger.warn("pod condition not written", { pod: describeObject(pod), error: describeError(error) });
    }
  }

  #nodeChanged(old: Node | undefined, node: Node): void {
    // Heartbeats change only conditions and images; they must not wake anyone, nor cost a new snapshot value.
    const matters =
      old === undefined ||
      !jsonEqual(old.spec, node.spec) ||
      !jsonEqual(old.metadata.labels, node.metadata.labels) ||
      !jsonEqual(old.status?.allocatable, node.status?.allocatable);
    if (!matters && jsonEqual(old.status?.images, node.status?.images)) return;
    const info = this.#snapshot.setNode(node);
    if (matters) this.#wake({ is: old === undefined ? "node-added" : "node-changed", node: info });
  }

  /** Pods are spread over one domain less, perhaps the one that was too empty for those that wait. */
  #nodeRemoved(name: string): void {
    const node = this.#snapshot.node(name);
    this.#snapshot.removeNode(name);
    if (node !== undefined) this.#wake({ is: "node-removed", node });
  }

  #podChanged(old: Pod | undefined, pod: Pod): void {
    const info = podInfo(pod);
    this.#gated.delete(info.key);
    const wasPlaced = old?.spec.nodeName !== undefined && old.spec.nodeName !== "";
    if (pod.spec.nodeName || isFinished(pod)) {
      this.#queue.remove(info.key);
      this.#nominations.remove(info.key);
      if (isFinished(pod)) return this.#podLeft(info.key);
      const before = this.#snapshot.placed(info.key);
      this.#snapshot.setPod(info);
      if (before !== undefined && takesLess(info, before)) this.#wake({ is: "pod-shrunk", nodeName: pod.spec.nodeName ?? "" });
      if (!wasPlaced) this.#wake({ is: "pod-placed", pod: info, nodeName: pod.spec.nodeName ?? "" });
      else if (!jsonEqual(old?.metadata.labels, pod.metadata.labels)) this.#wake({ is: "pod-relabelled", pod: info, nodeName: pod.spec.nodeName ?? "" });
      return;
    }
    const isOurs = pod.metadata.deletionTimestamp === undefined && this.#deciding.has(schedulerOf(pod));
    const isGated = (pod.spec.schedulingGates ?? []).length > 0;
    if (!isOurs || isGated) {
      if (isOurs) this.#gated.add(info.key);
      this.#queue.remove(info.key);
      this.#giveUpRoom(info);
      return;
    }
    // Known from before a restart; later ones are our own.
    if (old === undefined && pod.status?.nominatedNodeName) this.#nominations.set(info, pod.status.nominatedNodeName);
    // Our own condition on the pod comes back as a status change; only what decisions are made of brings a pod back to the queue.
    const isSame =
      old !== undefined &&
      jsonEqual(old.spec, pod.spec) &&
      jsonEqual(old.metadata.labels, pod.metadata.labels) &&
      jsonEqual(old.status?.resourceClaimStatuses, pod.status?.resourceClaimStatuses);
    if (!isSame && !this.#snapshot.isAssumed(info.key)) this.#queue.add(info);
  }

  #podDeleted(pod: Pod): void {
    const key = objectKey(pod);
    this.#queue.remove(key);
    this.#gated.delete(key);
    this.#giveUpRoom(podInfo(pod));
    this.#podLeft(key);
  }

  /** A pod that comes no more leaves the room that was kept for it to others. */
  #giveUpRoom(pod: PodInfo): void {
    const nodeName = this.#nominations.remove(pod.key);
    if (nodeName !== undefined) this.#wake({ is: "pod-removed", pod, nodeName });
  }

  #podLeft(key: string): void {
    const left = this.#snapshot.removePod(key);
    if (left !== undefined) this.#wake({ is: "pod-removed", ...left });
  }

  #wake(event: ClusterEvent): void {
    this.#queue.wakeAll((pod, rejectedBy) => {
      const { filters } = this.#of(pod);
      for (const name of rejectedBy) if (filters.get(name)?.wokenBy(event, pod) === true) return true;
      return false;
    });
  }

  /** Only pods of one of the profiles come into the queue. */
  #of({ pod }: PodInfo): Deciding {
    const deciding = this.#deciding.get(schedulerOf(pod));
    assert(deciding !== undefined, `no profile is named ${schedulerOf(pod)}`);
    return deciding;
  }

  #track(work: Promise<unknown>): void {
    this.#bindings.add(work);
    void work.finally(() => this.#bindings.delete(work));
  }
}

function decidingBy(settings: ProfileSettings): Deciding {
  const profile = createProfile(settings);
  return { settings, profile, filters: new Map(profile.filters.map((filter) => [filter.name, filter])), cache: new FilterCache() };
}

function schedulerOf({ spec }: Pod): string {
  return spec.schedulerName ?? SCHEDULER_NAME;
}

function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}
