import { expect, test } from "vitest";
import { findBreak, type BreakQuestion, type Observation } from "../../../../engine/cli/find-break.ts";

/** `d1 c1 Healthy`: what was deployed, what had changed the application last, and how it fared; a minute apart. */
const story = (...lines: readonly string[]): readonly Observation[] =>
  lines.map((line, index) => {
    const [deployed = "", changed = "", health = ""] = line.split(" ");
    return { deployed, changed, health: health as Observation["health"], reason: "", time: `2026-01-01T00:0${index}:00Z` }; // the tests' own words
  });
const ask = (observations: readonly Observation[], more: Partial<BreakQuestion> = {}) => {
  const found = findBreak({ application: "web", observations, ...more });
  if (found.is === "no answer") return found.why;
  const told = "good" in found ? `${found.good.deployed}/${found.good.changed}→` : "";
  return `${found.is}: ${told}${found.bad.deployed}/${found.bad.changed}`;
};

test.each<[string, readonly string[], Partial<BreakQuestion>, string]>([
  ["the commit that changed it", ["d1 d1 Healthy", "d2 d2 Progressing", "d2 d2 Degraded"], {}, "change: d1/d1→d2/d2"],
  ["of several bad ones the first", ["d1 d1 Healthy", "d2 d2 Degraded", "d3 d3 Progressing", "d3 d3 Degraded"], {}, "change: d1/d1→d2/d2"],
  ["after it was healed, the last time", ["d1 d1 Healthy", "d2 d2 Degraded", "d3 d3 Healthy", "d4 d3 Healthy", "d5 d5 Missing"], {}, "change: d4/d3→d5/d5"],
  ["a deploy that did not change it", ["d1 d1 Healthy", "d2 d1 Degraded"], {}, "elsewhere: d1/d1→d2/d1"],
  ["no commit, when it broke while one went on", ["d1 d1 Healthy", "d2 d1 Healthy", "d2 d1 Degraded"], {}, "by itself: d2/d1→d2/d1"],
  ["what is on its way counts for nothing", ["d1 d1 Healthy", "d2 d2 Degraded", "d3 d3 Progressing"], {}, "change: d1/d1→d2/d2"],
  ["unless it is asked about", ["d1 d1 Healthy", "d2 d2 Progressing", "d3 d3 Progressing"], { bad: "d2" }, "change: d1/d1→d2/d2"],
  ["an earlier time, when asked", ["d1 d1 Healthy", "d2 d2 Degraded", "d3 d3 Healthy"], { bad: "d2" }, "change: d1/d1→d2/d2"],
  ["after the commit that was good", ["d1 d1 Healthy", "d2 d2 Healthy", "d3 d3 Degraded"], { good: "d1" }, "change: d2/d2→d3/d3"],
  ["nothing, when it is well", ["d1 d1 Degraded", "d2 d2 Healthy"], {}, "web is healthy; to look into the past, say with which commit it was not: --bad COMMIT"],
  ["nothing, when it never was", ["d1 d1 Progressing", "d1 d1 Degraded"], {}, "never healthy: d1/d1"],
  ["nothing, when a good commit was not good", ["d1 d1 Degraded", "d2 d2 Degraded"], { good: "d1" }, "web is not known to have been healthy with d1 before it broke"],
  ["nothing, when a bad commit was good", ["d1 d1 Healthy", "d2 d2 Degraded"], { bad: "d1" }, "web was healthy with d1"],
  ["nothing, when a commit is not known", ["d1 d1 Healthy"], { bad: "d9" }, "d9 was not deployed, as far as the status branch remembers"],
  ["nothing, without a report", [], {}, "nothing is known of web"],
])("what broke an application is %s", (_name, lines, more, expected) => {
  expect(ask(story(...lines), more)).toBe(expected);
});

test("what broke by itself says since when its commit had been there", () => {
  expect(findBreak({ application: "web", observations: story("d1 d1 Healthy", "d2 d1 Healthy", "d2 d1 Degraded") })).toMatchObject({ is: "by itself", deployedAt: "2026-01-01T00:01:00Z" });
});
