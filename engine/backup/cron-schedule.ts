import { CronTime } from "cron";
import { describeError } from "../lib/log.ts";

/**
 * Reads a schedule; gives the function from an instant to the next one that is due, both in milliseconds since the epoch.
 * Throws, saying what is right, for anything but five fields that name an instant.
 */
export function parseSchedule(text: string): (afterMs: number) => number {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 5 || text.includes("?")) throw new Error('must be five fields: minute, hour, day of month, month and day of week, such as "0 3 * * *"');
  let time: CronTime;
  try {
    time = new CronTime(fields.join(" "), "UTC");
  } catch (error) {
    throw new Error(`must be a schedule of cron: ${describeError(error)}`, { cause: error });
  }
  return (afterMs) => time.getNextDateFrom(new Date(afterMs), "UTC").toMillis();
}
