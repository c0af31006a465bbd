import type { Clock } from "../../lib/clock.ts";
import { grpcCode, grpcCodeName } from "../../lib/grpc/grpc-error.ts";
import type { MetricsRegistry } from "../../lib/metrics.ts";

/** Seconds, as upstream. */
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** What came of asking a signer of tokens, under upstream's names: `apiserver_externaljwt_…`. */
export class SignerMetrics {
  readonly #clock: Clock;
  readonly #fetchedAt;
  readonly #dataOf;
  readonly #fetches;
  readonly #signings;
  readonly #seconds;

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    this.#fetchedAt = registry.gauge("apiserver_externaljwt_fetch_keys_success_timestamp", "When the keys were fetched last, in seconds since the epoch.");
    this.#dataOf = registry.gauge("apiserver_externaljwt_fetch_keys_data_timestamp", "Of when they were then, as the signer says, in seconds since the epoch.");
    this.#fetches = registry.counter("apiserver_externaljwt_fetch_keys_request_total", "How often the keys were asked for, by the outcome.");
    this.#signings = registry.counter("apiserver_externaljwt_sign_request_total", "How often a token was to be signed, by the outcome.");
    this.#seconds = registry.histogram("apiserver_externaljwt_request_duration_seconds", "How long the signer took, by method and outcome.", BUCKETS);
  }

  fetched(failure: unknown): void {
    this.#fetches.add({ code: outcomeOf(failure) });
    if (failure === undefined) this.#fetchedAt.set(this.#clock.now() / 1000);
  }

  dataOf(seconds: number): void {
    this.#dataOf.set(seconds);
  }

  signed(failure: unknown): void {
    this.#signings.add({ code: outcomeOf(failure) });
  }

  asked(method: string, failure: unknown, seconds: number): void {
    this.#seconds.observe(seconds, { method, code: outcomeOf(failure) });
  }
}

/** The code of gRPC as Go writes it, also of a failure that it is the cause of. */
function outcomeOf(failure: unknown): string {
  if (failure === undefined) return "OK";
  for (let cause: unknown = failure; cause instanceof Error; cause = cause.cause) {
    const code = grpcCode(cause);
    if (code !== undefined) return grpcCodeName(code);
  }
  return "unknown-non-grpc";
}
