import type { KubeObject } from "../apimachinery/object-meta.ts";
import { hasReason } from "../apimachinery/status-error.ts";
import type { Client } from "../client/client.ts";
import type { ConsistencyStore } from "../client/consistency-store.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { InformerFactory } from "../client/informer-factory.ts";
import { Workqueue } from "../client/workqueue.ts";
import { aborted, isAbort } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { service, type Service } from "../lib/service.ts";
import type { ControllerTimings } from "./timings.ts";

/** What every controller gets. Controllers hold no truth: all they know is in informers and the API. */
export interface ControllerContext {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly consistency: ConsistencyStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly timings: ControllerTimings;
}

/** Something a controller waits for: its informers. */
export interface Synced {
  waitForSync(signal: AbortSignal): Promise<void>;
}

export interface ControllerDefinition {
  readonly name: string;
  readonly workers?: number;
  /** Informers whose first list must be complete before any key is worked on. */
  readonly sources: readonly Synced[];
  /** Connects informers to the queue; called once, before the first key. Gives what undoes it. */
  readonly connect: (queue: Workqueue) => readonly (() => void)[];
  /**
   * Brings one key to what it should be: observes, plans (in a pure function of the controller's own), executes.
   * Resolves to the milliseconds after which the key wants to be looked at again, if any.
   */
  readonly sync: (key: string, signal: AbortSignal) => Promise<number | void>;
}

const DEFAULT_WORKERS = 4;

/** A controller as a service: workers over a queue of keys; a failure is retried with a growing delay and never ends it. */
export function runController(definition: ControllerDefinition, { clock, logger }: Pick<ControllerContext, "clock" | "logger">): Service {
  return service(definition.name, async (signal) => {
    const queue = new Workqueue({ clock });
    const disconnect = definition.connect(queue);
    try {
      await Promise.all(definition.sources.map((source) => source.waitForSync(signal)));
      const workers = Array.from({ length: definition.workers ?? DEFAULT_WORKERS }, () => work(definition, queue, logger, signal));
      await aborted(signal);
      queue.close();
      await Promise.all(workers);
    } finally {
      queue.close();
      for (const undo of disconnect) undo();
    }
  });
}

async function work({ name, sync }: ControllerDefinition, queue: Workqueue, logger: Logger, signal: AbortSignal): Promise<void> {
  for (;;) {
    const key = await queue.take();
    if (key === undefined) return;
    try {
      const againMs = await sync(key, signal);
      queue.forget(key);
      if (typeof againMs === "number") queue.addAfter(key, againMs);
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      // A lost race is the normal course of things: the newer state is on its way.
      if (!hasReason(error, "Conflict")) logger.warn("sync failed, will retry", { controller: name, key, failures: queue.failures(key) + 1, error: describeError(error) });
      queue.retry(key);
    } finally {
      queue.done(key);
    }
  }
}

/** Runs work that may find its object gone; that is success, for what was wanted of it is moot. */
export async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasReason(error, "NotFound")) return undefined;
    throw error;
  }
}

export function isBeingDeleted(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}
