import type { Clock } from "./clock.ts";

/** How often something may be done: so many times at once after a pause, and so many per second for long. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A bucket that is full at first; one token is added each 1/perSecond of a second while it is not. */
export class TokenBucket {
  readonly #rate: Rate;
  readonly #clock: Clock;
  #tokens: number;
  #filledMs: number;

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#filledMs = clock.monotonic();
  }

  /** Takes a token if there is one. */
  take(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Takes the next token, which may still have to come: in how many milliseconds it will be there. */
  reserveMs(): number {
    this.#fill();
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : (-this.#tokens * 1000) / this.#rate.perSecond;
  }

  #fill(): void {
    const nowMs = this.#clock.monotonic();
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + ((nowMs - this.#filledMs) / 1000) * this.#rate.perSecond);
    this.#filledMs = nowMs;
  }
}
