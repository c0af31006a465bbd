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

  /** Resolves when the next piece may begin; all who call meanwhile wait for the same turn. */
  async next(): Promise<void> {
    while (this.#break !== undefined) await this.#break;
    if (this.#left-- > 0) return;
    this.#left = this.#pieces - 1;
    this.#break = setImmediate();
    await this.#break;
    this.#break = undefined;
  }
}
