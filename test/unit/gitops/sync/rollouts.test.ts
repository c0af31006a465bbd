import { expect, test } from "vitest";
import { Rollouts } from "../../../../engine/gitops/sync/rollouts.ts";
import type { DeployFacts } from "../../../../engine/gitops/status/status-facts.ts";

const deploy = (commit: string, more: Partial<DeployFacts> = {}): DeployFacts => ({
  commit,
  subject: commit,
  author: "ada",
  time: "2026-01-01T00:00:00Z",
  result: "applied",
  plan: [],
  problems: [],
  ...more,
});
const commitOf = (id: string) => ({ id, tree: "", parents: [], message: id, author: "ada", time: 0 });

test("a commit that was on its way when the server was killed is superseded once another one is, and not by itself", () => {
  const rollouts = new Rollouts();
  rollouts.remember([deploy("c"), deploy("b", { healthyMs: 5 }), deploy("a", { result: "rejected" })]);
  const superseded = () => rollouts.facts().map(({ commit, superseded: is }) => `${commit}${is === true ? " superseded" : ""}`);
  expect(superseded()).toEqual(["c", "b", "a"]);
  rollouts.begin(commitOf("c"), 0, 0);
  expect(superseded()).toEqual(["c", "b", "a"]);
  rollouts.reject(commitOf("d"), 0, 0, ["no"]);
  expect(superseded()).toEqual(["d", "c", "b", "a"]);
  const next = new Rollouts();
  next.remember([deploy("c"), deploy("b", { healthyMs: 5 }), deploy("a", { result: "rejected" })]);
  next.begin(commitOf("e"), 0, 0);
  expect(next.facts().map(({ commit, superseded: is }) => [commit, is === true])).toEqual([
    ["e", false],
    ["c", true],
    ["b", false],
    ["a", false],
  ]);
});

test("a commit that was not healthy when the server stopped is so once what it had changed is, counted from its arrival", () => {
  const rollouts = new Rollouts();
  rollouts.remember([deploy("c", { appliedMs: 300 })]);
  rollouts.begin(commitOf("c"), Date.parse("2026-01-01T00:01:00Z"), 5_000, undefined, ["web"]);
  expect(rollouts.noteHealth((unit) => unit !== "web", 6_000)).toBe(false);
  expect(rollouts.facts()).toMatchObject([{ commit: "c", appliedMs: 300 }]);
  expect(rollouts.facts()[0]).not.toHaveProperty("healthyMs");
  expect(rollouts.noteHealth(() => true, 7_000)).toBe(true);
  expect(rollouts.facts()).toMatchObject([{ commit: "c", appliedMs: 300, healthyMs: 62_000 }]);
});
