import type { ConfigMap, Pod, Secret } from "../../engine/resources/types.ts";
import { hasDeviceClaims } from "../../engine/resources/device/pod-device-claims.ts";
import type { MountedVolumes } from "../stats/volume-stats.ts";
import { showsContent } from "./followed-content.ts";
import { orderResizes } from "./resize/granted-resources.ts";
import type { PodWorker } from "./pod-worker.ts";

/**
 * The pods that are on this node, by their workers: what others ask of them all, and tell them all. It is there before anything that pods
 * need, as much of that asks which pods there are; the PodManager alone fills it.
 */
export class NodePods {
  readonly #workers = new Map<string, PodWorker>();
  #isComplete = false;

  add(uid: string, worker: PodWorker): void {
    this.#workers.set(uid, worker);
  }

  remove(uid: string): void {
    this.#workers.delete(uid);
  }

  get(uid: string): PodWorker | undefined {
    return this.#workers.get(uid);
  }

  workers(): Iterable<PodWorker> {
    return this.#workers.values();
  }

  /** From now on `uids` are all that there are: the API and the runtime have said which. */
  setComplete(): void {
    this.#isComplete = true;
  }

  /** For the node's room and its endpoint. */
  list(): Pod[] {
    return [...this.#workers.values()].map(({ pod }) => pod);
  }

  /** The uids of the pods that are here; undefined before that is known. */
  uids(): ReadonlySet<string> | undefined {
    return this.#isComplete ? new Set(this.#workers.keys()) : undefined;
  }

  mountedVolumes(): readonly MountedVolumes[] {
    return [...this.#workers.values()].map(({ pod, volumes }) => ({ pod, places: volumes }));
  }

  /** Those that have volumes or wait for them, also when the API knows them no more. */
  volumeUsers(): readonly Pod[] {
    return [...this.#workers.values()].filter(({ hasReleasedVolumes }) => !hasReleasedVolumes).map(({ pod }) => pod);
  }

  /**
   * Those of them that others must leave room for, with what they were granted: one that was taken out of the API by force has no claim any more,
   * though it may still be ending, nor has one that has given way.
   */
  claimants(): Pod[] {
    return [...this.#workers.values()].filter(({ isOrphan, hasGivenWay }) => !isOrphan && !hasGivenWay).map(({ granted }) => granted);
  }

  /** Gives pods the other resources that they ask for, as far as there is room. What one of them gives up is another's at once. */
  grantResizes(): void {
    for (let hasGranted = true; hasGranted;) {
      const requests = [...this.#workers.values()].flatMap((worker) => {
        const request = worker.resizeRequest;
        return request === undefined ? [] : [{ ...request, worker }];
      });
      hasGranted = orderResizes(requests).filter(({ worker }) => worker.decideResize()).length > 0;
    }
  }

  /** See PodWorker. A pod that is not here has ended already. */
  async evict(uid: string, message: string, graceSeconds: number): Promise<void> {
    await this.#workers.get(uid)?.evict(message, graceSeconds);
  }

  /** Ends pods in favour of one that the node must not do without; resolves when they have ended. */
  async preempt(pods: readonly Pod[]): Promise<void> {
    await Promise.all(pods.map(({ metadata }) => this.#workers.get(metadata.uid ?? "")?.preempt()));
  }

  /** A ConfigMap or Secret changed: pods that use it in volumes bring the new content in. */
  contentChanged(object: ConfigMap | Secret): void {
    const { namespace, name = "" } = object.metadata;
    const kind = object.kind === "ConfigMap" ? "ConfigMap" : "Secret";
    for (const worker of this.#workers.values())
      if (worker.pod.metadata.namespace === namespace && showsContent(worker.pod, kind, name)) worker.refreshVolumes();
  }

  /** What the node has is known from now on: pods may have waited for that. */
  nodeSeen(): void {
    for (const worker of this.#workers.values()) worker.wake();
  }

  /** The API server answers again: what failed for want of it is tried again at once. */
  serverIsBack(): void {
    for (const worker of this.#workers.values()) worker.retryNow();
  }

  /** A device fares differently: the status of pods that have it may say so. */
  devicesChanged(): void {
    for (const worker of this.#workers.values()) if (hasDeviceClaims(worker.pod)) worker.wake();
  }
}
