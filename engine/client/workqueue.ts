import { backoffMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { TokenBucket, type Rate } from "../lib/token-bucket.ts";
import type { WorkqueueMeter, WorkqueueMetrics, WorkqueueState } from "./workqueue-metrics.ts";

export interface WorkqueueOptions {
  readonly clock: Clock;
  /** Delays after failures of one key; upstream's 5 ms doubling to 1000 s when absent. */
  readonly retry?: { readonly initialMs: number; readonly maxMs: number };
  /** Retries of all keys together, so that a thousand failing keys do not retry as fast as one; upstream's 10 per second after a burst of 100 when absent. */
  readonly bucket?: Rate;
  /** By which name it is measured; it is not when absent. */
  readonly measured?: { readonly name: string; readonly by: WorkqueueMetrics };
}

const DEFAULT_RETRY = { initialMs: 5, maxMs: 1_000_000 };
const DEFAULT_BUCKET: Rate = { perSecond: 10, burst: 100 };

/**
 * Keys that need work. A key is worked on by one worker at a time; asked for again meanwhile, it comes once more afterwards;
 * asked for many times before, it comes once. So its size is bounded by the number of keys, however long an outage lasts.
 */
export class Workqueue implements WorkqueueState {
  readonly #clock: Clock;
  readonly #retry: { readonly initialMs: number; readonly maxMs: number };
  readonly #bucket: TokenBucket;
  /** In order of arrival; a Set, because taking the first of a long array costs its length. */
  readonly #queue = new Set<string>();
  /** With the time since when. */
  readonly #dirty = new Map<string, number>();
  /** With the time since when. */
  readonly #processing = new Map<string, number>();
  /** Left alone after they were worked on. */
  readonly #resting = new Map<string, () => void>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, { readonly dueMs: number; readonly cancel: () => void }>();
  readonly #meter: WorkqueueMeter | undefined;
  #waiters: (() => void)[] = [];
  #isClosed = false;

  constructor({ clock, retry, bucket, measured }: WorkqueueOptions) {
    this.#clock = clock;
    this.#retry = retry ?? DEFAULT_RETRY;
    this.#bucket = new TokenBucket(bucket ?? DEFAULT_BUCKET, clock);
    this.#meter = measured?.by.meter(measured.name, this);
  }

  /** Keys ready to be taken. */
  get size(): number {
    return this.#queue.size;
  }

  runningSeconds(): readonly number[] {
    const nowMs = this.#clock.monotonic();
    return [...this.#processing.values()].map((beganMs) => (nowMs - beganMs) / 1000);
  }

  /** Whether nothing is waiting, running or due. For tests and shutdown. */
  get isIdle(): boolean {
    return this.#dirty.size === 0 && this.#processing.size === 0 && this.#timers.size === 0;
  }

  add(key: string): void {
    if (this.#isClosed || this.#dirty.has(key)) return;
    this.#meter?.added();
    this.#dirty.set(key, this.#clock.monotonic());
    if (this.#processing.has(key) || this.#resting.has(key)) return; // comes back when its worker is done, or when it has rested
    this.#enqueue(key);
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

  /** Adds the key after a delay that doubles with each of its failures, and not before the bucket of all retries has a token. */
  retry(key: string): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#meter?.retried();
    this.addAfter(key, Math.max(backoffMs(this.#retry, failures), this.#bucket.reserveMs()));
  }

  /** Forgets the key's failures. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key; undefined once the queue is closed and empty. Must be followed by `done`. */
  async take(): Promise<string | undefined> {
    while (this.#queue.size === 0 && !this.#isClosed) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    const [key] = this.#queue;
    if (key === undefined) return undefined;
    const nowMs = this.#clock.monotonic();
    this.#meter?.taken((nowMs - (this.#dirty.get(key) ?? nowMs)) / 1000);
    this.#queue.delete(key);
    this.#dirty.delete(key);
    this.#processing.set(key, nowMs);
    return key;
  }

  /** The key comes again, if it was asked for meanwhile or will be, when it has rested for so many ms. */
  done(key: string, restMs = 0): void {
    const beganMs = this.#processing.get(key);
    if (beganMs !== undefined) this.#meter?.done((this.#clock.monotonic() - beganMs) / 1000);
    this.#processing.delete(key);
    if (restMs === 0 || this.#isClosed) return this.#comeAgain(key);
    const wake = () => {
      this.#resting.delete(key);
      this.#comeAgain(key);
    };
    this.#resting.set(key, this.#clock.after(restMs, wake));
  }

  /** Takes no more keys and drops what is due later; workers drain what is ready, then get undefined. */
  close(): void {
    this.#isClosed = true;
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
    for (const cancel of this.#resting.values()) cancel();
    this.#resting.clear();
    for (const wake of this.#waiters.splice(0)) wake();
    this.#meter?.closed();
  }

  #comeAgain(key: string): void {
    if (this.#dirty.has(key)) this.#enqueue(key);
  }

  #enqueue(key: string): void {
    this.#queue.add(key);
    this.#waiters.shift()?.();
  }
}
