import type { Histogram, MetricsRegistry } from "../../lib/metrics.ts";
import type { Borrowing } from "./borrowing.ts";
import type { LevelLimits } from "./limits.ts";
import type { SeatDemand } from "./seat-demand.ts";

const SECONDS = [0, 0.005, 0.02, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];

interface LevelState {
  readonly name: string;
  readonly limits: LevelLimits;
  readonly current: number;
  readonly demand: SeatDemand;
  readonly inUse: number;
  readonly executing: number;
  readonly queues: { readonly length: number };
}

interface Series {
  readonly dispatched: () => void;
  readonly waited: (seconds: number) => void;
  readonly executed: (seconds: number) => void;
}

/** The figures of priority and fairness, under upstream's names. */
export class FairnessMetrics {
  readonly #registry: MetricsRegistry;
  readonly #series = new Map<string, Series>();

  constructor(registry: MetricsRegistry, levels: () => readonly LevelState[], borrowing: () => Borrowing) {
    this.#registry = registry;
    const gauge = (name: string, help: string, read: (level: LevelState) => number) => {
      const cells = registry.gauge(`apiserver_flowcontrol_${name}`, help);
      registry.beforeRender(() => {
        cells.clear();
        for (const level of levels()) cells.set(read(level), { priority_level: level.name });
      });
    };
    gauge("nominal_limit_seats", "Nominal number of execution seats of each priority level.", ({ limits }) => limits.nominal);
    gauge("lower_limit_seats", "Seats of each priority level that are never lent.", ({ limits }) => limits.lower);
    gauge("upper_limit_seats", "Seats of each priority level with all that it may borrow.", ({ limits }) => limits.upper);
    gauge("current_limit_seats", "Seats that each priority level may use until they are shared out anew.", ({ current }) => current);
    gauge(
      "demand_seats_high_watermark",
      "The most seats that each priority level asked for at once between the last two times.",
      ({ demand }) => demand.last.high,
    );
    gauge("demand_seats_average", "Seats that each priority level asked for then, on average.", ({ demand }) => demand.last.average);
    gauge("demand_seats_stdev", "The standard deviation of that.", ({ demand }) => demand.last.deviation);
    gauge("demand_seats_smoothed", "Seats that each priority level asked for lately.", ({ demand }) => demand.smoothed);
    gauge("target_seats", "Seats that each priority level should have.", ({ name }) => borrowing().targets.get(name) ?? 0);
    const fair = registry.gauge("apiserver_flowcontrol_seat_fair_frac", "Which part of its target each priority level gets that meets no bound.");
    registry.beforeRender(() => fair.set(borrowing().fairFraction));
    gauge("current_executing_seats", "Seats that each priority level uses.", ({ inUse }) => inUse);
    gauge("current_executing_requests", "Requests of each priority level that are being served.", ({ executing }) => executing);
    gauge("current_inqueue_requests", "Requests of each priority level that wait.", ({ queues }) => queues.length);
  }

  dispatched(level: string, schema: string, seconds: number): void {
    const series = this.#of(level, schema);
    series.dispatched();
    series.waited(seconds);
  }

  refused(level: string, schema: string, reason: string, seconds: number): void {
    this.#registry
      .counter("apiserver_flowcontrol_rejected_requests_total", "Requests that were refused, by flow schema, priority level and reason.")
      .add({ flow_schema: schema, priority_level: level, reason });
    this.#waits().observe(seconds, { execute: "false", flow_schema: schema, priority_level: level });
  }

  executed(level: string, schema: string, seconds: number): void {
    this.#of(level, schema).executed(seconds);
  }

  /** There are as many of them as pairs of schema and level: what objects of the API say. */
  #of(level: string, schema: string): Series {
    const id = `${level} ${schema}`;
    let series = this.#series.get(id);
    if (series === undefined) {
      const labels = { flow_schema: schema, priority_level: level };
      series = {
        dispatched: this.#registry
          .counter("apiserver_flowcontrol_dispatched_requests_total", "Requests that were served, by flow schema and priority level.")
          .bind(labels),
        waited: this.#waits().bind({ execute: "true", ...labels }),
        executed: this.#registry
          .histogram("apiserver_flowcontrol_request_execution_seconds", "Time that requests were served for, watches up to their start.", SECONDS)
          .bind(labels),
      };
      this.#series.set(id, series);
    }
    return series;
  }

  #waits(): Histogram {
    return this.#registry.histogram("apiserver_flowcontrol_request_wait_duration_seconds", "Time that requests waited in queues.", SECONDS);
  }
}
