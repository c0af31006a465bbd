import { sleep, type Clock } from "../lib/clock.ts";

/**
 * What changed in this time is remembered for watches that go on from there, as far as there is room. Upstream's time: whoever asks for
 * bookmarks gets one a minute, and so is never further behind.
 */
const FRESH_MS = 75_000;
const LOOK_MS = 15_000;

/** Calls `forget` every 15 s with the revision that was the newest 75 to 90 s before, until the signal fires. */
export async function forgetStale(clock: Clock, revision: () => number, forget: (revision: number) => void, signal: AbortSignal): Promise<void> {
  const seen: number[] = [];
  while (!signal.aborted) {
    seen.push(revision());
    await sleep(clock, LOOK_MS, signal).catch(() => {}); // the loop ends by itself
    if (seen.length * LOOK_MS >= FRESH_MS) forget(seen.shift() ?? 0);
  }
}
