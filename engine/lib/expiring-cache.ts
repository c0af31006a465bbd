import type { Clock } from "./clock.ts";

/** Answers that are good for a while. At the bound the oldest goes. */
export class ExpiringCache<V> {
  readonly #entries = new Map<string, { readonly value: V; readonly untilMs: number }>();
  readonly #clock: Clock;
  readonly #sizeMax: number;

  constructor(clock: Clock, sizeMax: number) {
    this.#clock = clock;
    this.#sizeMax = sizeMax;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.untilMs > this.#clock.monotonic()) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: V, ttlMs: number): void {
    if (ttlMs <= 0) return;
    this.#entries.delete(key);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= this.#sizeMax && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(key, { value, untilMs: this.#clock.monotonic() + ttlMs });
  }
}
