import { backoffMs } from "../../lib/backoff.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import type { Counter, MetricsRegistry } from "../../lib/metrics.ts";
import type { AuditEvent } from "./audit-event.ts";
import type { AuditSink } from "./auditor.ts";

export interface AuditWebhookOptions {
  /** Sends one EventList; rejects when it was not taken. */
  readonly send: (list: unknown) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  readonly batchMax: number;
  readonly waitMs: number;
  readonly bufferMax: number;
  readonly initialBackoffMs: number;
}

const TRIES_MAX = 5;

/** Sends events to another server, as EventLists of at most so many, at the latest so long after the first. */
export class AuditWebhook implements AuditSink {
  readonly #options: AuditWebhookOptions;
  readonly #failures: Counter;
  #waiting: AuditEvent[] = [];
  #sending: Promise<void> = Promise.resolve();
  #cancelTimer: (() => void) | undefined;
  readonly #closing = new AbortController();

  constructor(options: AuditWebhookOptions) {
    this.#options = options;
    this.#failures = options.metrics.counter("apiserver_audit_error_total", "Audit events that a backend could not keep.");
  }

  write(event: AuditEvent): void {
    const { bufferMax, batchMax, waitMs, clock } = this.#options;
    if (this.#waiting.length >= bufferMax) return this.#failures.add({ plugin: "webhook" });
    this.#waiting.push(event);
    if (this.#waiting.length >= batchMax) this.#flush();
    else this.#cancelTimer ??= clock.after(waitMs, () => this.#flush());
  }

  async close(): Promise<void> {
    this.#flush();
    // What is left gets one try each: nobody waits for a server that is away.
    this.#closing.abort();
    await this.#sending;
  }

  #flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#sending = this.#sending.then(async () => {
      while (this.#waiting.length > 0) await this.#sendBatch(this.#waiting.splice(0, this.#options.batchMax));
    });
  }

  async #sendBatch(items: readonly AuditEvent[]): Promise<void> {
    const { send, clock, logger, initialBackoffMs } = this.#options;
    for (let tries = 1; ; tries++) {
      try {
        return await send({ kind: "EventList", apiVersion: "audit.k8s.io/v1", metadata: {}, items });
      } catch (error) {
        if (tries < TRIES_MAX && !this.#closing.signal.aborted) {
          await sleep(clock, backoffMs({ initialMs: initialBackoffMs, maxMs: initialBackoffMs * 8 }, tries), this.#closing.signal).catch(() => {}); // the next try is the last
          continue;
        }
        this.#failures.add({ plugin: "webhook" }, items.length);
        return logger.error("audit events were not taken by their webhook and are lost", { count: items.length, error: describeError(error) });
      }
    }
  }
}
