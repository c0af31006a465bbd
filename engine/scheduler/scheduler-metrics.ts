import type { Gauge, Histogram, MetricsRegistry } from "../lib/metrics.ts";

const LATENCY_BUCKETS_SECONDS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1];
const PENDING_HELP =
  "Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and failed; 'gated' is the number of unschedulable pods that the scheduler never attempted to schedule because they are gated.";

/** What is counted of decisions, under upstream's names. */
export class SchedulerMetrics {
  readonly #registry: MetricsRegistry;
  readonly #latency: Histogram;
  readonly #pending: Gauge;

  constructor(registry: MetricsRegistry) {
    this.#registry = registry;
    this.#latency = registry.histogram("scheduler_scheduling_algorithm_duration_seconds", "Time to choose a node for a pod.", LATENCY_BUCKETS_SECONDS);
    this.#pending = registry.gauge("scheduler_pending_pods", PENDING_HELP);
  }

  decided(seconds: number): void {
    this.#latency.observe(seconds);
  }

  /** Asks how many pods wait, by their queue, whenever somebody wants to know. Gives the function that ends it. */
  followPending(sizes: () => Readonly<Record<string, number>>): () => void {
    const forget = this.#registry.beforeRender(() => {
      for (const [queue, pods] of Object.entries(sizes())) this.#pending.set(pods, { queue });
    });
    return () => {
      forget();
      this.#pending.clear();
    };
  }
}
