import type { Clock } from "./clock.ts";

/** Timers of one owner, which end with it. */
export class Timers {
  readonly #clock: Clock;
  readonly #pending = new Set<() => void>();
  readonly #named = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls back once. Of one name there is at most one; the first that was set counts. */
  after(delayMs: number, callback: () => void, name?: string): void {
    if (name !== undefined && this.#named.has(name)) return;
    const cancel = this.#clock.after(delayMs, () => {
      this.#pending.delete(cancel);
      if (name !== undefined) this.#named.delete(name);
      callback();
    });
    this.#pending.add(cancel);
    if (name !== undefined) this.#named.add(name);
  }

  cancelAll(): void {
    for (const cancel of this.#pending) cancel();
    this.#pending.clear();
    this.#named.clear();
  }
}
