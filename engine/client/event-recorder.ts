import type { KubeObject } from "../apimachinery/object-meta.ts";
import { hasReason } from "../apimachinery/status-error.ts";
import { formatTime, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { randomSuffix, type Random } from "../lib/random.ts";
import { eventResource } from "../resources/core/event.ts";
import type { CoreEvent } from "../resources/types.ts";
import type { Client } from "./client.ts";

export interface EventContent {
  readonly type: "Normal" | "Warning";
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
  readonly action?: string;
  /** The part of the object it is about, such as `spec.containers{web}`. */
  readonly fieldPath?: string;
}

export interface EventRecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Who reports: `default-scheduler`, `kubelet`. */
  readonly component: string;
  readonly host?: string;
}

/** Series kept to be counted up instead of written anew. */
const SERIES_MAX = 4_096;
/** Writes waiting; beyond it events are dropped, for nothing may wait for its own story. */
const PENDING_MAX = 1_000;
/** Per object: this many at once, then one per refill time. A crash loop must not fill the store. */
const BURST = 25;
const REFILL_MS = 300_000;

/** Writes Events about objects, repeated ones as a count. Never blocks and never fails its caller. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #series = new Map<string, CoreEvent>();
  readonly #budgets = new Map<string, { tokens: number; atMs: number }>();
  #tail: Promise<void> = Promise.resolve();
  #pending = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  record(about: KubeObject, content: EventContent): void {
    if (this.#pending >= PENDING_MAX || !this.#spend(about)) return;
    this.#pending++;
    // One after another, so that a count never overtakes its event.
    this.#tail = this.#tail.then(() => this.#write(about, content)).finally(() => this.#pending--);
  }

  /** Resolves when everything recorded so far has been written or given up. */
  flush(): Promise<void> {
    return this.#tail;
  }

  async #write(about: KubeObject, content: EventContent): Promise<void> {
    const { client, logger } = this.#options;
    const key = [about.metadata.uid, content.type, content.reason, content.message, content.fieldPath].join("\u0000");
    const known = this.#series.get(key);
    const now = formatTime(this.#options.clock.now());
    try {
      if (known !== undefined) {
        try {
          const patch = { count: (known.count ?? 1) + 1, lastTimestamp: now };
          this.#remember(key, await client.for(eventResource).patch(known.metadata.namespace ?? "", known.metadata.name ?? "", "merge", patch));
          return;
        } catch (error) {
          if (!hasReason(error, "NotFound")) throw error;
        }
      }
      this.#remember(key, await client.for(eventResource).create(this.#build(about, content, now)));
    } catch (error) {
      // A namespace that is going away takes no more events, and that is fine.
      if (!hasReason(error, "Forbidden", "NotFound")) logger.warn("event not written", { reason: content.reason, object: about.metadata.name, error: describeError(error) });
    }
  }

  #build(about: KubeObject, content: EventContent, now: string): CoreEvent {
    const { component, host, random } = this.#options;
    const { name = "", namespace, uid, resourceVersion } = about.metadata;
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${name}.${randomSuffix(random, 16)}`, namespace: namespace ?? "default" },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        ...(content.fieldPath === undefined ? {} : { fieldPath: content.fieldPath }),
      },
      type: content.type,
      reason: content.reason,
      message: content.message.slice(0, 1024),
      ...(content.action === undefined ? {} : { action: content.action }),
      source: { component, ...(host === undefined ? {} : { host }) },
      reportingComponent: component,
      reportingInstance: host ?? "",
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    };
  }

  #remember(key: string, event: CoreEvent): void {
    this.#series.delete(key);
    this.#series.set(key, event);
    if (this.#series.size > SERIES_MAX) this.#series.delete(this.#series.keys().next().value ?? "");
  }

  #spend(about: KubeObject): boolean {
    const key = about.metadata.uid ?? `${about.kind}/${about.metadata.namespace ?? ""}/${about.metadata.name ?? ""}`;
    const nowMs = this.#options.clock.now();
    const budget = this.#budgets.get(key) ?? { tokens: BURST, atMs: nowMs };
    const tokens = Math.min(BURST, budget.tokens + (nowMs - budget.atMs) / REFILL_MS);
    this.#budgets.delete(key);
    this.#budgets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
    if (this.#budgets.size > SERIES_MAX) this.#budgets.delete(this.#budgets.keys().next().value ?? "");
    return tokens >= 1;
  }
}
