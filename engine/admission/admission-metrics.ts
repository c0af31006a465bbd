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
  /** Of what was let pass, put together once: every write passes some thirty plugins. By step, operation and plugin; the step itself is "". */
  readonly #passed: Readonly<Record<Step, Map<string, Map<string, Observe>>>> = { admit: new Map(), validate: new Map() };

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    this.#steps = registry.histogram("apiserver_admission_step_admission_duration_seconds", "Time that a step of admission took.", SECONDS);
    this.#plugins = registry.histogram("apiserver_admission_controller_admission_duration_seconds", "Time that a plugin of admission took.", SECONDS);
  }

  /** Runs a whole step. */
  async step<R>(type: Step, { operation }: AdmissionAttributes, work: () => Promise<R>): Promise<R> {
    return this.#timed("", type, operation, work);
  }

  /** Runs what one plugin does in a step; at once, when the plugin does. */
  plugin<R>(name: string, type: Step, { operation }: AdmissionAttributes, work: () => Promise<R> | R): Promise<R> | R {
    return this.#timed(name, type, operation, work);
  }

  #timed<R>(name: string, type: Step, operation: string, work: () => Promise<R> | R): Promise<R> | R {
    const start = this.#clock.monotonic();
    const seconds = () => (this.#clock.monotonic() - start) / 1000;
    const refuse = (error: unknown): never => {
      this.#bind(name, type, operation, true)(seconds());
      throw error;
    };
    let result: Promise<R> | R;
    try {
      result = work();
    } catch (error) {
      return refuse(error);
    }
    const pass = this.#passing(name, type, operation);
    if (!(result instanceof Promise)) {
      pass(seconds());
      return result;
    }
    return result.then((settled) => {
      pass(seconds());
      return settled;
    }, refuse);
  }

  #passing(name: string, type: Step, operation: string): Observe {
    let ofOperation = this.#passed[type].get(operation);
    if (ofOperation === undefined) this.#passed[type].set(operation, (ofOperation = new Map()));
    let observe = ofOperation.get(name);
    if (observe === undefined) ofOperation.set(name, (observe = this.#bind(name, type, operation, false)));
    return observe;
  }

  #bind(name: string, type: Step, operation: string, rejected: boolean): Observe {
    const labels = { type, operation, rejected: String(rejected) };
    return name === "" ? this.#steps.bind(labels) : this.#plugins.bind({ ...labels, name });
  }
}
