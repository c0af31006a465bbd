import { parseResourceVersion, resourceVersionTooLarge } from "../apimachinery/list-options.ts";
import { StatusError } from "../apimachinery/status-error.ts";
import type { Clock } from "../lib/clock.ts";

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
}

/** The revision that a linearizable read has to see: as the store is known to have it, or asked for. */
interface NewestRevision {
  readonly known: () => number | undefined;
  readonly ask: () => Promise<number>;
}

const FRESH = Promise.resolve();
/** A reader waits this long for the cache to come to the revision it needs; upstream's time. */
const WAIT_MS = 3_000;

/** How far the cache has come, and who waits for it to come further. */
export class Freshness {
  readonly #clock: Clock;
  readonly #newest: NewestRevision;
  readonly #waiters = new Set<Waiter>();
  #revision = 0;
  /** The question to the store that is under way, and the one that whoever asks now will share. */
  #asking: Promise<unknown> = Promise.resolve();
  #next: Promise<number> | undefined;

  constructor(clock: Clock, newest: NewestRevision) {
    this.#clock = clock;
    this.#newest = newest;
  }

  /** 0 until the cache has been filled. */
  get revision(): number {
    return this.#revision;
  }

  advance(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
    for (const waiter of this.#waiters) {
      if (waiter.revision > this.#revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** Waits, as long as it takes, for a revision. */
  reached(revision: number): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.add({ revision, resolve: () => resolve() }));
  }

  /**
   * Waits until the cache shows what a reader asked for: the newest state by default, anything for "0", nothing older than N for N.
   * Throws a 504 when that takes too long, and a 503 when there is no state at all yet.
   */
  freshen(resourceVersion: string | undefined): Promise<void> {
    const asked = parseResourceVersion(resourceVersion) ?? this.#newest.known();
    return asked !== undefined && this.#revision >= Math.max(1, asked) ? FRESH : this.#catchUp(asked);
  }

  async #catchUp(asked: number | undefined): Promise<void> {
    const needed = Math.max(1, asked ?? (await this.#askNewest()));
    if (this.#revision >= needed || (await this.#reachedInTime(needed))) return;
    if (this.#revision === 0) throw new StatusError("ServiceUnavailable", "the objects have not been read from the store yet", { retryAfterSeconds: 1 });
    throw resourceVersionTooLarge(needed, this.#revision);
  }

  /**
   * One question to the store for all who come while another is under way. They cannot share that one: its answer may be
   * older than a write that they already know of.
   */
  #askNewest(): Promise<number> {
    this.#next ??= this.#asking.then(() => {
      this.#next = undefined;
      const answer = this.#newest.ask();
      this.#asking = answer.catch(() => {}); // whoever asked gets the failure; the next question does not care
      return answer;
    });
    return this.#next;
  }

  #reachedInTime(revision: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(WAIT_MS, () => {
        this.#waiters.delete(waiter);
        resolve(false);
      });
      const waiter: Waiter = {
        revision,
        resolve: () => {
          cancel();
          resolve(true);
        },
      };
      this.#waiters.add(waiter);
    });
  }
}
