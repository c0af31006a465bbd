import type { KubeObject } from "../apimachinery/object-meta.ts";
import { hasReason } from "../apimachinery/status-error.ts";
import { BoundedCache } from "../lib/bounded-cache.ts";
import { formatTime, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { randomInteger, type Random } from "../lib/random.ts";
import { TokenBucket, type Rate } from "../lib/token-bucket.ts";
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
  /** Who reports, unless somebody else is named: `default-scheduler`, `kubelet`. */
  readonly component: string;
  readonly host?: string;
}

/** Series kept to be counted up instead of written anew. */
const SERIES_MAX = 4_096;
/** Writes waiting; beyond it events are dropped, for nothing may wait for its own story. */
const PENDING_MAX = 1_000;
/** Per object and reporter: this many at once, then one in five minutes. A crash loop must not fill the store. */
const BUDGET: Rate = { burst: 25, perSecond: 1 / 300 };
const MESSAGE_MAX = 1_024;

/** This many different messages for one reason within the window are told apart; later ones are counted under one combined event. */
const SIMILAR_MAX = 10;
const SIMILAR_WINDOW_MS = 600_000;

/**
 * Writes Events about objects: repeated ones as a count, many similar ones as one. Never blocks and never fails its caller.
 * Bounds and wording follow upstream's event correlator.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #series = new BoundedCache<CoreEvent>(SERIES_MAX);
  readonly #budgets = new BoundedCache<TokenBucket>(SERIES_MAX);
  readonly #similar = new BoundedCache<{ readonly messages: Set<string>; atMs: number }>(SERIES_MAX);
  #tail: Promise<void> = Promise.resolve();
  #pending = 0;
  #lastNanos = 0n;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  record(about: KubeObject, content: EventContent, component = this.#options.component): void {
    if (this.#pending >= PENDING_MAX || !this.#spend(about, component)) return;
    this.#pending++;
    const told = this.#combine(about, content, component);
    // One after another, so that a count never overtakes its event.
    this.#tail = this.#tail.then(() => this.#write(about, told.content, told.key, component)).finally(() => this.#pending--);
  }

  /** Resolves when everything recorded so far has been written or given up. */
  flush(): Promise<void> {
    return this.#tail;
  }

  /** The content to write, and the key of the series it belongs to. */
  #combine(about: KubeObject, content: EventContent, component: string): { readonly content: EventContent; readonly key: string } {
    const group = [component, identityOf(about), content.type, content.reason, content.fieldPath].join("\u0000");
    const nowMs = this.#options.clock.now();
    const known = this.#similar.get(group);
    const similar = known !== undefined && nowMs - known.atMs <= SIMILAR_WINDOW_MS ? known : { messages: new Set<string>(), atMs: nowMs };
    similar.atMs = nowMs;
    if (similar.messages.size < SIMILAR_MAX) similar.messages.add(content.message);
    this.#similar.set(group, similar);
    if (similar.messages.has(content.message)) return { content, key: `${group}\u0000${content.message}` };
    return { content: { ...content, message: `(combined from similar events): ${content.message}` }, key: group };
  }

  async #write(about: KubeObject, content: EventContent, key: string, component: string): Promise<void> {
    const { client, logger } = this.#options;
    const known = this.#series.get(key);
    const now = formatTime(this.#options.clock.now());
    try {
      if (known !== undefined) {
        try {
          const patch = {
            count: (known.count ?? 1) + 1,
            lastTimestamp: now,
            ...(known.message === content.message ? {} : { message: content.message.slice(0, MESSAGE_MAX) }),
          };
          this.#series.set(key, await client.for(eventResource).patch(known.metadata.namespace ?? "", known.metadata.name ?? "", "merge", patch));
          return;
        } catch (error) {
          if (!hasReason(error, "NotFound")) throw error;
        }
      }
      this.#series.set(key, await client.for(eventResource).create(this.#build(about, content, now, component)));
    } catch (error) {
      // A namespace that is going away takes no more events, and that is fine.
      if (!hasReason(error, "Forbidden", "NotFound"))
        logger.warn("event not written", { reason: content.reason, object: about.metadata.name, error: describeError(error) });
    }
  }

  #build(about: KubeObject, content: EventContent, now: string, component: string): CoreEvent {
    const { host } = this.#options;
    const { name = "", namespace, uid, resourceVersion } = about.metadata;
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${name}.${this.#nextMoment()}`, namespace: namespace ?? "default" },
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
      message: content.message.slice(0, MESSAGE_MAX),
      ...(content.action === undefined ? {} : { action: content.action }),
      source: { component, ...(host === undefined ? {} : { host }) },
      reportingComponent: component,
      reportingInstance: host ?? "",
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    };
  }

  /**
   * Now in nanoseconds, hexadecimal, later with each call. Names made of it let those who list events of one object find them in their
   * order, as upstream's do; what a clock of milliseconds leaves open is chance, so that two reporters do not choose the same.
   */
  #nextMoment(): string {
    const { clock, random } = this.#options;
    const nanos = BigInt(Math.floor(clock.now())) * 1_000_000n + BigInt(randomInteger(random, 1_000_000));
    this.#lastNanos = nanos > this.#lastNanos ? nanos : this.#lastNanos + 1n;
    return this.#lastNanos.toString(16);
  }

  #spend(about: KubeObject, component: string): boolean {
    const key = `${component}\u0000${identityOf(about)}`;
    const budget = this.#budgets.get(key) ?? new TokenBucket(BUDGET, this.#options.clock);
    this.#budgets.set(key, budget);
    return budget.take();
  }
}

function identityOf(about: KubeObject): string {
  return about.metadata.uid ?? `${about.kind}/${about.metadata.namespace ?? ""}/${about.metadata.name ?? ""}`;
}
