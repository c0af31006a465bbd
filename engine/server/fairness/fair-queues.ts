import { dealHand } from "./shuffle-sharding.ts";

/** A request that waits. */
export interface Waiting {
  readonly hash: bigint;
  readonly width: number;
}

/** What a request costs at least, and is taken to cost before it has run; upstream's guess. */
const SECONDS_MIN = 0.003;

interface Queue<W extends Waiting> {
  readonly waiting: W[];
  /** Seats that requests from here hold now. */
  executing: number;
  /** Seat-seconds that were given to this queue, so far as its neighbours could have had them. */
  served: number;
}

/** The queue that a request came from, to be told what it has cost. */
export interface Origin {
  readonly index: number;
  readonly width: number;
}

/**
 * The queues of one priority level. A flow's request joins the shortest queue of its hand; the queue that has been served least is
 * next. Plain data and no clock: who calls it says what a request has cost.
 */
export class FairQueues<W extends Waiting> {
  readonly #queues: Queue<W>[];
  readonly #handSize: number;
  readonly #lengthLimit: number;
  #length = 0;
  #last = -1;

  constructor(queues: number, handSize: number, lengthLimit: number) {
    this.#queues = Array.from({ length: queues }, () => ({ waiting: [], executing: 0, served: 0 }));
    this.#handSize = handSize;
    this.#lengthLimit = lengthLimit;
  }

  /** How many wait, in all queues. */
  get length(): number {
    return this.#length;
  }

  /** The queues as they are, for whoever looks into the server. */
  get all(): readonly { readonly waiting: readonly W[]; readonly executing: number; readonly served: number }[] {
    return this.#queues;
  }

  /** False when the queue that it belongs into is full. */
  join(request: W): boolean {
    const queue = this.#queues[this.choose(request.hash)];
    if (queue === undefined || queue.waiting.length >= this.#lengthLimit) return false;
    if (queue.waiting.length === 0 && queue.executing === 0) queue.served = Math.max(queue.served, this.#leastServed());
    queue.waiting.push(request);
    this.#length++;
    return true;
  }

  /** The queue for a flow's next request: the one of its hand with the least to do. */
  choose(hash: bigint): number {
    const load = (index: number) => (this.#queues[index]?.waiting.reduce((sum, { width }) => sum + width, 0) ?? 0) + (this.#queues[index]?.executing ?? 0);
    return dealHand(hash, this.#queues.length, this.#handSize).reduce((best, index) => (load(index) < load(best) ? index : best));
  }

  /** Who is next; undefined when nobody waits. */
  next(): W | undefined {
    return this.#nextQueue()?.waiting[0];
  }

  /** Takes the next one out; it runs now. */
  take(): { readonly request: W; readonly origin: Origin } | undefined {
    const queue = this.#nextQueue();
    const request = queue?.waiting.shift();
    if (queue === undefined || request === undefined) return undefined;
    this.#length--;
    this.#last = this.#queues.indexOf(queue);
    return { request, origin: this.#start(this.#last, request.width) };
  }

  /** A request of this flow runs without having waited. */
  pass(hash: bigint, width: number): Origin {
    const index = this.choose(hash);
    const queue = this.#queues[index];
    if (queue !== undefined && queue.waiting.length === 0 && queue.executing === 0) queue.served = Math.max(queue.served, this.#leastServed());
    return this.#start(index, width);
  }

  /** Somebody gave up waiting; whether it was here. */
  leave(request: W): boolean {
    for (const { waiting } of this.#queues) {
      const place = waiting.indexOf(request);
      if (place < 0) continue;
      waiting.splice(place, 1);
      this.#length--;
      return true;
    }
    return false;
  }

  /** What ran has ended, after so many seconds. */
  finished({ index, width }: Origin, seconds: number): void {
    const queue = this.#queues[index];
    if (queue === undefined) return;
    queue.executing -= width;
    queue.served += width * Math.max(0, seconds - SECONDS_MIN);
  }

  /** Everybody out, in no particular order. */
  drain(): readonly W[] {
    const all = this.#queues.flatMap(({ waiting }) => waiting.splice(0));
    this.#length = 0;
    return all;
  }

  #start(index: number, width: number): Origin {
    const queue = this.#queues[index];
    if (queue !== undefined) {
      queue.executing += width;
      queue.served += width * SECONDS_MIN;
    }
    return { index, width };
  }

  #nextQueue(): Queue<W> | undefined {
    let best: Queue<W> | undefined;
    // Of those that were served alike, the one behind whoever was last: they take turns.
    const rotated = [...this.#queues.slice(this.#last + 1), ...this.#queues.slice(0, this.#last + 1)];
    for (const queue of rotated) if (queue.waiting.length > 0 && (best === undefined || queue.served < best.served)) best = queue;
    return best;
  }

  /** A queue that was idle has no claim on what it did not use. */
  #leastServed(): number {
    let least = Infinity;
    for (const { waiting, executing, served } of this.#queues) if (waiting.length > 0 || executing > 0) least = Math.min(least, served);
    return least === Infinity ? 0 : least;
  }
}
