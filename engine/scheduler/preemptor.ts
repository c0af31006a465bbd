import { describeObject } from "../apimachinery/object-meta.ts";
import { hasReason } from "../apimachinery/status-error.ts";
import type { Client } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { InformerFactory } from "../client/informer-factory.ts";
import type { Informer } from "../client/informer.ts";
import { formatTime, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { podResource } from "../resources/core/pod.ts";
import { podDisruptionBudgetResource } from "../resources/policy/pod-disruption-budget.ts";
import type { Pod, PodDisruptionBudget } from "../resources/types.ts";
import type { PodInfo } from "./node-info.ts";
import { PREEMPTION_REASON, type Preemption } from "./preemption.ts";
import { SCHEDULER_NAME } from "./scheduler-name.ts";

export interface PreemptorOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly events: Pick<EventRecorder, "record">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Carries a preemption out: who is to go is told so and deleted, and who loses his nomination by it is told too. */
export class Preemptor {
  readonly #options: PreemptorOptions;
  readonly #budgets: Informer<PodDisruptionBudget>;

  constructor(options: PreemptorOptions) {
    this.#options = options;
    this.#budgets = options.informers.informer(podDisruptionBudgetResource);
  }

  waitForSync(signal: AbortSignal): Promise<void> {
    return this.#budgets.waitForSync(signal);
  }

  budgets(): readonly PodDisruptionBudget[] {
    return this.#budgets.list();
  }

  /** Whether it went well; else nothing that happens need bring the pod back to the queue. */
  async execute(pod: PodInfo, { nodeName, victims }: Preemption, displaced: readonly PodInfo[]): Promise<boolean> {
    const told = await Promise.all(
      displaced.map((other) => this.#attempt(other.pod, "nomination not taken back", () => this.#patchStatus(other.pod, { nominatedNodeName: null }))),
    );
    const removed = await Promise.all(
      victims.map((victim) => this.#attempt(victim.pod, "pod not preempted", () => this.#remove(victim.pod, pod.pod, nodeName))),
    );
    return [...told, ...removed].every(Boolean);
  }

  async #remove(victim: Pod, by: Pod, nodeName: string): Promise<void> {
    const { client, clock, events, logger } = this.#options;
    const { namespace = "", name = "", uid = "", deletionTimestamp } = victim.metadata;
    if (deletionTimestamp !== undefined) return;
    const condition = {
      type: "DisruptionTarget",
      status: "True",
      reason: PREEMPTION_REASON,
      message: `${by.spec.schedulerName ?? SCHEDULER_NAME}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: formatTime(clock.now()),
    };
    await this.#patchStatus(victim, { conditions: [condition] });
    await client.for(podResource).delete(namespace, name, { preconditions: { uid } });
    logger.info("preempted", { pod: describeObject(victim), by: describeObject(by), node: nodeName });
    events.record(victim, { type: "Normal", reason: "Preempted", action: "Preempting", message: `Preempted by pod ${by.metadata.uid} on node ${nodeName}` });
  }

  #patchStatus({ metadata: { namespace = "", name = "", uid } }: Pod, status: object): Promise<unknown> {
    return this.#options.client.for(podResource).patch(namespace, name, "strategic", { metadata: { uid }, status }, { subresource: "status" });
  }

  /** Whoever is gone or has changed is heard of; a victim that is still there is chosen again. */
  async #attempt(pod: Pod, failure: string, work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (hasReason(error, "NotFound", "Conflict")) return true;
      this.#options.logger.warn(failure, { pod: describeObject(pod), error: describeError(error) });
      return false;
    }
  }
}
