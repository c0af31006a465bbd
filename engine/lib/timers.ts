import type { Clock } from "./clock.ts";

/** Timers of one owner, which end with it. */
export class Timers {
  readonly #clock: Clock;
  readonly #pending = new Set<() => void>();
  readonly #named = new Map<string, { readonly dueMs: number; readonly cancel: () => void }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls back once. Of one name there is at most one: the one that is due first. */
  after(delayMs: number, callback: () => void, name?: string): void {
    const dueMs = this.#clock.monotonic() + delayMs;
    const known = name === undefined ? undefined : this.#named.get(name);
    if (known !== undefined && known.dueMs <= dueMs) return;
    known?.cancel();
    const end = this.#clock.after(delayMs, () => {
      this.#pending.delete(cancel);
      if (name !== undefined) this.#named.delete(name);
      callback();
    });
    const cancel = () => {
      this.#pending.delete(cancel);
      end();
    };
    this.#pending.add(cancel);
    if (name !== undefined) this.#named.set(name, { dueMs, cancel });
  }

  cancelAll(): void {
    for (const cancel of this.#pending) cancel();
    this.#named.clear();
  }
}
