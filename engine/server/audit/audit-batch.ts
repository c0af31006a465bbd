import { sleep, type Clock } from "../../lib/clock.ts";
import type { Counter, MetricsRegistry } from "../../lib/metrics.ts";
import type { Logger } from "../../lib/log.ts";
import { TokenBucket, type Rate } from "../../lib/token-bucket.ts";
import type { AuditEvent } from "./audit-event.ts";
import type { AuditBackend, AuditSink } from "./auditor.ts";

export interface AuditBatchOptions {
  readonly backend: AuditBackend;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  /** Events of one batch, and their bytes; any size when 0. */
  readonly batchMax: number;
  readonly batchBytesMax: number;
  /** How long an event waits for others. */
  readonly waitMs: number;
  /** Events that may wait; more are dropped and counted. */
  readonly bufferMax: number;
  /** How many batches a second, once the burst is used up; as many as come without it. */
  readonly throttle?: Rate;
}

/** How long the end of the server may wait for a backend that is slow, or away. */
const CLOSE_MAX_MS = 10_000;

/** Hands events on in batches, one after the other: no request waits for its record. */
export class AuditBatch implements AuditSink {
  readonly #options: AuditBatchOptions;
  readonly #failures: Counter;
  readonly #bucket: TokenBucket | undefined;
  readonly #closing = new AbortController();
  readonly #givenUp = new AbortController();
  #isFull = false;
  #waiting: AuditEvent[] = [];
  #sending: Promise<void> = Promise.resolve();
  #cancelTimer: (() => void) | undefined;

  constructor(options: AuditBatchOptions) {
    this.#options = options;
    this.#bucket = options.throttle && new TokenBucket(options.throttle, options.clock);
    this.#failures = options.metrics.counter("apiserver_audit_error_total", "Audit events that a backend could not keep.");
  }

  write(event: AuditEvent): void {
    const { bufferMax, batchMax, waitMs, clock } = this.#options;
    if (this.#waiting.length >= bufferMax) return this.#drop();
    this.#waiting.push(event);
    if (this.#waiting.length >= batchMax) this.#flush();
    else this.#cancelTimer ??= clock.after(waitMs, () => this.#flush());
  }

  async close(): Promise<void> {
    this.#flush();
    this.#closing.abort();
    this.#options.backend.hurry?.();
    const cancel = this.#options.clock.after(CLOSE_MAX_MS, () => this.#givenUp.abort());
    await this.#sending;
    cancel();
    await this.#options.backend.close();
  }

  #flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#sending = this.#sending.then(async () => {
      while (this.#waiting.length > 0 && !this.#givenUp.signal.aborted) {
        await this.#turn();
        // What the backend could not keep it has counted and told of.
        await this.#options.backend.deliver(this.#waiting.splice(0, this.#batchLength()), this.#givenUp.signal).catch(() => {});
      }
      this.#isFull = false;
      if (this.#waiting.length > 0) this.#lose(this.#waiting.splice(0).length);
    });
  }

  /** Told once for each time that there is no room. */
  #drop(): void {
    const { backend, bufferMax, logger } = this.#options;
    if (!this.#isFull) logger.error("audit events are dropped until those that wait have been taken", { backend: backend.name, waiting: bufferMax });
    this.#isFull = true;
    this.#failures.add({ plugin: backend.name });
  }

  #lose(count: number): void {
    const { backend, logger } = this.#options;
    logger.error("audit events were not taken before the end and are lost", { backend: backend.name, count });
    this.#failures.add({ plugin: backend.name }, count);
  }

  #batchLength(): number {
    const { batchMax, batchBytesMax } = this.#options;
    if (batchBytesMax === 0) return batchMax;
    let bytes = 0;
    const tooMany = this.#waiting.slice(0, batchMax).findIndex((event) => (bytes += JSON.stringify(event).length) > batchBytesMax);
    return tooMany === -1 ? batchMax : Math.max(1, tooMany);
  }

  async #turn(): Promise<void> {
    const waitMs = this.#bucket?.reserveMs() ?? 0;
    if (waitMs > 0) await sleep(this.#options.clock, waitMs, this.#closing.signal).catch(() => {}); // at the end all goes at once
  }
}
