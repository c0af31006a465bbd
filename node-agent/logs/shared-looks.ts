import type { Clock } from "../../engine/lib/clock.ts";

/** Looks at things that many want to know of at once: who asks while one is under way, or shortly after, gets what that one gave. */
export class SharedLooks<T> {
  readonly #looks = new Map<string, Promise<T>>();
  readonly #look: (key: string) => Promise<T>;
  readonly #clock: Clock;
  readonly #lifeMs: number;

  constructor(look: (key: string) => Promise<T>, clock: Clock, lifeMs: number) {
    this.#look = look;
    this.#clock = clock;
    this.#lifeMs = lifeMs;
  }

  /** Rejects as the look does; the next one is then another. */
  get(key: string): Promise<T> {
    const known = this.#looks.get(key);
    if (known !== undefined) return known;
    const look = this.#look(key);
    this.#looks.set(key, look);
    const forget = () => void this.#looks.delete(key);
    look.then(() => this.#clock.after(this.#lifeMs, forget), forget);
    return look;
  }
}
