import type { Clock } from "../../lib/clock.ts";
import type { Counter, Histogram, MetricsRegistry } from "../../lib/metrics.ts";
import type { BindingLike, PolicyLike } from "./policy-index.ts";

const SECONDS = [0.0000005, 0.001, 0.01, 0.1, 1];

export type PolicyErrorType = "no_error" | "compile_error" | "invalid_error" | "out_of_budget";

/** What came of one look of a policy at a request. Mutations are enforced or fail, and have no action. */
export interface PolicyCheck {
  readonly policy: PolicyLike;
  readonly binding: BindingLike;
  readonly errorType: PolicyErrorType;
  readonly action?: "allow" | "deny" | "audit" | "warn";
}

/** What policies decide, under upstream's names. */
export class PolicyMetrics {
  readonly #clock: Clock;
  readonly #checks: Counter;
  readonly #durations: Histogram;

  constructor(registry: MetricsRegistry, clock: Clock, kind: "validating" | "mutating") {
    this.#clock = clock;
    this.#checks = registry.counter(`apiserver_${kind}_admission_policy_check_total`, `Looks of ${kind} policies at requests, by what came of them.`);
    this.#durations = registry.histogram(`apiserver_${kind}_admission_policy_check_duration_seconds`, `Time that a ${kind} policy took.`, SECONDS);
  }

  /** Begins a look; the result tells what came of it, as often as it came. */
  begin(): (check: PolicyCheck) => void {
    const start = this.#clock.monotonic();
    return ({ policy, binding, errorType, action }) => {
      const labels = {
        policy: policy.metadata.name ?? "",
        policy_binding: binding.metadata.name ?? "",
        error_type: errorType,
        ...(action === undefined ? {} : { enforcement_action: action }),
      };
      this.#checks.add(labels);
      this.#durations.observe((this.#clock.monotonic() - start) / 1000, labels);
    };
  }
}

/** Which kind of failure a message is about, where that is all there is to go by. */
export function errorTypeOf(message: string): PolicyErrorType {
  if (message.includes("compilation")) return "compile_error";
  return message.includes("out of budget") ? "out_of_budget" : "invalid_error";
}
