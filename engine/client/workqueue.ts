import { backoffMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";

export interface WorkqueueOptions {
  readonly clock: Clock;
  /** Delays after failures of one key. */
  readonly retry?: { readonly initialMs: number; readonly maxMs: number };
}

const DEFAULT_RETRY = { initialMs: 5, maxMs: 1_000_000 };

/**
 * Keys that need work. A key is worked on by one worker at a time; asked for again meanwhile, it comes once more afterwards;
 * asked for many times before, it comes once.
 */
export class Workqueue {
  readonly #clock: Clock;
  readonly #retry: { readonly initialMs: number; readonly maxMs: number };
  readonly #queue: string[] = [];
  readonly #dirty = new Set<string>();
  readonly #processing = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, { readonly dueMs: number; readonly cancel: () => void }>();
  #waiters: (() => void)[] = [];
  #isClosed = false;

  constructor({ clock, retry }: WorkqueueOptions) {
    this.#clock = clock;
    this.#retry = retry ?? DEFAULT_RETRY;
  }

  get size(): number {
    return this.#queue.length;
  }

  /** Whether nothing is waiting, running or due. For tests and shutdown. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#processing.size === 0 && this.#timers.size === 0;
  }

  add(key: string): void {
    if (this.#isClosed || this.#dirty.has(key)) return;
    this.#dirty.add(key);
    if (this.#processing.has(key)) return; // comes back when its worker is done
    this.#queue.push(key);
    this.#waiters.shift()?.();
  }

  /** Adds the key after a delay; an earlier appointment of the same key stands. */
  addAfter(key: string, delayMs: number): void {
    if (this.#isClosed) return;
    if (delayMs <= 0) return this.add(key);
    const dueMs = this.#clock.monotonic() + delayMs;
    const known = this.#timers.get(key);
    if (known !== undefined && known.dueMs <= dueMs) return;
    known?.cancel();
    const cancel = this.#clock.after(delayMs, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, { dueMs, cancel });
  }

  /** Adds the key after a delay that doubles with each of its failures. */
  retry(key: string): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.addAfter(key, backoffMs(this.#retry, failures));
  }

  /** Forgets the key's failures. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key; undefined once the queue is closed. Must be followed by `done`. */
  async take(): Promise<string | undefined> {
    while (this.#queue.length === 0 && !this.#isClosed) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    const key = this.#queue.shift();
    if (key === undefined) return undefined;
    this.#dirty.delete(key);
    this.#processing.add(key);
    return key;
  }

  done(key: string): void {
    this.#processing.delete(key);
    if (!this.#dirty.has(key)) return;
    this.#queue.push(key);
    this.#waiters.shift()?.();
  }

  close(): void {
    this.#isClosed = true;
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
    for (const wake of this.#waiters.splice(0)) wake();
  }
}
