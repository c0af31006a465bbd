import { abortError, NEVER, throwIfAborted } from "../../../engine/lib/abort.ts";
import type { Clock } from "../../../engine/lib/clock.ts";

/** How long one work may keep others from theirs. */
export interface Patience {
  readonly clock: Clock;
  readonly ms: number;
}

/** Lets a bounded number of works run at once; the others wait in order, those that complete something before those that begin something. */
export class Limiter {
  readonly #patience: Patience | undefined;
  #free: number;
  readonly #waiting: { readonly begins: (() => void)[]; readonly completes: (() => void)[] } = { begins: [], completes: [] };

  /** What takes longer than `patience` waits for something else than its fellows: it goes on, and counts no more. */
  constructor(concurrencyMax: number, patience?: Patience) {
    this.#free = concurrencyMax;
    this.#patience = patience;
  }

  /** Rejects with an AbortError when the signal fires before its turn; what has begun is the work's own to break off. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal = NEVER, does: "begins" | "completes" = "begins"): Promise<T> {
    throwIfAborted(signal);
    if (this.#free > 0) this.#free--;
    else await this.#turn(this.#waiting[does], signal);
    let counts = true;
    const leave = () => {
      if (!counts) return;
      counts = false;
      const next = this.#waiting.completes.shift() ?? this.#waiting.begins.shift();
      if (next === undefined) this.#free++;
      else next();
    };
    const forget = this.#patience?.clock.after(this.#patience.ms, leave);
    try {
      throwIfAborted(signal);
      return await work();
    } finally {
      forget?.();
      leave();
    }
  }

  #turn(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        signal.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        waiting.splice(waiting.indexOf(begin), 1);
        reject(abortError(signal));
      };
      waiting.push(begin);
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }
}
