import { backoffMs } from "../../lib/backoff.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import type { Counter, MetricsRegistry } from "../../lib/metrics.ts";
import type { AuditEvent } from "./audit-event.ts";
import type { AuditBackend } from "./auditor.ts";

export interface AuditWebhookOptions {
  /** Sends one EventList; rejects when it was not taken. */
  readonly send: (list: unknown, signal?: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  readonly initialBackoffMs: number;
}

const TRIES_MAX = 5;

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
    const { send, clock, logger, initialBackoffMs } = this.#options;
    for (let tries = 1; ; tries++) {
      try {
        return await send({ kind: "EventList", apiVersion: "audit.k8s.io/v1", metadata: {}, items }, signal);
      } catch (error) {
        if (tries < TRIES_MAX && !this.#closing.signal.aborted) {
          await sleep(clock, backoffMs({ initialMs: initialBackoffMs, maxMs: initialBackoffMs * 8 }, tries), this.#closing.signal).catch(() => {}); // the next try is the last
          continue;
        }
        this.#failures.add({ plugin: this.name }, items.length);
        logger.error("audit events were not taken by their webhook and are lost", { count: items.length, error: describeError(error) });
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
