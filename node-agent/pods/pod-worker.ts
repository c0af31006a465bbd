import { describeObject } from "../../engine/apimachinery/object-meta.ts";
import { isAbort } from "../../engine/lib/abort.ts";
import { Bell } from "../../engine/lib/bell.ts";
import { backoffMs } from "../../engine/lib/backoff.ts";
import { formatTime } from "../../engine/lib/clock.ts";
import { jsonEqual } from "../../engine/lib/freeze.ts";
import { describeError } from "../../engine/lib/log.ts";
import type { Pod, PodStatus } from "../../engine/resources/types.ts";
import { isStatic } from "../static-pods/static-pod.ts";
import { showsItself } from "../volumes/volumes.ts";
import { activeDeadlineMs, computePodActions, deadlineExceeded, hasRunning, isFinished, isTerminal, type PodState } from "./compute-pod-actions.ts";
import { PodExecutor } from "./execute-pod-actions.ts";
import type { PodContext } from "./pod-context.ts";
import type { ResizeRequest } from "./resize/granted-resources.ts";
import { lostContainers } from "./status/lost-containers.ts";
import { PodProbes } from "./probes/pod-probes.ts";
import { PodResizer } from "./resize/pod-resizer.ts";
import { computePodStatus } from "./status/pod-status.ts";
import { PodStatusWriter, type WrittenStatus } from "./status/pod-status-writer.ts";
import { PodVolumes } from "./pod-volumes.ts";
import { removePod, tellFailedKill } from "./termination/remove-pod.ts";
import { terminatePod } from "./termination/terminate-pod.ts";
import { TerminationMessages } from "./status/termination-message.ts";

const SYNC_RETRY = { initialMs: 500, maxMs: 30_000 };
const RESIZE_RETRY_MS = 10_000;

/** Why a pod has to give way to others on its node. */
interface Eviction {
  readonly reason: string;
  readonly message: string;
  /** What those are told who count how often the machine ends pods. */
  readonly disruption: string;
  /** As it asked for itself where nothing is said. */
  readonly graceSeconds: number | undefined;
  readonly over: Promise<void>;
  readonly ended: () => void;
}

/**
 * Looks after one pod from its first sight to its last trace. One step at a time: look, decide (computePodActions), act, report;
 * then wait until something changes. Everything it remembers can be lost: the next worker sees the same in the runtime.
 */
export class PodWorker {
  readonly #context: PodContext;
  readonly #executor: PodExecutor;
  readonly #probes: PodProbes;
  readonly #resizer: PodResizer;
  readonly #volumes: PodVolumes;
  readonly #messages: TerminationMessages;
  #pod: Pod;
  #isOrphan = false;
  /** How often in a row its step has failed; it waits to be tried again. */
  #failures = 0;
  /** How often in a row its status could not be told. */
  #untold = 0;
  /** What the next step is for, in upstream's words. */
  #operation: "create" | "update" | "sync" = "create";
  /** Something of the pod has changed. */
  readonly #bell: Bell;
  readonly #statusWriter: PodStatusWriter;
  #told: WrittenStatus | undefined;
  /** The API is being told something. */
  #isTelling = false;
  /** What it has shown meanwhile: whether that is what it was told, its answer says. */
  #shown: Pod | undefined;
  /** Fires when the pod is to go or the agent ends: nothing is waited for then that may take as long as it likes. */
  readonly #interruption = new AbortController();
  /** Asked to stop when the pod had ended. */
  readonly #stoppedSandboxes = new Set<string>();
  #eviction: Eviction | undefined;
  #hasGivenWay = false;
  #hasEndedByItself = false;

  /** `askForRoom` is called when the pod wants other resources than it was granted; see `decideResize`. */
  constructor(context: PodContext, pod: Pod, askForRoom: () => void = () => {}) {
    this.#context = context;
    this.#bell = new Bell(context.clock);
    this.#pod = pod;
    this.#statusWriter = new PodStatusWriter(context, pod);
    this.#messages = new TerminationMessages(context);
    context.metrics.containersPerPod.observe(pod.spec.containers.length);
    this.#executor = new PodExecutor(context);
    this.#volumes = new PodVolumes(context);
    this.#probes = new PodProbes(context, () => this.wake());
    this.#resizer = new PodResizer(
      context,
      {
        tell: async () => this.#report(computePodStatus(this.#statusInputs(await this.#observe()))),
        stop: (container, message, state) => this.#executor.stop(container, message, this.#pod, state),
        ask: askForRoom,
      },
      pod,
    );
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** The pod as it counts on the node: without resources that it asks for and was not granted. */
  get granted(): Pod {
    return this.#resizer.granted(this.#pod);
  }

  /** The other resources that it asks for; of a pod that ends nothing is heard. */
  get resizeRequest(): ResizeRequest | undefined {
    return this.#isToGo() || isTerminal(this.#pod) ? undefined : this.#resizer.request(this.#pod);
  }

  /** Grants them if there is room; whether it did. */
  decideResize(): boolean {
    const { isGranted, isNews } = this.#resizer.decide(this.#pod);
    if (isNews) this.wake();
    return isGranted;
  }

  /** Where its volumes are, by name; none while they are not all there. */
  get volumes(): ReadonlyMap<string, string> {
    return this.#volumes.places;
  }

  /** The API's newest state of the pod. */
  update(pod: Pod): void {
    // What a pod is told of itself in a volume may be what it waits for.
    if (showsItself(pod) && !(jsonEqual(pod.metadata.labels, this.#pod.metadata.labels) && jsonEqual(pod.metadata.annotations, this.#pod.metadata.annotations)))
      this.#volumes.refresh();
    const isEcho = this.#isEcho(pod);
    this.#pod = this.#asTold(pod);
    if (isEcho) return;
    if (this.#operation === "sync") this.#operation = "update";
    this.wake();
  }

  /** The file that it comes from says it no more: it ends as on a deletion. */
  retire(): void {
    if (this.#pod.metadata.deletionTimestamp !== undefined) return;
    const { metadata, spec } = this.#pod;
    this.#pod = {
      ...this.#pod,
      metadata: { ...metadata, deletionTimestamp: formatTime(this.#context.clock.now()), deletionGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30 },
    };
    this.wake();
  }

  /** The node needs the pod's room: its containers end within the time given, and the pod has failed. Resolves when it has, or is gone. */
  evict(message: string, graceSeconds: number): Promise<void> {
    return this.#giveWay({ reason: "Evicted", message, disruption: message, graceSeconds });
  }

  /** Another one needs the pod's room, which the node must not do without. Resolves as `evict` does. */
  preempt(): Promise<void> {
    const message = "Preempted in order to admit critical pod";
    this.#context.events.record(this.#pod, { type: "Warning", reason: "Preempting", message });
    const disruption = "Pod was preempted by Kubelet to accommodate a critical pod.";
    return this.#giveWay({ reason: "Preempting", message, disruption, graceSeconds: undefined });
  }

  /** The machine shuts down: as an eviction. */
  shutDown(graceSeconds: number): Promise<void> {
    const message = "Pod was terminated in response to imminent node shutdown.";
    return this.#giveWay({ reason: "Terminated", message, disruption: message, graceSeconds });
  }

  #giveWay(why: Omit<Eviction, "over" | "ended">): Promise<void> {
    if (this.#hasGivenWay) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#eviction ?? { ...why, over: promise, ended: resolve };
    const own = this.#pod.spec.terminationGracePeriodSeconds ?? 30;
    // The need may have become greater since.
    this.#eviction = (why.graceSeconds ?? own) < (before.graceSeconds ?? own) ? { ...before, graceSeconds: why.graceSeconds } : before;
    this.wake();
    return this.#eviction.over;
  }

  #leaveRoom(): void {
    this.#hasGivenWay = true;
    this.#eviction?.ended();
  }

  /** It has nothing on the node any more that others might need, whether or not the API knows that. */
  get hasGivenWay(): boolean {
    return this.#hasGivenWay;
  }

  /** It is over, and its volumes have been taken away. */
  get hasReleasedVolumes(): boolean {
    return this.#volumes.areReleased;
  }

  get isOrphan(): boolean {
    return this.#isOrphan;
  }

  /** The API knows the pod no more: end what is left of it. */
  orphan(): void {
    this.#isOrphan = true;
    this.wake();
  }

  /** Volumes may have to be refreshed: something they are made of has changed. */
  refreshVolumes(): void {
    this.#volumes.refresh();
    this.wake();
  }

  /** What its last step failed of may be over. */
  retryNow(): void {
    if (this.#failures > 0 || this.#untold > 0) this.wake();
  }

  wake(): void {
    if (this.#isToGo() || this.#eviction !== undefined) this.#interruption.abort();
    this.#bell.ring();
  }

  /** Runs until the pod is gone, or the signal fires (which leaves the pod alone). */
  async run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#context;
    const interrupt = () => this.#interruption.abort();
    signal.addEventListener("abort", interrupt);
    try {
      while (!signal.aborted) {
        this.#bell.take();
        let againMs: number;
        try {
          if (this.#isToGo()) {
            await this.#timed("terminated", () => this.#terminate(signal));
            return;
          }
          againMs = await this.#timed(this.#operation, () => this.#sync(signal));
          this.#failures = 0;
          againMs = Math.min(againMs, this.#untold > 0 ? backoffMs(SYNC_RETRY, this.#untold) : this.#statusWriter.correctionInMs);
          // Told while its containers were ended, which takes the wake for itself: nothing else would say it again.
          if (this.#isToGo()) continue;
        } catch (error) {
          if (signal.aborted) return;
          // It is to go, or gives way: a start was broken off for that.
          if (this.#interruption.signal.aborted && isAbort(error)) continue;
          this.#failures++;
          await this.#tellBlocker();
          againMs = backoffMs(SYNC_RETRY, this.#failures);
          logger.warn("pod sync failed, will retry", { pod: describeObject(this.#pod), error: describeError(error), failures: this.#failures });
        }
        await this.#bell.wait(Math.max(0, againMs), signal);
      }
    } finally {
      signal.removeEventListener("abort", interrupt);
      this.#probes.stop();
      this.#eviction?.ended();
    }
  }

  #isToGo(): boolean {
    return this.#isOrphan || this.#pod.metadata.deletionTimestamp !== undefined;
  }

  async #timed<T>(operation_type: string, work: () => Promise<T>): Promise<T> {
    const { clock, metrics } = this.#context;
    const startMs = clock.monotonic();
    this.#operation = "sync";
    try {
      return await work();
    } finally {
      metrics.podWorkerSeconds.observe((clock.monotonic() - startMs) / 1000, { operation_type });
    }
  }

  /** One step; gives the milliseconds after which the pod wants to be looked at again. */
  async #sync(signal: AbortSignal): Promise<number> {
    const { clock, refuse } = this.#context;
    let state = await this.#observe();
    const isNew = !isTerminal(this.#pod) && state.containers.length === 0 && state.sandboxes.length === 0;
    const refusal = isNew ? (refuse(this.#pod) ?? (await this.#context.refusePlace(this.#pod))) : undefined;
    // Whoever gets to know it wakes the pod.
    if (refusal === "not known yet") return Infinity;
    if (refusal !== undefined) {
      // Nobody gives way to one that does not belong here, or has to give way itself.
      const isWelcome = this.#eviction === undefined && (await this.#context.refusePlace(this.#pod)) === undefined;
      if (isWelcome && (await this.#context.makeRoom(this.#pod))) return 0;
      // A sandbox that could not be made may have had its devices prepared.
      await this.#context.devices.unprepare(this.#pod);
      this.#context.events.record(this.#pod, { type: "Warning", ...refusal });
      await this.#report(computePodStatus({ ...this.#statusInputs(state), refusal: { ...refusal, message: `Pod was rejected: ${refusal.message}` } }));
      return this.#context.syncMs;
    }
    if (isNew) this.#resizer.admit(this.#pod);
    const overdue = isTerminal(this.#pod) || this.#hasEndedByItself ? undefined : (this.#eviction ?? deadlineExceeded(this.#pod, clock.now()));
    if ((overdue !== undefined || isFinished(this.#pod, state)) && hasRunning(state)) {
      // Its work is over, its sidecars or its late containers are not: they end as on a deletion, and only then has the pod ended.
      await this.#tell(computePodStatus(this.#statusInputs(state)));
      await this.#terminateContainers(signal);
      if (signal.aborted) return Infinity;
      state = await this.#observe();
    }
    const isOver = isFinished(this.#pod, state) && !hasRunning(state);
    // Before the status says that it is over: from then on its devices may be another's.
    if (overdue !== undefined || isOver) await this.#context.devices.unprepare(this.#pod);
    if (overdue !== undefined) {
      if (this.#eviction === undefined) this.#context.events.record(this.#pod, { type: "Normal", reason: overdue.reason, message: overdue.message });
      await this.#tell(
        computePodStatus({
          ...this.#statusInputs(state),
          refusal: { reason: overdue.reason, message: overdue.message },
          ...(this.#eviction === undefined ? {} : { disruption: this.#eviction.disruption }),
        }),
      );
      this.#leaveRoom();
      // Where the API has another pod of this name, or none, the watch will say so.
      return this.#untold > 0 ? Infinity : isTerminal(this.#pod) ? 0 : this.#context.syncMs;
    }
    // Nothing of it will run again: its room is for others from now on, however long it is shown.
    let trouble: unknown;
    if (isOver) await this.#giveBackAddresses(state).catch((error: unknown) => (trouble = error));
    // That a volume cannot be taken away yet is no reason to keep it to oneself that the pod has ended.
    await (isOver ? this.#volumes.release(this.#pod, this.#isOrphan).catch((error: unknown) => (trouble = error)) : this.#volumes.provide(this.#pod));
    let againMs = isOver ? Infinity : Math.min(this.#volumes.areLive(this.#pod) ? this.#context.syncMs : Infinity, activeDeadlineMs(this.#pod) - clock.now());
    const actions = computePodActions(this.#pod, state, this.#probes.results(), this.#executor.failures, clock.now(), this.#context.restartMaxMs);
    let hasActed = false;
    for (const action of actions) {
      if (action.do === "wait") {
        againMs = Math.min(againMs, action.untilMs - clock.now());
        continue;
      }
      hasActed = true;
      await this.#executor.execute(action, {
        pod: this.#pod,
        granted: this.granted,
        state,
        volumes: this.#volumes.places,
        signal: this.#interruption.signal,
      });
      if (action.do === "createSandbox" || action.do === "startContainer") state = await this.#observe();
    }
    if (hasActed) state = await this.#observe();
    const resized = await this.#resizer.run(this.#pod, state);
    if (resized) state = await this.#observe();
    if (this.#resizer.isUnfinished) againMs = Math.min(againMs, RESIZE_RETRY_MS);
    this.#probes.follow(this.#pod, state);
    const status = computePodStatus(this.#statusInputs(state));
    await this.#tell(status);
    if (isOver) {
      this.#hasEndedByItself = true;
      this.#leaveRoom();
    }
    if (trouble !== undefined) throw trouble;
    this.#executor.tellBackOffs(this.#pod, status);
    return hasActed || resized ? Math.min(againMs, 50) : againMs;
  }

  /** Ends what runs, and shows meanwhile what becomes of it. */
  #terminateContainers(signal: AbortSignal): Promise<void> {
    this.#probes.stopLiveness();
    const termination = {
      podNow: () => this.#endingPod(),
      observe: async () => {
        const state = await this.#observe();
        // Also when this agent is the first thing that it sees: until a container has ended, it may still be served.
        this.#probes.follow(this.#pod, state);
        return state;
      },
      tell: async (state: PodState) => {
        // How the pod has ended is for the step that ends it to say: its containers alone do not show why they did.
        if (!this.#isOrphan && hasRunning(state)) await this.#report(computePodStatus(this.#statusInputs(state)));
      },
      changed: async (over: AbortSignal) => {
        await this.#bell.wait(Infinity, over);
        this.#bell.take();
      },
    };
    return tellFailedKill(this.#context, this.#pod, () => terminatePod(this.#context, termination, signal));
  }

  /** A sandbox that nobody has stopped, as one that died with its machine, still holds its addresses: of each it is asked once. */
  async #giveBackAddresses({ sandboxes }: PodState): Promise<void> {
    for (const { id, isReady } of sandboxes) {
      if (isReady || this.#stoppedSandboxes.has(id)) continue;
      await this.#context.runtime.stopSandbox(id);
      this.#stoppedSandboxes.add(id);
    }
  }

  /** As it is to be ended: an eviction may leave it less time than it asked for, or than who deleted it. */
  #endingPod(): Pod {
    const { metadata } = this.#pod;
    const left = this.#eviction?.graceSeconds;
    const isShorter = left !== undefined && (metadata.deletionTimestamp === undefined || left < (metadata.deletionGracePeriodSeconds ?? Infinity));
    return isShorter ? { ...this.#pod, metadata: { ...metadata, deletionGracePeriodSeconds: left } } : this.#pod;
  }

  /** What keeps the pod from starting is for its status too: events pass, and nobody asks for them first. */
  async #tellBlocker(): Promise<void> {
    if (this.#whyBlocked() === undefined) return;
    try {
      await this.#report(computePodStatus(this.#statusInputs(await this.#observe())));
    } catch (error) {
      this.#context.logger.debug("pod status not written", { pod: describeObject(this.#pod), error: describeError(error) });
    }
  }

  async #terminate(signal: AbortSignal): Promise<void> {
    await this.#terminateContainers(signal);
    if (signal.aborted) return;
    await this.#context.devices.unprepare(this.#pod);
    const state = await this.#observe();
    const status = computePodStatus(this.#statusInputs(state));
    // How it ended is known of a pod of the API's only as long as its containers are there; a file's pod makes room for the next one.
    if (isStatic(this.#pod)) await this.#tell(status);
    else if (!this.#isOrphan) await this.#report(status);
    await removePod(this.#context, this.#pod, state, this.#volumes, this.#isOrphan);
  }

  async #observe(): Promise<PodState> {
    const { runtime } = this.#context;
    const uid = this.#pod.metadata.uid ?? "";
    const [sandboxes, containers] = await Promise.all([runtime.listSandboxes(uid), runtime.listContainers(uid)]);
    this.#messages.follow(this.#pod, containers);
    return { sandboxes, containers: [...containers, ...lostContainers(this.#pod, containers)] };
  }

  #statusInputs(state: PodState) {
    const { clock, settings, devices } = this.#context;
    const blocker = this.#whyBlocked();
    return {
      pod: this.granted,
      state,
      probes: this.#probes.results(),
      failures: this.#executor.failures,
      hostIps: settings.hostIps,
      nowMs: clock.now(),
      terminationMessages: this.#messages.byContainer,
      restartMaxMs: this.#context.restartMaxMs,
      resize: this.#resizer.progress,
      held: (claim: string, request: string | undefined) => devices.held(this.#pod, claim, request),
      ...(blocker === undefined ? {} : { blocker }),
    };
  }

  /** What keeps the pod from starting. */
  #whyBlocked(): string | undefined {
    return this.#volumes.blocker ?? this.#executor.blocker;
  }

  /** What nobody hears now is told later: what has to be done to the pod is done with or without a server. */
  async #tell(status: PodStatus): Promise<void> {
    try {
      await this.#report(status);
      this.#untold = 0;
    } catch (error) {
      this.#untold++;
      this.#context.logger.warn("pod status not written, will retry", { pod: describeObject(this.#pod), error: describeError(error), failures: this.#untold });
    }
  }

  async #report(status: PodStatus): Promise<void> {
    this.#isTelling = true;
    try {
      this.#told = (await this.#statusWriter.write(this.#pod, status)) ?? this.#told;
    } finally {
      this.#isTelling = false;
      if (this.#shown !== undefined && !this.#isTold(this.#shown)) this.wake();
      this.#shown = undefined;
    }
    this.#pod = this.#asTold(this.#pod);
  }

  /**
   * Nothing is new while its steps fail but what this worker has told the API of that. Whoever tried again for it would do so at once and without end,
   * for many failures read differently each time. What others say of the pod may be what it waits for.
   */
  #isEcho(pod: Pod): boolean {
    const { metadata, spec } = this.#pod;
    if (this.#failures === 0 || !jsonEqual(pod.spec, spec) || !jsonEqual(withoutRevision(pod.metadata), withoutRevision(metadata))) return false;
    if (this.#isTelling) this.#shown = pod;
    return this.#isTelling || this.#isTold(pod);
  }

  #isTold({ metadata, status }: Pod): boolean {
    return Number(metadata.resourceVersion ?? 0) <= (this.#told?.revision ?? 0) || jsonEqual(status, (this.#told ?? this.#pod).status);
  }

  /** With the status that was told last where that is newer: the next decision must see it, also when the watch is late. */
  #asTold(pod: Pod): Pod {
    return this.#told !== undefined && this.#told.revision > Number(pod.metadata.resourceVersion ?? 0) ? { ...pod, status: this.#told.status } : pod;
  }
}

/** What a write to the status leaves as it was. */
function withoutRevision(metadata: Pod["metadata"]): Pod["metadata"] {
  const { resourceVersion: _revision, managedFields: _owners, ...rest } = metadata;
  return rest;
}
