/** How many of something each client has. */
export class Counts {
  readonly #counts = new Map<string, number>();

  of(client: string): number {
    return this.#counts.get(client) ?? 0;
  }

  /** The number with this one. */
  add(client: string): number {
    const count = this.of(client) + 1;
    this.#counts.set(client, count);
    return count;
  }

  remove(client: string): void {
    const count = this.of(client) - 1;
    if (count > 0) this.#counts.set(client, count);
    else this.#counts.delete(client);
  }
}
