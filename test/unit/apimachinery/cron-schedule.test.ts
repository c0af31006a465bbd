import { describe, expect, test } from "vitest";
import { parseCronSchedule } from "../../../engine/apimachinery/cron-schedule.ts";

/** The next times after an instant, as UTC without seconds. */
function next(schedule: string, after: string, count = 1, zone?: string): readonly string[] {
  const due = parseCronSchedule(schedule, zone);
  const found: string[] = [];
  for (let at = due(Date.parse(after)); at !== undefined && found.length < count; at = due(at)) found.push(new Date(at).toISOString().slice(0, 16));
  return found;
}

describe("a schedule", () => {
  test.each<[string, string, string, readonly string[]]>([
    ["runs every so many minutes", "*/20 * * * *", "2030-01-01T00:00:30Z", ["2030-01-01T00:20", "2030-01-01T00:40", "2030-01-01T01:00"]],
    ["is not due at the instant that is asked about", "0 * * * *", "2030-01-01T00:00:00Z", ["2030-01-01T01:00"]],
    ["knows lists, ranges and steps", "5,50 8-10/2 * * *", "2030-01-01T00:00:00Z", ["2030-01-01T08:05", "2030-01-01T08:50", "2030-01-01T10:05", "2030-01-01T10:50"]],
    ["goes on to the end from a value with a step", "40/10 3 * * *", "2030-01-01T00:00:00Z", ["2030-01-01T03:40", "2030-01-01T03:50", "2030-01-02T03:40"]],
    ["knows names of months and days", "0 9 * feb Mon", "2030-01-01T00:00:00Z", ["2030-02-04T09:00", "2030-02-11T09:00"]],
    ["runs on either kind of day when both are said", "0 0 13 * 5", "2030-09-01T00:00:00Z", ["2030-09-06T00:00", "2030-09-13T00:00", "2030-09-20T00:00"]],
    ["runs every day when one kind of day is every one", "0 0 1-31 * 5", "2030-09-01T00:00:00Z", ["2030-09-02T00:00", "2030-09-03T00:00"]],
    ["needs both when one of them is a star", "0 0 */2 * 5", "2030-09-01T00:00:00Z", ["2030-09-03T00:00"]],
    ["waits for a leap year", "0 0 29 2 *", "2030-01-01T00:00:00Z", ["2032-02-29T00:00"]],
    ["may never be due", "0 0 30 2 *", "2030-01-01T00:00:00Z", []],
    ["has short forms", "@weekly", "2030-01-01T00:00:00Z", ["2030-01-06T00:00"]],
    ["runs ever so often from when one asks", "@every 1h30m", "2030-01-01T00:00:00Z", ["2030-01-01T01:30", "2030-01-01T03:00"]],
  ])("%s", (_name, schedule, after, expected) => expect(next(schedule, after, Math.max(1, expected.length))).toEqual(expected));

  test.each<[string, string, string, string, readonly string[]]>([
    ["is of the clock of its zone", "0 9 * * *", "Europe/Berlin", "2030-01-01T00:00:00Z", ["2030-01-01T08:00"]],
    ["follows daylight saving", "0 9 * * *", "Europe/Berlin", "2030-07-01T00:00:00Z", ["2030-07-01T07:00"]],
    ["skips times that the clock skips", "30 2 * * *", "Europe/Berlin", "2030-03-30T12:00:00Z", ["2030-04-01T00:30"]],
    ["runs twice at times that the clock repeats", "30 2 * * *", "Europe/Berlin", "2030-10-26T12:00:00Z", ["2030-10-27T00:30", "2030-10-27T01:30"]],
    ["runs each hour through a change", "0 * * * *", "America/New_York", "2030-03-10T05:30:00Z", ["2030-03-10T06:00", "2030-03-10T07:00", "2030-03-10T08:00"]],
    ["knows zones with odd offsets", "0 0 * * *", "Asia/Kathmandu", "2030-01-01T00:00:00Z", ["2030-01-01T18:15"]],
  ])("%s", (_name, schedule, zone, after, expected) => expect(next(schedule, after, expected.length, zone)).toEqual(expected));

  test.each<[string, string]>([
    ["", "empty spec string"],
    ["* * * *", "expected exactly 5 fields, found 4: [* * * *]"],
    ["0 * * * * *", "expected exactly 5 fields, found 6: [0 * * * * *]"],
    ["60 * * * *", "end of range (60) above maximum (59): 60"],
    ["* * 0 * *", "beginning of range (0) below minimum (1): 0"],
    ["* 9-7 * * *", "beginning of range (9) beyond end of range (7): 9-7"],
    ["*/0 * * * *", "step of range should be a positive number: */0"],
    ["1-2-3 * * * *", "too many hyphens: 1-2-3"],
    ["* * * * someday", "failed to parse int from someday"],
    ["@fortnightly", "unrecognized descriptor: @fortnightly"],
    ["@every soon", "failed to parse duration @every soon"],
  ])("is refused: %j", (schedule, why) => expect(() => parseCronSchedule(schedule)).toThrow(why));

  test("is refused in a zone that nobody knows", () => {
    expect(() => parseCronSchedule("* * * * *", "Moon/Tycho")).toThrow("unknown time zone Moon/Tycho");
  });
});
