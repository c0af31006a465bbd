import { describe, expect, test } from "vitest";
import { computeNotifications, HourlyLimit, notificationBody, renderNotification, type Notification } from "../../../../engine/gitops/notify/notifications.ts";
import type { ApplicationFacts, DeployFacts, StatusFacts } from "../../../../engine/gitops/status/status-facts.ts";

const A = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678";
const deploy = (more: Partial<DeployFacts> = {}): DeployFacts => ({
  commit: A,
  subject: "Scale",
  author: "Ada",
  time: "2026-08-22T10:00:00Z",
  result: "applied",
  plan: ["~ x"],
  problems: [],
  ...more,
});
const app = (health: ApplicationFacts["health"]): ApplicationFacts => ({
  name: "web",
  path: "web",
  health,
  ready: "",
  reason: "broken",
  since: "",
  commit: A,
  images: [],
  objects: [],
  kept: [],
  dependsOn: [],
});
const facts = (more: Partial<StatusFacts>): StatusFacts => ({
  schemaVersion: 1,
  cluster: "home",
  repository: { url: "", branch: "main" },
  sync: { state: "applied" },
  applications: [],
  nodes: [],
  deploys: [],
  drift: [],
  incidents: [],
  notices: [],
  ...more,
});
const events = (before: Partial<StatusFacts>, after: Partial<StatusFacts>, alarmed: readonly string[] = []) =>
  computeNotifications(facts(before), facts(after), new Set(alarmed)).map(({ event }) => event);

describe("what is told", () => {
  test.each<[string, Partial<StatusFacts>, Partial<StatusFacts>, readonly string[], readonly string[]]>([
    ["a commit when it is healthy", { deploys: [deploy()] }, { deploys: [deploy({ healthyMs: 900 })] }, [], ["deployed"]],
    ["not twice", { deploys: [deploy({ healthyMs: 900 })] }, { deploys: [deploy({ healthyMs: 900 })] }, [], []],
    ["not a commit that changed nothing", {}, { deploys: [deploy({ healthyMs: 1, plan: [] })] }, [], []],
    ["not a commit that is on its way", {}, { deploys: [deploy()] }, [], []],
    ["a rejection, at once", {}, { deploys: [deploy({ result: "rejected", problems: ["a.yaml:1 no"] })] }, [], ["rejected"]],
    ["an application that breaks", { applications: [app("Healthy")] }, { applications: [app("Degraded")] }, [], ["degraded"]],
    ["and that it is well again, when it was told before", { applications: [app("Progressing")] }, { applications: [app("Healthy")] }, ["web"], ["recovered"]],
    ["but not when nobody was alarmed", { applications: [app("Progressing")] }, { applications: [app("Healthy")] }, [], []],
  ])("%s", (_name, before, after, alarmed, expected) => {
    expect(events(before, after, alarmed)).toEqual(expected);
  });

  const notification: Notification = { event: "degraded", cluster: "home", application: "web", commit: "a1b2", subject: "", author: "", reason: "<crash> & burn" };
  test("in the words of a template, whose unknown names stay", () => {
    expect(renderNotification(notification, "${application}@${cluster}: ${reason} ${other}")).toBe("web@home: <crash> & burn ${other}");
    expect(renderNotification(notification)).toContain("home: web is degraded: <crash> & burn");
  });

  test("Slack gets text without power, others everything as data", () => {
    expect(JSON.parse(notificationBody("slack", notification, "<x> & y"))).toEqual({ text: "&lt;x&gt; &amp; y" });
    expect(JSON.parse(notificationBody("generic", notification, "t"))).toEqual({ ...notification, text: "t" });
  });

  test("at most so often in an hour; what was left out is counted", () => {
    const limit = new HourlyLimit();
    expect([0, 1, 2, 3].map((ms) => limit.admit(2, ms))).toEqual([0, 0, undefined, undefined]);
    expect(limit.admit(2, 3_600_000)).toBe(2);
    expect(limit.admit(2, 3_600_001)).toBe(0);
  });
});
