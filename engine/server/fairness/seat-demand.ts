/** What a level has asked for since it was looked at last: seats of requests that run and of those that wait. */
export interface DemandFigures {
  readonly high: number;
  readonly average: number;
  readonly deviation: number;
}

/** How slowly a level's demand is forgotten; upstream's figure, for a look every ten seconds. */
const SMOOTHING = 0.977;

/** Follows a level's demand over time. */
export class SeatDemand {
  #seats = 0;
  #high = 0;
  #sinceMs: number;
  #startMs: number;
  /** Integrals of the demand and of its square over the time. */
  #sum = 0;
  #squares = 0;
  #smoothed = 0;
  #last: DemandFigures = { high: 0, average: 0, deviation: 0 };

  constructor(nowMs: number) {
    this.#sinceMs = this.#startMs = nowMs;
  }

  /** Average and deviation, as what they were at most counts for a long time and what they are at once. */
  get smoothed(): number {
    return this.#smoothed;
  }

  /** The figures of the last look. */
  get last(): DemandFigures {
    return this.#last;
  }

  change(by: number, nowMs: number): void {
    this.#count(nowMs);
    this.#seats += by;
    this.#high = Math.max(this.#high, this.#seats);
  }

  /** The figures up to now; from here on it is counted anew. */
  look(nowMs: number): DemandFigures {
    this.#count(nowMs);
    const elapsedMs = nowMs - this.#startMs;
    const average = elapsedMs <= 0 ? this.#seats : this.#sum / elapsedMs;
    const deviation = elapsedMs <= 0 ? 0 : Math.sqrt(Math.max(0, this.#squares / elapsedMs - average * average));
    const envelope = average + deviation;
    this.#smoothed = Math.max(envelope, SMOOTHING * this.#smoothed + (1 - SMOOTHING) * envelope);
    this.#last = { high: this.#high, average, deviation };
    this.#sum = this.#squares = 0;
    this.#high = this.#seats;
    this.#startMs = nowMs;
    return this.#last;
  }

  #count(nowMs: number): void {
    const elapsedMs = nowMs - this.#sinceMs;
    this.#sum += this.#seats * elapsedMs;
    this.#squares += this.#seats * this.#seats * elapsedMs;
    this.#sinceMs = nowMs;
  }
}
