import type { Clock } from "../../engine/lib/clock.ts";

interface Timer {
  readonly dueMs: number;
  readonly serial: number;
  readonly callback: () => void;
}

/** Turns of the event loop after which everything that was going to happen without time passing has happened. */
const SETTLE_TURNS = 30;

/**
 * Time that passes only when a test says so. Timers run in the order they are due, each with everything it sets off
 * before the next one runs; so a minute of a cluster's life takes milliseconds and always goes the same way.
 */
export class VirtualClock implements Clock {
  /** As timers count. */
  #nowMs: number;
  /** How far the time of day is off since it was set. */
  #jumpedMs = 0;
  readonly #startMs: number;
  readonly #timers = new Set<Timer>();
  #serial = 0;

  /** Starts at the given instant, or at one that is easy to read. */
  constructor(startMs = Date.UTC(2030, 0, 1)) {
    this.#nowMs = this.#startMs = startMs;
  }

  now(): number {
    return this.#nowMs + this.#jumpedMs;
  }

  /** Sets the time of day forwards or back, as who keeps a machine's clock may do; no time passes. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
  }

  monotonic(): number {
    return this.#nowMs - this.#startMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), serial: this.#serial++, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Timers that have not run yet. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < SETTLE_TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets time pass, running what becomes due on the way. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.settle();
    for (let timer = this.#next(); timer !== undefined && timer.dueMs <= untilMs; timer = this.#next()) {
      this.#run(timer);
      await this.settle();
    }
    this.#nowMs = untilMs;
  }

  /** Lets time pass until the condition holds; fails when it does not within the given time. */
  async runUntil(condition: () => boolean | Promise<boolean>, withinMs: number, what = "the condition"): Promise<void> {
    const untilMs = this.#nowMs + withinMs;
    await this.settle();
    while (!(await condition())) {
      const timer = this.#next();
      if (timer === undefined || timer.dueMs > untilMs) throw new Error(`${what} did not come to hold within ${withinMs / 1000} virtual seconds`);
      this.#run(timer);
      await this.settle();
    }
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (first === undefined || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.serial < first.serial)) first = timer;
    return first;
  }

  #run(timer: Timer): void {
    this.#timers.delete(timer);
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
    timer.callback();
  }
}
