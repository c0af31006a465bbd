import type { Counter, Histogram, MetricsRegistry } from "../../lib/metrics.ts";
import type { ResourceClaim } from "../../resources/types.ts";
import { SCHEDULER_NAME } from "../scheduler-name.ts";
import type { BindingResult } from "./binding-conditions.ts";

const WAIT_BUCKETS_SECONDS = Array.from({ length: 14 }, (_, exponent) => 0.1 * 2 ** exponent);

/** What is counted of devices, under upstream's names. */
export class DeviceMetrics {
  readonly #creations: Counter;
  readonly #bindings: Counter;
  readonly #waits: Histogram;

  constructor(metrics: MetricsRegistry) {
    this.#creations = metrics.counter("scheduler_resourceclaim_creates_total", "Number of ResourceClaims creation requests within scheduler");
    this.#bindings = metrics.counter(
      "scheduler_dra_bindingconditions_allocations_total",
      "Number of allocations using devices with BindingConditions, counted per driver per scheduling attempt",
    );
    this.#waits = metrics.histogram(
      "scheduler_dra_bindingconditions_wait_duration_seconds",
      "Time in seconds spent waiting for BindingConditions to be satisfied during PreBind.",
      WAIT_BUCKETS_SECONDS,
    );
  }

  /** A claim for extended resources. */
  claimCreated(status: "success" | "failure"): void {
    this.#creations.add({ status });
  }

  /** Of each device that was waited for; the time counts for those that came with them as well. */
  bindingEnded(claims: readonly ResourceClaim[], status: BindingResult, seconds: number): void {
    for (const { driver, bindingConditions = [] } of claims.flatMap((claim) => claim.status?.allocation?.devices?.results ?? [])) {
      const labels = { profile: SCHEDULER_NAME, driver, status };
      if (bindingConditions.length > 0) this.#bindings.add(labels);
      this.#waits.observe(seconds, labels);
    }
  }
}
