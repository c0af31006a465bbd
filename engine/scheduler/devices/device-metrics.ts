import type { Counter, Histogram, MetricsRegistry } from "../../lib/metrics.ts";
import type { ResourceClaim } from "../../resources/types.ts";
import { SCHEDULER_NAME } from "../scheduler-name.ts";

const WAIT_BUCKETS_SECONDS = Array.from({ length: 14 }, (_, exponent) => 0.1 * 2 ** exponent);

/** What came of devices that a pod had to wait for. */
export type BindingResult = "success" | "failure" | "timeout";

/** What is counted of devices, under upstream's names. */
export class DeviceMetrics {
  readonly #creations: Counter;
  readonly #bindings: Counter;
  readonly #waits: Histogram;

  constructor(metrics: MetricsRegistry) {
    this.#creations = metrics.counter("scheduler_resourceclaim_creates_total", "Number of ResourceClaims creation requests within scheduler");
    this.#bindings = metrics.counter("scheduler_dra_bindingconditions_allocations_total", "Number of allocations using devices with BindingConditions, counted per driver per scheduling attempt");
    this.#waits = metrics.histogram("scheduler_dra_bindingconditions_wait_duration_seconds", "Time in seconds spent waiting for BindingConditions to be satisfied during PreBind.", WAIT_BUCKETS_SECONDS);
  }

  /** A claim for extended resources. */
  claimCreated(status: "success" | "failure"): void {
    this.#creations.add({ status });
  }

  /** Of each driver that has such devices among those of the claims. */
  bindingEnded(claims: readonly ResourceClaim[], status: BindingResult, seconds: number): void {
    const results = claims.flatMap((claim) => claim.status?.allocation?.devices?.results ?? []);
    const drivers = new Set(results.flatMap(({ driver, bindingConditions = [] }) => (bindingConditions.length === 0 ? [] : [driver])));
    for (const driver of drivers) {
      const labels = { profile: SCHEDULER_NAME, driver, status };
      this.#bindings.add(labels);
      this.#waits.observe(seconds, labels);
    }
  }
}
