import { abortError } from "./abort.ts";

/**
 * Time as a parameter, so that a whole cluster can run under virtual time.
 * All instants and durations are in milliseconds.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump; use `monotonic` for durations. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes backwards. */
  monotonic(): number;
  /** Runs `callback` once after `delayMs`. Returns a function that cancels it; cancelling twice is harmless. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Waits for `delayMs`; rejects with an AbortError when the signal fires first. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(abortError(signal));
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      cancel();
      reject(abortError(signal));
    };
    const cancel = clock.after(delayMs, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** The second that was written last: a busy server writes the same one hundreds of times. */
let lastSecond = { second: Number.NaN, text: "" };

/** An instant as Kubernetes writes `metav1.Time`: RFC 3339 in UTC, whole seconds. */
export function formatTime(epochMs: number): string {
  const second = Math.floor(epochMs / 1000);
  if (second !== lastSecond.second) lastSecond = { second, text: new Date(second * 1000).toISOString().replace(".000Z", "Z") };
  return lastSecond.text;
}

/** An instant as Kubernetes writes `metav1.MicroTime`: RFC 3339 in UTC with six decimals. */
export function formatMicroTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace("Z", "000Z");
}

/** The longest that a timer of Node waits; one that is to wait longer fires at once. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, TIMER_MAX_MS));
    return () => clearTimeout(timer);
  },
};
