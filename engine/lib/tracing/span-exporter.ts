import { Bell } from "../bell.ts";
import { sleep, type Clock } from "../clock.ts";
import type { CallOptions, GrpcChannel } from "../grpc/grpc.ts";
import { GrpcCode, grpcCode, grpcCodeName } from "../grpc/grpc-error.ts";
import { frameMessage } from "../grpc/grpc-message.ts";
import { describeError, type Logger } from "../log.ts";
import type { Counter, MetricsRegistry } from "../metrics.ts";
import { service, type Service } from "../service.ts";
import { decodeAnswer, encodeExport, EXPORT_METHOD } from "./otlp.ts";
import type { Attributes, EndedSpan } from "./span.ts";

export interface SpanExporterOptions {
  /** To the collector; closed at the end. */
  readonly channel: GrpcChannel;
  /** What all spans are of. */
  readonly resource: Attributes;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
}

/** OpenTelemetry's usual bounds, which are upstream's. */
const QUEUE_MAX = 2_048;
const BATCH_MAX = 512;
const WAIT_MS = 5_000;
const EXPORT_TIMEOUT_MS = 10_000;
const RETRY_MS = 5_000;
const TRIES_MAX = 2;
/** How long the end of the server may wait for a collector that is slow, or away. */
const FLUSH_MAX_MS = 3_000;
/** Failures that a later try may not meet, by OpenTelemetry's rule. */
const PASSING: ReadonlySet<number> = new Set([
  GrpcCode.cancelled,
  GrpcCode.deadlineExceeded,
  GrpcCode.resourceExhausted,
  GrpcCode.aborted,
  GrpcCode.outOfRange,
  GrpcCode.unavailable,
  GrpcCode.dataLoss,
]);

/**
 * Sends spans to a collector, in batches. What comes while too many wait, and what the collector does not take, is dropped and counted:
 * nobody ever waits for it, and it fails nobody.
 */
export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #waiting: EndedSpan[] = [];
  /** Spans that were put into the queue or dropped before it, and those that were sent or lost behind it: under OpenTelemetry's names. */
  readonly #processed: Counter;
  readonly #exported: Counter;
  readonly #full: Bell;
  #isAway = false;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
    this.#full = new Bell(options.clock);
    this.#processed = options.metrics.counter(
      "otel_sdk_processor_span_processed_total",
      "Spans that were recorded; with an error_type, those that were dropped before they could be sent.",
    );
    this.#exported = options.metrics.counter(
      "otel_sdk_exporter_span_exported_total",
      "Spans that were sent to the collector; with an error_type, those that it did not take.",
    );
  }

  /** Never waits. */
  add(span: EndedSpan): void {
    if (this.#waiting.length >= QUEUE_MAX) return this.#processed.add({ error_type: "queue_full" });
    this.#processed.add({ error_type: "" });
    this.#waiting.push(span);
    if (this.#waiting.length === BATCH_MAX) this.#full.ring();
  }

  /** Sends what there is, every few seconds and whenever a batch is full, until the signal fires; then what is left, for a few seconds at the most. */
  asService(): Service {
    return service("traces", async (signal) => {
      while (!signal.aborted) {
        await this.#batchOrTime(signal);
        do if (this.#waiting.length > 0) await this.#send(this.#waiting.splice(0, BATCH_MAX), signal);
        while (!signal.aborted && this.#waiting.length >= BATCH_MAX);
      }
      await this.#flush();
      this.#options.channel.close();
    });
  }

  /** Resolves when a batch is full, after a while, and at the end. */
  async #batchOrTime(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= BATCH_MAX) return;
    this.#full.take(); // what rang has been sent
    await this.#full.wait(WAIT_MS, signal);
  }

  /** A batch, and once more when the collector is away just now. What the end of the server interrupts goes back into the queue. */
  async #send(batch: readonly EndedSpan[], signal: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#try(batch, { timeoutMs: EXPORT_TIMEOUT_MS, signal });
      } catch (error) {
        if (!signal.aborted) this.#noteFailure(error);
        if (!signal.aborted && (!PASSING.has(grpcCode(error) ?? GrpcCode.unknown) || tries === TRIES_MAX)) return this.#lose(batch, error);
        await sleep(this.#options.clock, RETRY_MS, signal).catch(() => {}); // looked at next
        if (signal.aborted) return void this.#waiting.unshift(...batch);
      }
    }
  }

  async #flush(): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonic() + FLUSH_MAX_MS;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_MAX);
      try {
        await this.#try(batch, { timeoutMs: Math.max(1, deadlineMs - clock.monotonic()) });
      } catch (error) {
        return this.#lose([...batch, ...this.#waiting.splice(0)], error);
      }
    }
  }

  async #try(batch: readonly EndedSpan[], options: CallOptions): Promise<void> {
    const { channel, resource, logger } = this.#options;
    const { rejected, message } = decodeAnswer(await channel.unaryBytes(EXPORT_METHOD, frameMessage(encodeExport(resource, batch)), options));
    if (this.#isAway) logger.info("the collector takes spans again");
    this.#isAway = false;
    this.#exported.add({ error_type: "" }, batch.length - rejected);
    if (rejected > 0) this.#exported.add({ error_type: "rejected" }, rejected);
    if (rejected > 0 || message !== "") logger.warn("the collector did not want all spans", { rejected, message });
  }

  #lose(batch: readonly EndedSpan[], error: unknown): void {
    this.#noteFailure(error);
    this.#exported.add({ error_type: grpcCodeName(grpcCode(error) ?? GrpcCode.unknown) }, batch.length);
  }

  /** Once for each time that it is away. */
  #noteFailure(error: unknown): void {
    if (!this.#isAway) this.#options.logger.warn("the collector takes no spans, they are dropped until it does", { error: describeError(error) });
    this.#isAway = true;
  }
}
