import type { Counter, Gauge, Histogram, MetricsRegistry } from "../lib/metrics.ts";

/** A queue as it is when somebody looks. */
export interface WorkqueueState {
  /** Keys that wait. */
  readonly size: number;
  /** For how many seconds each key has been worked on that is. */
  runningSeconds(): readonly number[];
}

/** Who is told what happens in a queue. */
export interface WorkqueueMeter {
  added(): void;
  retried(): void;
  taken(waitedSeconds: number): void;
  done(workedSeconds: number): void;
  closed(): void;
}

/** Seconds, as upstream. */
const BUCKETS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10];

/** How queues of work are doing, under upstream's names and each by its own. */
export class WorkqueueMetrics {
  readonly #registry: MetricsRegistry;
  readonly #open = new Map<WorkqueueState, string>();
  readonly #depth: Gauge;
  readonly #unfinished: Gauge;
  readonly #longest: Gauge;
  readonly #adds: Counter;
  readonly #retries: Counter;
  readonly #waited: Histogram;
  readonly #worked: Histogram;
  #unfollow = () => {};

  constructor(registry: MetricsRegistry) {
    this.#registry = registry;
    this.#depth = registry.gauge("workqueue_depth", "Keys that wait to be worked on.");
    this.#unfinished = registry.gauge("workqueue_unfinished_work_seconds", "For how long all keys together have been worked on that are.");
    this.#longest = registry.gauge("workqueue_longest_running_processor_seconds", "For how long the one of them has been that was begun first.");
    this.#adds = registry.counter("workqueue_adds_total", "Keys that were asked to be worked on.");
    this.#retries = registry.counter("workqueue_retries_total", "Keys that were asked to be worked on again after a failure.");
    this.#waited = registry.histogram("workqueue_queue_duration_seconds", "How long keys waited to be worked on.", BUCKETS);
    this.#worked = registry.histogram("workqueue_work_duration_seconds", "How long work on a key took.", BUCKETS);
  }

  meter(name: string, queue: WorkqueueState): WorkqueueMeter {
    if (this.#open.size === 0) this.#unfollow = this.#registry.beforeRender(() => this.#look());
    this.#open.set(queue, name);
    const labels = { name };
    return {
      added: this.#adds.bind(labels),
      retried: this.#retries.bind(labels),
      taken: this.#waited.bind(labels),
      done: this.#worked.bind(labels),
      closed: () => this.#forget(queue),
    };
  }

  #forget(queue: WorkqueueState): void {
    if (!this.#open.delete(queue)) return;
    this.#look();
    if (this.#open.size === 0) this.#unfollow();
  }

  #look(): void {
    for (const gauge of [this.#depth, this.#unfinished, this.#longest]) gauge.clear();
    for (const [queue, name] of this.#open) {
      const running = queue.runningSeconds();
      this.#depth.set(queue.size, { name });
      this.#unfinished.set(
        running.reduce((sum, seconds) => sum + seconds, 0),
        { name },
      );
      this.#longest.set(Math.max(0, ...running), { name });
    }
  }
}
