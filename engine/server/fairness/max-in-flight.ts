import { MASTERS_GROUP } from "../../apimachinery/known-users.ts";
import type { RequestDigest } from "./flow-matching.ts";
import { TooManyRequests, type RequestOrder, type Ticket } from "./fairness.ts";

const READING = new Set(["get", "head", "list", "watch", "options"]);

/**
 * A plain bound on how many requests are served at once, where priority and fairness is switched off: who is above it is sent away.
 * Administrators are not counted, so that they can put things right. A bound of 0 is none.
 */
export class MaxInFlight implements RequestOrder {
  readonly #max: { readonly reading: number; readonly writing: number };
  readonly #running = { reading: 0, writing: 0 };

  constructor(readingMax: number, writingMax: number) {
    this.#max = { reading: readingMax, writing: writingMax };
  }

  async enter({ user, verb }: RequestDigest): Promise<Ticket> {
    if (user.groups.includes(MASTERS_GROUP)) return { headers: {}, leave: () => {} };
    const side = READING.has(verb) ? "reading" : "writing";
    if (this.#max[side] > 0 && this.#running[side] >= this.#max[side]) throw new TooManyRequests("concurrency-limit", {});
    this.#running[side]++;
    let isOver = false;
    return {
      headers: {},
      leave: () => {
        if (!isOver) this.#running[side]--;
        isOver = true;
      },
    };
  }
}
