/** Writing to this many takes two or three milliseconds: so long a request waits that comes meanwhile. */
const WATCHERS_PER_TURN = 128;

/**
 * Spreads what is written to many watchers over turns of the event loop: a thousand of them hold up no request, and events that come
 * within one turn go out to each in one piece.
 */
export class WatchTurns {
  #waiting: (() => void)[] = [];
  #isScheduled = false;

  /** Calls `write`, which must not throw, in a later turn. Who came first is called first. */
  add(write: () => void): void {
    this.#waiting.push(write);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      for (const write of this.#waiting.splice(0, WATCHERS_PER_TURN)) write();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}
