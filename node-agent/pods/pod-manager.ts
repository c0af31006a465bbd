import type { Informer } from "../../engine/client/informer.ts";
import { aborted } from "../../engine/lib/abort.ts";
import { sleep } from "../../engine/lib/clock.ts";
import { jsonEqual } from "../../engine/lib/freeze.ts";
import { describeError } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import type { Pod } from "../../engine/resources/types.ts";
import type { Glance } from "../cri/runtime.ts";
import { hasSameName, isMirror, isStatic } from "../static-pods/static-pod.ts";
import type { NodePods } from "./node-pods.ts";
import type { PodContext } from "./pod-context.ts";
import { PodWorker } from "./pod-worker.ts";
import { sweepCgroups, sweepOrphans } from "./termination/sweep-orphans.ts";

/** The runtime is looked at this often even when it reports nothing: events may be lost. */
const RELIST_MS = 10_000;
const EVENTS_RETRY_MS = 1_000;
const STATICS_WAIT_MS = 2_000;
/** How long after an event it looks once more: the runtime tells of an end before its own records show it, on a busy machine seconds before. */
const SETTLE_MS = [50, 300, 1_000, 3_000] as const;

export interface PodManagerOptions {
  readonly context: PodContext;
  /** All that the API has for this node. */
  readonly pods: Informer<Pod>;
  /** Where the workers are to be found by all who ask for them. */
  readonly here: NodePods;
  /** Told whenever one of the pods is here no more. */
  readonly onEnded?: () => void;
  /** Told when the API shows a static pod otherwise than before. */
  readonly onMirror?: () => void;
}

/** Gives every pod of this node a worker, and wakes it when something of its pod changes. */
export class PodManager {
  readonly #context: PodContext;
  readonly #pods: Informer<Pod>;
  readonly #here: NodePods;
  readonly #onEnded: () => void;
  readonly #onMirror: () => void;
  /** Of the workers that run. */
  readonly #ends = new Set<Promise<void>>();
  /** Pods of this machine's own files, by uid. */
  #statics: ReadonlyMap<string, Pod> = new Map();
  #runsStatics = false;
  #signal: AbortSignal | undefined;
  /** What each pod looked like in the runtime at the last relist. */
  #seen = new Map<string, string>();
  #relistedAtMs: number | undefined;
  /** Pods that the runtime had at the last relist and nobody else knew. */
  #strays: ReadonlySet<string> = new Set();
  /** Looks that are due already, by their delay. */
  readonly #looks = new Set<number>();

  constructor({ context, pods, here, onEnded = () => {}, onMirror = () => {} }: PodManagerOptions) {
    this.#context = context;
    this.#pods = pods;
    this.#here = here;
    this.#onEnded = onEnded;
    this.#onMirror = onMirror;
  }

  /** The pods of this machine's own files as they are now; those that are no more among them end. */
  setStaticPods(pods: readonly Pod[]): void {
    this.#statics = new Map(pods.map((pod) => [pod.metadata.uid ?? "", pod]));
    this.#runStatics();
  }

  /** Those that are to run, and those that end. */
  staticPods(): { readonly statics: readonly Pod[]; readonly ending: readonly Pod[] } {
    const running = this.#here.list().filter(isStatic);
    return { statics: [...this.#statics.values()], ending: running.filter(({ metadata }) => metadata.deletionTimestamp !== undefined) };
  }

  /** Begins with what is new and ends what is not said any more, API or not. */
  #runStatics(): void {
    if (!this.#runsStatics || this.#signal?.aborted === true) return;
    for (const worker of this.#here.workers()) if (isStatic(worker.pod) && !this.#statics.has(worker.pod.metadata.uid ?? "")) worker.retire();
    for (const pod of this.#statics.values()) {
      const known = this.#here.get(pod.metadata.uid ?? "");
      // Two files may share a uid, one after the other: what runs ends as itself.
      if (known !== undefined && !hasSameName(known.pod, pod)) {
        known.retire();
        continue;
      }
      // One with a uid of its own may change and stay what it is.
      if (known !== undefined && !jsonEqual(known.pod.spec, pod.spec) && known.pod.metadata.deletionTimestamp === undefined)
        known.update({ ...pod, ...(known.pod.status === undefined ? {} : { status: known.pod.status }) });
      // One of the same name that is still ending has what this one needs; its end comes back here.
      const isTaken = this.#here.list().some((other) => hasSameName(other, pod));
      if (isTaken) continue;
      const shown = this.#context.mirrorOf(pod)?.status;
      this.#start(shown === undefined ? pod : { ...pod, status: shown });
    }
  }

  services(): Service[] {
    return [
      service("pods", (signal) => this.#run(signal)),
      service("runtime-events", (signal) => this.#followRuntime(signal)),
      service("runtime-relist", (signal) => this.#relistForever(signal)),
    ];
  }

  async #run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    // Who starts without knowing the Services has a container without the API's address in its environment.
    const synced = Promise.all([this.#pods.waitForSync(signal), this.#context.servicesKnown(signal)]);
    // What the API shows of them is what is known of their past; they do not wait long for it.
    if (this.#statics.size > 0) await Promise.race([synced, sleep(this.#context.clock, STATICS_WAIT_MS, signal).catch(() => {})]);
    this.#runsStatics = true;
    this.#runStatics();
    await synced;
    if (!(await this.#adoptLeftovers(signal))) return;
    const remove = this.#pods.addHandler({
      add: (pod) => this.#see(pod),
      update: (old, pod) => this.#see(pod, old),
      delete: (pod) => {
        if (isMirror(pod)) return this.#mirrorChanged(pod);
        this.#here.get(pod.metadata.uid ?? "")?.orphan();
        this.#here.grantResizes();
      },
    });
    this.#here.setComplete();
    try {
      await aborted(signal);
    } finally {
      remove();
      await Promise.all(this.#ends);
    }
  }

  /** What it shows may have to be told to another, or to nobody. Where it is the same one, its status is what was told. */
  #mirrorChanged(mirror: Pod, before?: Pod): void {
    if (before?.metadata.uid !== mirror.metadata.uid)
      for (const worker of this.#here.workers()) if (isStatic(worker.pod) && hasSameName(worker.pod, mirror)) worker.wake();
    this.#onMirror();
  }

  #see(pod: Pod, before?: Pod): void {
    if (isMirror(pod)) return this.#mirrorChanged(pod, before);
    const uid = pod.metadata.uid ?? "";
    const known = this.#here.get(uid);
    if (known !== undefined) {
      known.update(pod);
      // It may want other resources, or have ended.
      return this.#here.grantResizes();
    }
    // A pod that ended while nobody looked needs no worker unless something of it is left, or the API waits for its end.
    if ((pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") && pod.metadata.deletionTimestamp === undefined && !this.#seen.has(uid)) return;
    this.#start(pod);
  }

  #start(pod: Pod): PodWorker {
    const uid = pod.metadata.uid ?? "";
    const worker = new PodWorker(this.#context, pod, () => this.#here.grantResizes());
    const ended: Promise<void> = worker.run(this.#signal ?? AbortSignal.abort()).finally(() => {
      this.#here.remove(uid);
      this.#ends.delete(ended);
      this.#here.grantResizes();
      this.#runStatics();
      this.#onEnded();
    });
    this.#here.add(uid, worker);
    this.#ends.add(ended);
    return worker;
  }

  /**
   * Pods that the runtime still has and the API no longer knows: deleted while no agent ran. Waits for a runtime that does not answer;
   * false when the signal fired first.
   */
  async #adoptLeftovers(signal: AbortSignal): Promise<boolean> {
    const { runtime, clock, logger } = this.#context;
    while (!signal.aborted) {
      try {
        const sandboxes = await runtime.listSandboxes();
        const known = new Set([...this.#pods.list().map((pod) => pod.metadata.uid), ...this.#statics.keys()]);
        for (const sandbox of sandboxes) {
          this.#seen.set(sandbox.uid, "");
          if (known.has(sandbox.uid) || this.#here.get(sandbox.uid) !== undefined) continue;
          logger.info("ending a pod that was deleted meanwhile", { pod: `${sandbox.namespace}/${sandbox.name}` });
          this.#start(formerPod(sandbox)).orphan();
        }
        const { podsDir, settings } = this.#context;
        const alive = new Set([...known, ...sandboxes.map(({ uid }) => uid)].filter((uid) => uid !== undefined));
        const left = await sweepOrphans({ podsDir, logsDir: settings.logsDir, cgroupRoot: settings.cgroupRoot }, alive, this.#context.csi, logger);
        for (const uid of left) this.#start(formerPod({ uid, name: uid, namespace: "" })).orphan();
        await this.#context.images
          .releaseOthers(alive)
          .catch((error: unknown) => logger.warn("images of pods that are gone not released", { error: describeError(error) }));
        return true;
      } catch (error) {
        logger.warn("the runtime does not answer, will retry", { error: describeError(error) });
        await sleep(clock, EVENTS_RETRY_MS, signal).catch(() => {});
      }
    }
    return false;
  }

  async #followRuntime(signal: AbortSignal): Promise<void> {
    const { runtime, clock, logger } = this.#context;
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      try {
        // What happened while nobody listened is told by no event.
        if (!isFirst) {
          await this.#wakeChanged();
          this.#lookAgain(signal);
        }
        for await (const _event of runtime.events(signal)) {
          await this.#wakeChanged();
          this.#lookAgain(signal);
        }
      } catch (error) {
        if (!signal.aborted) logger.warn("runtime events interrupted, will retry", { error: describeError(error) });
      }
      await sleep(clock, EVENTS_RETRY_MS, signal).catch(() => {});
    }
  }

  /** Once for each delay, however many events come meanwhile. */
  #lookAgain(signal: AbortSignal): void {
    const { clock, logger } = this.#context;
    for (const delayMs of SETTLE_MS) {
      if (this.#looks.has(delayMs)) continue;
      this.#looks.add(delayMs);
      clock.after(delayMs, () => {
        this.#looks.delete(delayMs);
        if (!signal.aborted) this.#wakeChanged().catch((error: unknown) => logger.warn("runtime not listed, will retry", { error: describeError(error) }));
      });
    }
  }

  async #relistForever(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#context;
    while (!signal.aborted) {
      await sleep(clock, RELIST_MS, signal).catch(() => {});
      try {
        if (signal.aborted) return;
        await this.#wakeChanged();
        await this.#endStrays();
      } catch (error) {
        logger.warn("runtime not listed, will retry", { error: describeError(error) });
      }
      // The node may have grown.
      this.#here.grantResizes();
    }
  }

  /**
   * Ends what the runtime has of pods that nobody knows, and had at the last look too: it may have made a sandbox although whoever asked for
   * it had given up. The same goes for cgroups.
   */
  async #endStrays(): Promise<void> {
    if (this.#here.uids() === undefined) return;
    const known = new Set([...this.#pods.list().map(({ metadata }) => metadata.uid), ...this.#statics.keys()]);
    const strays = new Set([...this.#seen.keys()].filter((uid) => !known.has(uid) && this.#here.get(uid) === undefined));
    const again = [...strays].filter((uid) => this.#strays.has(uid));
    this.#strays = strays;
    for (const uid of again) {
      const [sandbox] = await this.#context.runtime.listSandboxes(uid);
      if (sandbox === undefined || this.#signal?.aborted === true || this.#here.get(uid) !== undefined) continue;
      this.#context.logger.info("ending a pod that nobody knows", { pod: `${sandbox.namespace}/${sandbox.name}` });
      this.#start(formerPod(sandbox)).orphan();
    }
    sweepCgroups(this.#context.settings.cgroupRoot, (uid) => known.has(uid) || this.#seen.has(uid) || this.#here.get(uid) !== undefined);
  }

  /** Wakes the workers whose pod looks different in the runtime than at the last look. */
  async #wakeChanged(): Promise<void> {
    const { runtime, clock } = this.#context;
    const startMs = clock.monotonic();
    const { sandboxes, containers } = await runtime.glance();
    this.#measure(startMs, { sandboxes, containers });
    const now = new Map<string, string>();
    for (const sandbox of sandboxes) now.set(sandbox.uid, `${now.get(sandbox.uid) ?? ""}${sandbox.id}${sandbox.isReady};`);
    for (const container of containers) now.set(container.podUid, `${now.get(container.podUid) ?? ""}${container.id}${container.state};`);
    for (const [uid, text] of now) if (this.#seen.get(uid) !== text) this.#here.get(uid)?.wake();
    for (const uid of this.#seen.keys()) if (!now.has(uid)) this.#here.get(uid)?.wake();
    this.#seen = now;
  }

  #measure(startMs: number, { sandboxes, containers }: Glance): void {
    const { metrics, clock } = this.#context;
    const nowMs = clock.monotonic();
    metrics.relistSeconds.observe((nowMs - startMs) / 1000);
    if (this.#relistedAtMs !== undefined) metrics.relistInterval.observe((nowMs - this.#relistedAtMs) / 1000);
    this.#relistedAtMs = nowMs;
    metrics.relistAt.set(clock.now() / 1000);
    metrics.runningPods.set(sandboxes.filter(({ isReady }) => isReady).length);
    for (const container_state of ["created", "running", "exited", "unknown"] as const)
      metrics.runningContainers.set(containers.filter(({ state }) => state === container_state).length, { container_state });
  }
}

/** What is known of a pod that the API has no more. */
function formerPod({ uid, name, namespace }: { readonly uid: string; readonly name: string; readonly namespace: string }): Pod {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace, uid }, spec: { containers: [] } };
}
