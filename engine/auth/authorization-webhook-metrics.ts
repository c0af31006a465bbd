import type { Clock } from "../lib/clock.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Conditions are expressions: they take microseconds. */
const CONDITION_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25];

/** How a question to another server went. */
export type WebhookResult = "success" | "timeout" | "error";

/** What authorization webhooks are asked and how they answer, under upstream's names; each by the name that its operator gave it. */
export class AuthorizationWebhookMetrics {
  readonly #clock: Clock;
  readonly #asked;
  readonly #seconds;
  readonly #failedOpen;
  readonly #excluded;
  readonly #conditionFailed;
  readonly #conditionSeconds;

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    this.#asked = registry.counter("apiserver_authorization_webhook_evaluations_total", "Questions to authorization webhooks.");
    this.#seconds = registry.histogram("apiserver_authorization_webhook_duration_seconds", "Time that an authorization webhook took.", SECONDS);
    this.#failedOpen = registry.counter(
      "apiserver_authorization_webhook_evaluations_fail_open_total",
      "Requests about which others decided because an authorization webhook failed.",
    );
    this.#excluded = registry.counter(
      "apiserver_authorization_match_condition_exclusions_total",
      "Requests about which an authorization webhook was not asked because of its conditions.",
    );
    this.#conditionFailed = registry.counter(
      "apiserver_authorization_match_condition_evaluation_errors_total",
      "Conditions of authorization webhooks that failed.",
    );
    this.#conditionSeconds = registry.histogram(
      "apiserver_authorization_match_condition_evaluation_seconds",
      "Time that the conditions of an authorization webhook took.",
      CONDITION_SECONDS,
    );
  }

  /** Begins a question; its result ends it. */
  ask(name: string): (result: WebhookResult) => void {
    const start = this.#clock.monotonic();
    return (result) => {
      this.#asked.add({ name, result });
      this.#seconds.observe((this.#clock.monotonic() - start) / 1000, { name, result });
    };
  }

  failedOpen(name: string, result: WebhookResult): void {
    this.#failedOpen.add({ name, result });
  }

  /** Begins the conditions; whether they hold ends them, undefined when that cannot be said. */
  judge(name: string): (holds: boolean | undefined) => void {
    const start = this.#clock.monotonic();
    const labels = { name, type: "Webhook" };
    return (holds) => {
      this.#conditionSeconds.observe((this.#clock.monotonic() - start) / 1000, labels);
      if (holds === undefined) this.#conditionFailed.add(labels);
      else if (!holds) this.#excluded.add(labels);
    };
  }
}
