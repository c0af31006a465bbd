/** Entries kept; the oldest are forgotten, and with them their failures. */
const ENTRIES_MAX = 10_000;
/** After so long without a failure, the next one is the first again. */
const FORGET_MS = 30 * 60_000;

interface Entry {
  readonly failures: number;
  readonly uid: string;
  readonly sinceMs: number;
}

/** How long to wait before what failed in one place is replaced: longer each time. After a restart it begins anew. */
export class FailureDelays {
  readonly #entries = new Map<string, Entry>();
  readonly #delayOf: (failures: number) => number;

  /** `delayOf` gives the whole delay after so many failures in a row; the first one costs none. */
  constructor(delayOf: (failures: number) => number) {
    this.#delayOf = delayOf;
  }

  /** What is left of the delay for this failed object, in milliseconds; asking again about the same one counts no new failure. */
  delayMs(place: string, uid: string, nowMs: number): number {
    const known = this.#entries.get(place);
    const entry =
      known?.uid === uid ? known : { failures: known === undefined || nowMs - known.sinceMs > FORGET_MS ? 1 : known.failures + 1, uid, sinceMs: nowMs };
    this.#entries.delete(place);
    this.#entries.set(place, entry);
    if (this.#entries.size > ENTRIES_MAX) this.#entries.delete(this.#entries.keys().next().value ?? "");
    const wholeMs = entry.failures <= 1 ? 0 : this.#delayOf(entry.failures - 1);
    return Math.max(0, entry.sinceMs + wholeMs - nowMs);
  }
}
