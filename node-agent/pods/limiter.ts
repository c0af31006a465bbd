import type { Clock } from "../../engine/lib/clock.ts";

/** How long one work may keep others from theirs. */
export interface Patience {
  readonly clock: Clock;
  readonly ms: number;
}

/** Lets a bounded number of works run at once; the others wait in order. */
export class Limiter {
  readonly #patience: Patience | undefined;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** What takes longer than `patience` waits for something else than its fellows: it goes on, and counts no more. */
  constructor(concurrencyMax: number, patience?: Patience) {
    this.#free = concurrencyMax;
    this.#patience = patience;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let counts = true;
    const leave = () => {
      if (!counts) return;
      counts = false;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    };
    const forget = this.#patience?.clock.after(this.#patience.ms, leave);
    try {
      return await work();
    } finally {
      forget?.();
      leave();
    }
  }
}
