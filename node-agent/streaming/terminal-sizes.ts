import type { Clock } from "../../engine/lib/clock.ts";

/** Fewer than anybody sees; each costs the runtime a call to the container. */
const PAUSE_MS = 50;

/**
 * Passes the sizes of one terminal on: the first at once, of those that come in the pause after it the last. What is no whole size is passed
 * on as it comes: it may be a part of one.
 */
export class TerminalSizes {
  readonly #clock: Clock;
  readonly #pass: (size: Buffer) => void;
  #waiting: Buffer | undefined;
  #endPause: (() => void) | undefined;

  constructor(clock: Clock, pass: (size: Buffer) => void) {
    this.#clock = clock;
    this.#pass = pass;
  }

  take(size: Buffer): void {
    if (!isWhole(size)) {
      this.#passWaiting();
      this.#pass(size);
    } else if (this.#endPause === undefined) this.#passAndPause(size);
    else this.#waiting = size;
  }

  /** Nobody has the terminal any more. */
  end(): void {
    this.#endPause?.();
    this.#waiting = undefined;
  }

  #passAndPause(size: Buffer): void {
    this.#pass(size);
    this.#endPause = this.#clock.after(PAUSE_MS, () => {
      this.#endPause = undefined;
      const next = this.#waiting;
      this.#waiting = undefined;
      if (next !== undefined) this.#passAndPause(next);
    });
  }

  #passWaiting(): void {
    if (this.#waiting !== undefined) this.#pass(this.#waiting);
    this.#waiting = undefined;
  }
}

function isWhole(size: Buffer): boolean {
  try {
    return typeof JSON.parse(size.toString("utf8")) === "object";
  } catch {
    return false;
  }
}
