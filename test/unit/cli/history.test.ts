import { expect, test } from "vitest";
import { latestOfEach } from "../../../engine/cli/history-command.ts";

test("of reports that come newest first, each commit's last one counts, in the order of the reports and not of a clock that was set", () => {
  const report = (desiredCommit: string, time: string) => ({ desiredCommit, time });
  const reports = [report("c", "09:05"), report("b", "10:04"), report("c", "10:03"), report("", "10:02"), report("a", "10:01"), report("b", "10:00")];
  expect(latestOfEach(reports)).toEqual([report("c", "09:05"), report("b", "10:04"), report("a", "10:01")]);
});
