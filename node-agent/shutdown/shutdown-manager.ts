import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import { describeObject } from "../../engine/apimachinery/object-meta.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import type { Node } from "../../engine/resources/types.ts";
import { isTerminal } from "../pods/compute-pod-actions.ts";
import type { NodePods } from "../pods/node-pods.ts";
import type { PodWorker } from "../pods/pod-worker.ts";
import type { LoginManager, ShutdownLock } from "./logind.ts";
import { groupPods, shutdownGraceSeconds, totalSeconds, type ShutdownPeriod } from "./shutdown-periods.ts";

export interface ShutdownManagerOptions {
  /** None: the machine's shutdown is nothing to the agent. */
  readonly periods: readonly ShutdownPeriod[];
  readonly login: LoginManager;
  readonly pods: Pick<NodePods, "workers" | "get">;
  readonly node: () => Node | undefined;
  readonly events: Pick<EventRecorder, "record">;
  readonly clock: Clock;
  readonly logger: Logger;
}

const RETRY_MS = 5_000;
/** How often it is looked whether the volumes of pods that have ended are gone. */
const LOOK_MS = 100;
const REFUSAL = { reason: "NodeShutdown", message: "Pod was rejected as the node is shutting down." };

/** Ends pods in order before the machine shuts down, those last that it must not do without, within the time that each of them has. */
export class ShutdownManager {
  readonly #options: ShutdownManagerOptions;
  readonly #listeners = new Set<() => void>();
  #isShuttingDown = false;

  constructor(options: ShutdownManagerOptions) {
    this.#options = options;
  }

  /** Why the node is not ready. */
  get problem(): string | undefined {
    return this.#isShuttingDown ? "node is shutting down" : undefined;
  }

  /** Why the node takes no pod now. */
  refuse(): typeof REFUSAL | undefined {
    return this.#isShuttingDown ? REFUSAL : undefined;
  }

  /** Calls back when a shutdown begins or is called off. Gives the function that ends it. */
  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => void this.#listeners.delete(changed);
  }

  services(): readonly Service[] {
    return this.#options.periods.length === 0 ? [] : [service("shutdown", (signal) => this.#run(signal))];
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    let told: string | undefined;
    while (!signal.aborted) {
      try {
        await this.#follow(signal, () => (told = undefined));
      } catch (error) {
        const problem = describeError(error);
        if (told !== problem) logger.error("pods will not be ended in order when the machine shuts down", { error: problem });
        told = problem;
      }
      await sleep(clock, RETRY_MS, signal).catch(() => {});
    }
  }

  async #follow(signal: AbortSignal, isHeard: () => void): Promise<void> {
    const { login, periods, logger } = this.#options;
    const seconds = totalSeconds(periods);
    await login.allowDelay(seconds);
    let lock: ShutdownLock | undefined = await login.holdUp();
    try {
      logger.info("a shutdown of the machine waits until pods have ended", { seconds });
      isHeard();
      for await (const begins of login.shutdowns(signal)) {
        this.#tell(begins);
        if (begins) {
          await this.#endPods(signal);
          lock?.release();
          lock = undefined;
        } else lock ??= await login.holdUp();
      }
    } finally {
      lock?.release();
    }
  }

  #tell(begins: boolean): void {
    const { node, events, logger } = this.#options;
    const message = `Shutdown manager detected shutdown ${begins ? "event" : "cancellation"}`;
    logger.warn(begins ? "the machine shuts down" : "the machine does not shut down", {});
    this.#isShuttingDown = begins;
    const about = node();
    if (about !== undefined) events.record(about, { type: "Normal", reason: "NodeShutdown", message });
    for (const changed of this.#listeners) changed();
  }

  /** One group after the other; one whose time is over is waited for no longer. */
  async #endPods(signal: AbortSignal): Promise<void> {
    const { periods, pods, clock, logger } = this.#options;
    const running = [...pods.workers()].filter(({ pod }) => !isTerminal(pod));
    for (const { seconds, members } of groupPods(periods, running)) {
      logger.info("ending pods before the machine shuts down", { pods: members.map(({ pod }) => describeObject(pod)), seconds });
      const over = new AbortController();
      const until = AbortSignal.any([signal, over.signal]);
      await Promise.race([Promise.all(members.map((worker) => this.#end(worker, seconds, until))), sleep(clock, seconds * 1000, until).catch(() => {})]);
      over.abort();
      if (signal.aborted) return;
    }
  }

  /** Drivers of volumes end later than the pods that use them: these have let go of their volumes by then, where there is time. */
  async #end(worker: PodWorker, seconds: number, until: AbortSignal): Promise<void> {
    const { clock, pods } = this.#options;
    await worker.shutDown(shutdownGraceSeconds(worker.pod, seconds));
    const isHere = () => pods.get(worker.pod.metadata.uid ?? "") === worker;
    while (!until.aborted && isHere() && !worker.hasReleasedVolumes) await sleep(clock, LOOK_MS, until).catch(() => {});
  }
}
