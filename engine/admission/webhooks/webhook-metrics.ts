import { StatusError } from "../../apimachinery/status-error.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Counter, Histogram, MetricsRegistry } from "../../lib/metrics.ts";
import { WebhookCallError } from "./call-webhook.ts";
import type { WebhookMatch } from "./match-webhook.ts";

const SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];
/** Webhooks choose their codes; no more than this many kinds of them are told apart. */
const CODE_MAX = 600;

/** How webhooks answer, under upstream's names. */
export class WebhookMetrics {
  readonly #clock: Clock;
  readonly #durations: Histogram;
  readonly #requests: Counter;
  readonly #rejections: Counter;
  readonly #failedOpen: Counter;

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    this.#durations = registry.histogram("apiserver_admission_webhook_admission_duration_seconds", "Time that a webhook took to answer.", SECONDS);
    this.#requests = registry.counter("apiserver_admission_webhook_request_total", "Requests that webhooks were asked about, by what they answered.");
    this.#rejections = registry.counter(
      "apiserver_admission_webhook_rejection_count",
      "Requests that webhooks refused, or that were refused because they could not be asked.",
    );
    this.#failedOpen = registry.counter("apiserver_admission_webhook_fail_open_count", "Requests that went on although a webhook could not be asked.");
  }

  /** Asks a webhook; its failures go on to the caller. `type` is `admit` or `validating`. */
  async asked<R>(type: "admit" | "validating", { hook, request }: WebhookMatch, ask: () => Promise<R>): Promise<R> {
    const { name, failurePolicy } = hook.webhook;
    const { operation, signal } = request.attributes;
    const start = this.#clock.monotonic();
    const observe = (code: number, isRejected: boolean) => {
      const rejected = String(isRejected);
      this.#durations.observe((this.#clock.monotonic() - start) / 1000, { name, type, operation, rejected });
      this.#requests.add({ name, type, operation, code: String(Math.min(code, CODE_MAX)), rejected });
    };
    const rejected = (error_type: string, code: number) =>
      this.#rejections.add({ name, type, operation, error_type, rejection_code: String(Math.min(code, CODE_MAX)) });
    try {
      const answer = await ask();
      observe(200, false);
      return answer;
    } catch (error) {
      if (error instanceof WebhookCallError) {
        const isClosed = failurePolicy !== "Ignore";
        // A writer that went away says nothing about the webhook.
        if (isClosed && signal?.aborted !== true) rejected("calling_webhook_error", error.code);
        if (!isClosed) this.#failedOpen.add({ name, type });
        observe(error.code, isClosed);
      } else {
        const isRefusal = error instanceof StatusError && error.status.reason !== "InternalError";
        const code = isRefusal ? error.status.code : 0;
        rejected(isRefusal ? "no_error" : "apiserver_internal_error", code);
        observe(code, true);
      }
      throw error;
    }
  }
}
