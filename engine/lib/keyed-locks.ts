/** One thing at a time for each key, in the order in which it was asked for. */
export class KeyedLocks {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs the work when all that was asked for any of these keys before is over, however that ended. Gives what the work gives. */
  async run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    // All keys are taken in one step, so that nobody waits for somebody who waits for him.
    const mine = Promise.allSettled(keys.map((key) => this.#last.get(key))).then(work);
    for (const key of keys) this.#last.set(key, mine);
    try {
      return await mine;
    } finally {
      for (const key of keys) if (this.#last.get(key) === mine) this.#last.delete(key);
    }
  }
}
