import { setImmediate } from "node:timers/promises";

/**
 * Shares the process with whatever else it has to do: work in many small pieces that never waits by itself calls `next` between two of
 * them, and after every `pieces` of them everything else has its turn.
 */
export class Turns {
  readonly #pieces: number;
  #left: number;
  #break: Promise<void> | undefined;

  constructor(pieces: number) {
    this.#pieces = pieces;
    this.#left = pieces;
  }

  /** Resolves when the next piece may begin, which counts as so many; all who call meanwhile wait for the same turn. */
  async next(pieces = 1): Promise<void> {
    while (this.#break !== undefined) await this.#break;
    if (this.#left <= 0) {
      this.#left = this.#pieces;
      this.#break = setImmediate();
      await this.#break;
      this.#break = undefined;
    }
    this.#left -= pieces;
  }
}
