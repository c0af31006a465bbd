import type { Clock } from "../lib/clock.ts";
import { KeyedHeap } from "../lib/keyed-heap.ts";
import type { PodInfo } from "./node-info.ts";
import { priorityOf } from "./nominations.ts";
import { DEFAULT_SETTINGS, type SchedulerSettings } from "./scheduler-settings.ts";

interface QueuedPod {
  readonly pod: PodInfo;
  readonly addedAtMs: number;
  /** Filters that rejected it last; empty for failures of binding, which only time may mend. */
  readonly rejectedBy: ReadonlySet<string>;
  readonly readyAtMs: number;
}

/** How often a pod was rejected, and how often in a row it failed for other reasons since. */
interface Failures {
  readonly rejections: number;
  readonly errors: number;
}

/** A pod that nothing woke is tried again after this long, in case a hint was wrong. */
const UNSCHEDULABLE_MS_MAX = 300_000;
/** Backoffs that end within the same span of this length end together, as far as their order goes; upstream's. */
const BACKOFF_WINDOW_MS = 1_000;
/**
 * Pods tried before their backoff is over, in any one second. Upstream has no such bound, but a thread to itself: here one event that
 * wakes thousands must not keep the API from its work. Those beyond it wait for the end of their backoff.
 */
const EARLY_MAX = 100;

/**
 * Pods waiting for a node: active (highest priority first, then oldest), backing off after a failure, or unschedulable until an event
 * that may help. While no pod is active, those that were woken are tried although their backoff is not over: otherwise whoever comes
 * last would find the way free. Failures of binding always wait. One consumer calls `next`.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #backoffMs: { readonly initial: number; readonly max: number };
  readonly #active = new KeyedHeap<QueuedPod>(comesBefore);
  readonly #backoff = new KeyedHeap<QueuedPod>((one, other) => one.readyAtMs < other.readyAtMs);
  /** Those of the backing off that were woken. */
  readonly #woken = new KeyedHeap<QueuedPod>(endsBefore);
  /** In the order of `sinceMs`. */
  readonly #unschedulable = new Map<string, { entry: QueuedPod; sinceMs: number }>();
  /** These outlive a pod's stay in the queue, so that its backoff grows. Removed with the pod. */
  readonly #failures = new Map<string, Failures>();
  #early = { second: 0, count: 0 };
  #wake: (() => void) | undefined;
  #cancelTimer: (() => void) | undefined;

  /** `initialBackoffMs` after the first failure, doubled by each further one up to `maxBackoffMs`. */
  constructor(clock: Clock, { initialBackoffMs, maxBackoffMs }: Pick<SchedulerSettings, "initialBackoffMs" | "maxBackoffMs"> = DEFAULT_SETTINGS) {
    this.#clock = clock;
    this.#backoffMs = { initial: initialBackoffMs, max: maxBackoffMs };
  }

  get sizes(): { readonly active: number; readonly backoff: number; readonly unschedulable: number } {
    return { active: this.#active.size, backoff: this.#backoff.size, unschedulable: this.#unschedulable.size };
  }

  /** Adds a pod, or replaces it in the place it has; a changed pod leaves the unschedulable ones, for it may fit now. */
  add(pod: PodInfo): void {
    const { key } = pod;
    const waiting = this.#backoff.get(key);
    if (waiting !== undefined) {
      this.#backOff({ ...waiting, pod });
      return;
    }
    const known = this.#active.get(key) ?? this.#unschedulable.get(key)?.entry;
    this.#unschedulable.delete(key);
    const now = this.#clock.monotonic();
    this.#active.set(key, { pod, addedAtMs: known?.addedAtMs ?? now, rejectedBy: new Set(), readyAtMs: now });
    this.#signal();
  }

  remove(key: string): void {
    this.#active.delete(key);
    this.#endBackoff(key);
    this.#unschedulable.delete(key);
    this.#failures.delete(key);
  }

  /** Puts a pod back after a failed try. `rejectedBy` says which filters' events may help; empty retries after the backoff. */
  giveBack(pod: PodInfo, rejectedBy: ReadonlySet<string>): void {
    const { rejections, errors } = this.#failures.get(pod.key) ?? { rejections: 0, errors: 0 };
    const failures = rejectedBy.size > 0 ? { rejections: rejections + 1, errors: 0 } : { rejections, errors: errors + 1 };
    this.#failures.set(pod.key, failures);
    const now = this.#clock.monotonic();
    const doublings = Math.min((failures.errors || failures.rejections) - 1, 20);
    const delay = Math.min(this.#backoffMs.max, this.#backoffMs.initial * 2 ** doublings);
    const entry: QueuedPod = { pod, addedAtMs: now, rejectedBy, readyAtMs: now + delay };
    if (rejectedBy.size > 0) {
      this.#unschedulable.delete(pod.key); // so that it comes last
      this.#unschedulable.set(pod.key, { entry, sinceMs: now });
    } else this.#backOff(entry);
    this.#armTimer();
  }

  /** Has an unschedulable pod tried again when its backoff is over, whether or not anything happens. */
  retry(key: string): void {
    const known = this.#unschedulable.get(key);
    if (known === undefined) return;
    this.#unschedulable.delete(key);
    this.#backOff({ ...known.entry, rejectedBy: new Set() });
    this.#armTimer();
  }

  /** Wakes the unschedulable pods for which `mayHelp` says so; while others are active, they wait for the rest of their backoff. */
  wakeAll(mayHelp: (pod: PodInfo, rejectedBy: ReadonlySet<string>) => boolean): void {
    for (const [key, { entry }] of this.#unschedulable) {
      if (!mayHelp(entry.pod, entry.rejectedBy)) continue;
      this.#unschedulable.delete(key);
      this.#backOff(entry);
    }
    this.#promote();
  }

  /** The next pod to schedule; waits for one. Undefined when the signal fires. */
  async next(signal: AbortSignal): Promise<PodInfo | undefined> {
    for (;;) {
      if (signal.aborted) return undefined;
      const first = this.#active.first ?? this.#takeEarly();
      if (first !== undefined) {
        this.#active.delete(first.pod.key);
        this.#endBackoff(first.pod.key);
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

  /** The pod whose backoff ends first, of those that were woken. */
  #takeEarly(): QueuedPod | undefined {
    const second = Math.floor(this.#clock.monotonic() / 1000);
    const count = this.#early.second === second ? this.#early.count : 0;
    if (count >= EARLY_MAX) return undefined;
    const woken = this.#woken.first;
    if (woken !== undefined) this.#early = { second, count: count + 1 };
    return woken;
  }

  /** Moves what has waited long enough to the active pods. */
  #promote(): void {
    const now = this.#clock.monotonic();
    for (const [key, { entry, sinceMs }] of this.#unschedulable) {
      if (now - sinceMs < UNSCHEDULABLE_MS_MAX) break;
      this.#unschedulable.delete(key);
      this.#backOff(entry);
    }
    for (let first = this.#backoff.first; first !== undefined && first.readyAtMs <= now; first = this.#backoff.first) {
      this.#endBackoff(first.pod.key);
      this.#active.set(first.pod.key, first);
    }
    this.#armTimer();
    if (this.#active.size + this.#backoff.size > 0) this.#signal();
  }

  #backOff(entry: QueuedPod): void {
    this.#backoff.set(entry.pod.key, entry);
    if (entry.rejectedBy.size > 0) this.#woken.set(entry.pod.key, entry);
    else this.#woken.delete(entry.pod.key);
  }

  #endBackoff(key: string): void {
    this.#backoff.delete(key);
    this.#woken.delete(key);
  }

  #armTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const [oldest] = this.#unschedulable.values();
    const earliest = Math.min(this.#backoff.first?.readyAtMs ?? Infinity, (oldest?.sinceMs ?? Infinity) + UNSCHEDULABLE_MS_MAX);
    if (earliest !== Infinity) this.#cancelTimer = this.#clock.after(Math.max(0, earliest - this.#clock.monotonic()), () => this.#promote());
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

function comesBefore(one: QueuedPod, other: QueuedPod): boolean {
  const more = priorityOf(one.pod) - priorityOf(other.pod);
  return more > 0 || (more === 0 && one.addedAtMs < other.addedAtMs);
}

function endsBefore(one: QueuedPod, other: QueuedPod): boolean {
  const later = Math.floor(one.readyAtMs / BACKOFF_WINDOW_MS) - Math.floor(other.readyAtMs / BACKOFF_WINDOW_MS);
  return later < 0 || (later === 0 && comesBefore(one, other));
}
