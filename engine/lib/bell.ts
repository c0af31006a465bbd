import type { Clock } from "./clock.ts";

/** Calls one loop that waits for something to change. Ringing before the loop waits is not lost, and ringing often counts once. */
export class Bell {
  readonly #clock: Clock;
  #isRung: boolean;
  #wake: () => void = () => {};

  constructor(clock: Clock, { isRung = false } = {}) {
    this.#clock = clock;
    this.#isRung = isRung;
  }

  ring(): void {
    this.#isRung = true;
    this.#wake();
  }

  /** Whether it was rung since the last time somebody asked here: what rang is now being seen to. */
  take(): boolean {
    const isRung = this.#isRung;
    this.#isRung = false;
    return isRung;
  }

  /** Until it is rung, the time (ms; may be Infinity) is over or the signal fires; at once when it is rung already. Tells whether it is. Never rejects. */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    if (this.#isRung || signal.aborted) return this.#isRung;
    let cancel = () => {};
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (ms !== Infinity) cancel = this.#clock.after(ms, resolve);
      signal.addEventListener("abort", this.#wake, { once: true });
    });
    cancel();
    signal.removeEventListener("abort", this.#wake);
    this.#wake = () => {};
    return this.#isRung;
  }
}
