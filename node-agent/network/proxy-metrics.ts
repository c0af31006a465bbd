import { CHANGE_TIME_ANNOTATION } from "../../engine/apimachinery/known-labels.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import type { IpFamily } from "../../engine/lib/net/ip-address.ts";
import { meterProcess } from "../../engine/lib/process-metrics.ts";
import type { EndpointSlice } from "../../engine/resources/types.ts";

const SYNC_BUCKETS = Array.from({ length: 15 }, (_, index) => 0.001 * 2 ** index);
const steps = (from: number, width: number, count: number): readonly number[] => Array.from({ length: count }, (_, index) => from + index * width);
const PROGRAMMING_BUCKETS = [...steps(0.25, 0.25, 2), ...steps(1, 1, 59), ...steps(60, 5, 12), ...steps(120, 30, 7)];

/**
 * How the rules of Services are kept, under kube-proxy's names and in its buckets (Kubernetes' `pkg/proxy/metrics`), so that its dashboards
 * and alerts read it. What is about the process is about the whole agent.
 */
export class ProxyMetrics {
  readonly #registry = new MetricsRegistry();
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #families: readonly IpFamily[];
  readonly #durations = this.#registry.histogram("kubeproxy_sync_proxy_rules_duration_seconds", "Time that one round of writing rules took.", SYNC_BUCKETS);
  readonly #programming = this.#registry.histogram(
    "kubeproxy_network_programming_duration_seconds",
    "Time from a change of a Service or pod until it was in the rules.",
    PROGRAMMING_BUCKETS,
  );
  readonly #synced = this.#registry.gauge("kubeproxy_sync_proxy_rules_last_timestamp_seconds", "When rules were last known to be right.");
  readonly #queued = this.#registry.gauge("kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds", "When a change last asked for rules.");
  readonly #failures = this.#registry.counter("kubeproxy_sync_proxy_rules_iptables_restore_failures_total", "Rounds that could not write rules.");
  readonly #serviceChanges = this.#registry.counter("kubeproxy_sync_proxy_rules_service_changes_total", "Changes of Services.");
  readonly #endpointChanges = this.#registry.counter("kubeproxy_sync_proxy_rules_endpoint_changes_total", "Changes of EndpointSlices.");
  /** Since when changes that are not in the rules yet could have been known. */
  readonly #waiting: (readonly [family: IpFamily, sinceMs: number])[] = [];

  constructor(families: readonly IpFamily[], clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.now();
    this.#families = families;
    meterProcess(this.#registry, clock);
    this.#serviceChanges.add({}, 0);
    this.#endpointChanges.add({}, 0);
    for (const family of families) this.#failures.add({ ip_family: family }, 0);
  }

  /** The page of `/metrics`. */
  page(): string {
    return this.#registry.render();
  }

  /** A change asks for rules. */
  requested(): void {
    for (const ip_family of this.#families) this.#queued.set(this.#clock.now() / 1000, { ip_family });
  }

  serviceChanged(): void {
    this.#serviceChanges.add();
  }

  /** A slice came, changed or went; undefined is what there was not, or is not any more. */
  sliceChanged(before: EndpointSlice | undefined, after: EndpointSlice | undefined): void {
    this.#endpointChanges.add();
    const trigger = after?.metadata.annotations?.[CHANGE_TIME_ANNOTATION];
    if (trigger === undefined || trigger === before?.metadata.annotations?.[CHANGE_TIME_ANNOTATION]) return;
    const sinceMs = Date.parse(trigger);
    const family = this.#families.find((one) => one === after?.addressType);
    // What was written before this proxy ran says nothing about it.
    if (family !== undefined && sinceMs >= this.#startMs) this.#waiting.push([family, sinceMs]);
  }

  /** Measures how long the rules of a family take to be written; what `write` rejects with is counted, and thrown. */
  async measure<T>(family: IpFamily, write: () => Promise<T>): Promise<T> {
    const labels = { ip_family: family };
    const beganMs = this.#clock.monotonic();
    try {
      const result = await write();
      this.#synced.set(this.#clock.now() / 1000, labels);
      return result;
    } catch (error) {
      this.#failures.add(labels);
      throw error;
    } finally {
      this.#durations.observe((this.#clock.monotonic() - beganMs) / 1000, labels);
    }
  }

  /** What a round is about to write; the result is called when it is written. */
  beginRound(): () => void {
    const written = [...this.#waiting];
    return () => {
      this.#waiting.splice(0, written.length);
      for (const [ip_family, sinceMs] of written) this.#programming.observe(Math.max(0, this.#clock.now() - sinceMs) / 1000, { ip_family });
    };
  }
}
