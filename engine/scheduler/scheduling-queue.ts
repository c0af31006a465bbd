import type { Clock } from "../lib/clock.ts";
import type { PodInfo } from "./node-info.ts";

interface QueuedPod {
  readonly pod: PodInfo;
  readonly addedAtMs: number;
  attempts: number;
  /** Filters that rejected it last; empty for failures of binding, which any event may mend. */
  rejectedBy: ReadonlySet<string>;
  readyAtMs: number;
}

export interface QueueOptions {
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  /** A pod that nothing woke is tried again after this long, in case a hint was wrong. */
  readonly unschedulableMaxMs: number;
}

export const DEFAULT_QUEUE_OPTIONS: QueueOptions = { initialBackoffMs: 1_000, maxBackoffMs: 10_000, unschedulableMaxMs: 300_000 };

/**
 * Pods waiting for a node: active (highest priority first, then oldest), backing off after a failure,
 * or unschedulable until an event that may help. One consumer calls `next`.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #options: QueueOptions;
  readonly #active = new Map<string, QueuedPod>();
  readonly #backoff = new Map<string, QueuedPod>();
  readonly #unschedulable = new Map<string, { entry: QueuedPod; sinceMs: number }>();
  /** Attempts outlive a pod's stay in the queue, so that its backoff grows. Removed with the pod. */
  readonly #attempts = new Map<string, number>();
  #wake: (() => void) | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, options: QueueOptions = DEFAULT_QUEUE_OPTIONS) {
    this.#clock = clock;
    this.#options = options;
  }

  get sizes(): { readonly active: number; readonly backoff: number; readonly unschedulable: number } {
    return { active: this.#active.size, backoff: this.#backoff.size, unschedulable: this.#unschedulable.size };
  }

  /** Adds a pod, or replaces it in the place it has; a changed pod leaves the unschedulable ones, for it may fit now. */
  add(pod: PodInfo): void {
    const { key } = pod;
    const waiting = this.#backoff.get(key);
    if (waiting !== undefined) {
      this.#backoff.set(key, { ...waiting, pod });
      return;
    }
    const known = this.#active.get(key) ?? this.#unschedulable.get(key)?.entry;
    this.#unschedulable.delete(key);
    const now = this.#clock.now();
    this.#active.set(key, { pod, addedAtMs: known?.addedAtMs ?? now, attempts: this.#attempts.get(key) ?? 0, rejectedBy: new Set(), readyAtMs: now });
    this.#signal();
  }

  remove(key: string): void {
    this.#active.delete(key);
    this.#backoff.delete(key);
    this.#unschedulable.delete(key);
    this.#attempts.delete(key);
  }

  /** Puts a pod back after a failed try. `rejectedBy` says which filters' events may help; empty retries after the backoff. */
  giveBack(pod: PodInfo, rejectedBy: ReadonlySet<string>): void {
    const attempts = (this.#attempts.get(pod.key) ?? 0) + 1;
    this.#attempts.set(pod.key, attempts);
    const now = this.#clock.now();
    const delay = Math.min(this.#options.maxBackoffMs, this.#options.initialBackoffMs * 2 ** Math.min(attempts - 1, 20));
    const entry: QueuedPod = { pod, addedAtMs: now, attempts, rejectedBy, readyAtMs: now + delay };
    if (rejectedBy.size > 0) this.#unschedulable.set(pod.key, { entry, sinceMs: now });
    else this.#backoff.set(pod.key, entry);
    this.#armTimer();
  }

  /** Wakes the unschedulable pods for which `mayHelp` says so; they wait for the rest of their backoff. */
  wakeAll(mayHelp: (pod: PodInfo, rejectedBy: ReadonlySet<string>) => boolean): void {
    for (const [key, { entry }] of this.#unschedulable) {
      if (!mayHelp(entry.pod, entry.rejectedBy)) continue;
      this.#unschedulable.delete(key);
      this.#backoff.set(key, entry);
    }
    this.#promote();
  }

  /** The next pod to schedule; waits for one. Undefined when the signal fires. */
  async next(signal: AbortSignal): Promise<PodInfo | undefined> {
    for (;;) {
      if (signal.aborted) return undefined;
      const first = this.#first();
      if (first !== undefined) {
        this.#active.delete(first.pod.key);
        return first.pod;
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.#wake = wake;
        signal.addEventListener("abort", wake, { once: true });
      });
    }
  }

  close(): void {
    this.#cancelTimer?.();
  }

  #first(): QueuedPod | undefined {
    let best: QueuedPod | undefined;
    for (const entry of this.#active.values()) {
      if (best === undefined || priority(entry) > priority(best) || (priority(entry) === priority(best) && entry.addedAtMs < best.addedAtMs)) best = entry;
    }
    return best;
  }

  /** Moves what has waited long enough to the active pods. */
  #promote(): void {
    const now = this.#clock.now();
    for (const [key, { entry, sinceMs }] of this.#unschedulable) {
      if (now - sinceMs < this.#options.unschedulableMaxMs) continue;
      this.#unschedulable.delete(key);
      this.#backoff.set(key, entry);
    }
    for (const [key, entry] of this.#backoff) {
      if (entry.readyAtMs > now) continue;
      this.#backoff.delete(key);
      this.#active.set(key, entry);
    }
    this.#armTimer();
    if (this.#active.size > 0) this.#signal();
  }

  #armTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    let earliest = Infinity;
    for (const entry of this.#backoff.values()) earliest = Math.min(earliest, entry.readyAtMs);
    for (const { sinceMs } of this.#unschedulable.values()) earliest = Math.min(earliest, sinceMs + this.#options.unschedulableMaxMs);
    if (earliest !== Infinity) this.#cancelTimer = this.#clock.after(Math.max(0, earliest - this.#clock.now()), () => this.#promote());
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

function priority(entry: QueuedPod): number {
  return entry.pod.pod.spec.priority ?? 0;
}
