import type { CronSchedule } from "../../apimachinery/cron-schedule.ts";

/** More missed starts than this are worth a word: a clock has jumped, or nobody was there for long. */
const MISSED_MAX = 100;

export interface DueTime {
  /** The newest instant that is due and not after now; undefined when there is none. */
  readonly dueMs: number | undefined;
  readonly isManyMissed: boolean;
}

/**
 * The newest time by the schedule in (`afterMs`, `nowMs`]. A gap of any length costs a few looks at the schedule, not one for each
 * missed time: the search begins close to now and widens.
 */
export function computeDueTime(schedule: CronSchedule, afterMs: number, nowMs: number): DueTime {
  const first = schedule(afterMs);
  if (first === undefined || first > nowMs) return { dueMs: undefined, isManyMissed: false };
  const second = schedule(first);
  if (second === undefined || second > nowMs) return { dueMs: first, isManyMissed: false };
  let dueMs = second;
  for (let windowMs = second - first; ; windowMs *= 2) {
    const from = Math.max(second, nowMs - windowMs);
    const found = schedule(from);
    if (found !== undefined && found <= nowMs) {
      dueMs = lastUntil(schedule, found, nowMs);
      break;
    }
    if (from === second) break;
  }
  return { dueMs, isManyMissed: isMoreThan(schedule, first, nowMs, MISSED_MAX) };
}

function lastUntil(schedule: CronSchedule, fromMs: number, nowMs: number): number {
  let last = fromMs;
  for (let next = schedule(last); next !== undefined && next <= nowMs; next = schedule(last)) last = next;
  return last;
}

function isMoreThan(schedule: CronSchedule, firstMs: number, nowMs: number, max: number): boolean {
  let at: number | undefined = firstMs;
  for (let count = 1; count <= max; count++) {
    at = schedule(at);
    if (at === undefined || at > nowMs) return false;
  }
  return true;
}
