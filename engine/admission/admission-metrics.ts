import type { Clock } from "../lib/clock.ts";
import type { Histogram, MetricsRegistry } from "../lib/metrics.ts";
import type { AdmissionAttributes } from "./admission.ts";

const SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];

type Step = "admit" | "validate";
type Observe = (seconds: number) => void;

/** How long the steps and plugins of admission take, and how often they refuse: under upstream's names. */
export class AdmissionMetrics {
  readonly #clock: Clock;
  readonly #steps: Histogram;
  readonly #plugins: Histogram;
  /** Put together once: every write passes some thirty of them. */
  readonly #bound = new Map<string, Observe>();

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    this.#steps = registry.histogram("apiserver_admission_step_admission_duration_seconds", "Time that a step of admission took.", SECONDS);
    this.#plugins = registry.histogram("apiserver_admission_controller_admission_duration_seconds", "Time that a plugin of admission took.", SECONDS);
  }

  /** Runs a whole step. */
  step<R>(type: Step, { operation }: AdmissionAttributes, work: () => Promise<R>): Promise<R> {
    return this.#timed("", type, operation, work);
  }

  /** Runs what one plugin does in a step. */
  plugin<R>(name: string, type: Step, { operation }: AdmissionAttributes, work: () => Promise<R> | R): Promise<R> {
    return this.#timed(name, type, operation, work);
  }

  async #timed<R>(name: string, type: Step, operation: string, work: () => Promise<R> | R): Promise<R> {
    const start = this.#clock.monotonic();
    let rejected = true;
    try {
      const result = await work();
      rejected = false;
      return result;
    } finally {
      this.#observer(name, type, operation, rejected)((this.#clock.monotonic() - start) / 1000);
    }
  }

  #observer(name: string, type: Step, operation: string, rejected: boolean): Observe {
    const key = `${name} ${type} ${operation} ${rejected}`;
    let observe = this.#bound.get(key);
    if (observe === undefined) {
      const labels = { type, operation, rejected: String(rejected) };
      this.#bound.set(key, (observe = name === "" ? this.#steps.bind(labels) : this.#plugins.bind({ ...labels, name })));
    }
    return observe;
  }
}
