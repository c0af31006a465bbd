import type { Clock } from "../../lib/clock.ts";

/** Writing to this many takes two or three milliseconds: so long a request waits that comes meanwhile. */
const WATCHERS_PER_TURN = 128;
/** Less than a tenth of what a round over all of a thousand watchers takes. */
const GATHER_MS = 4;
/** For so many rounds events are taken to come together because they did. */
const GATHERED_ROUNDS = 16;

/**
 * Spreads what is written to many watchers over turns of the event loop: a thousand of them hold up no request, and events that come
 * within one turn go out to each in one piece. Where events lately came while a round over many was going on, the next such round waits a
 * moment for what comes with its first event, since every write costs alike, be it one event or ten.
 */
export class WatchTurns {
  readonly #clock: Clock;
  #waiting: (() => void)[] = [];
  #isScheduled = false;
  /** How many of those that wait belong to the round that goes on. */
  #left = 0;
  #roundsToGather = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `write`, which must not throw, in a later turn. Who came first is called first. */
  add(write: () => void): void {
    this.#waiting.push(write);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#begin());
  }

  /** The first turn after there was nothing to do. */
  #begin(): void {
    if (this.#waiting.length <= WATCHERS_PER_TURN || this.#roundsToGather === 0) return this.#turn();
    this.#roundsToGather--;
    this.#clock.after(GATHER_MS, () => this.#turn());
  }

  #turn(): void {
    if (this.#left === 0) this.#left = this.#waiting.length;
    const writes = this.#waiting.splice(0, Math.min(this.#left, WATCHERS_PER_TURN));
    this.#left -= writes.length;
    for (const write of writes) write();
    this.#isScheduled = this.#waiting.length > 0;
    if (!this.#isScheduled) return;
    // A round has ended and the next one begins at once, for there were events meanwhile.
    if (this.#left === 0 && this.#waiting.length > WATCHERS_PER_TURN) this.#roundsToGather = GATHERED_ROUNDS;
    setImmediate(() => this.#turn());
  }
}
