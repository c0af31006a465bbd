import { inBatches } from "../../lib/batches.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import type { Counter, MetricsRegistry } from "../../lib/metrics.ts";
import type { AuditEvent } from "./audit-event.ts";
import type { AuditBackend } from "./auditor.ts";

export interface AuditWebhookOptions {
  /** Sends one EventList, as JSON; rejects when it was not taken. */
  readonly send: (list: string, signal?: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  readonly initialBackoffMs: number;
}

const TRIES_MAX = 5;
/** What is sent at once, but for events that are longer alone: those of lists have all objects in them. Upstream's bound for batches that are truncated. */
const PART_CHARS_MAX = 10 << 20;

/** Sends events to another server, as EventLists; one that is away is tried again for a while. */
export class AuditWebhook implements AuditBackend {
  readonly name = "webhook";
  readonly #options: AuditWebhookOptions;
  readonly #failures: Counter;
  readonly #closing = new AbortController();

  constructor(options: AuditWebhookOptions) {
    this.#options = options;
    this.#failures = options.metrics.counter("apiserver_audit_error_total", "Audit events that a backend could not keep.");
  }

  async deliver(items: readonly AuditEvent[], signal?: AbortSignal): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    for (const texts of partsOf(items)) {
      await this.#sendPart(texts, signal).catch((error: unknown) => (failure = { error }));
    }
    if (failure !== undefined) throw failure.error;
  }

  async #sendPart(texts: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const { send, clock, logger, initialBackoffMs } = this.#options;
    const list = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${texts.join(",")}]}`;
    for (let tries = 1; ; tries++) {
      try {
        return await send(list, signal);
      } catch (error) {
        if (tries < TRIES_MAX && !this.#closing.signal.aborted) {
          await sleep(clock, backoffMs({ initialMs: initialBackoffMs, maxMs: initialBackoffMs * 8 }, tries), this.#closing.signal).catch(() => {}); // the next try is the last
          continue;
        }
        this.#failures.add({ plugin: this.name }, texts.length);
        logger.error("audit events were not taken by their webhook and are lost", { count: texts.length, error: describeError(error) });
        throw error;
      }
    }
  }

  /** What is left gets one try each: nobody waits for a server that is away. */
  hurry(): void {
    this.#closing.abort();
  }

  async close(): Promise<void> {
    this.hurry();
  }
}

/** The events as JSON, in parts that are not too long; each is made when the one before it has been dealt with. */
function partsOf(items: readonly AuditEvent[]): Iterable<readonly string[]> {
  const texts = items.values().map((item) => JSON.stringify(item));
  return inBatches(texts, { lengthOf: (text) => text.length, lengthMax: PART_CHARS_MAX });
}
