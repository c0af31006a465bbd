import { expect, test } from "vitest";
import { eventFacts } from "../../../../engine/gitops/status/recent-events.ts";
import type { CoreEvent } from "../../../../engine/resources/types.ts";

const root = { kind: "Deployment", metadata: { name: "web", namespace: "shop" } };
const told = (event: Partial<CoreEvent>) =>
  eventFacts(
    {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: "e" },
      involvedObject: { kind: "Pod", name: "web-abc-xyz" },
      type: "Warning",
      reason: "Failed",
      firstTimestamp: "2026-01-01T10:00:00Z",
      source: { component: "kubelet" },
      ...event,
    },
    root,
  );

test("an event of a pod is told of what made the pod, with the time of its first appearance", () => {
  expect(told({ message: "no such\nimage" })).toEqual({ type: "Warning", reason: "Failed", object: "Pod of Deployment shop/web", message: "no such image", since: "2026-01-01T10:00:00Z" });
  expect(told({ involvedObject: { kind: "Deployment", name: "web" } }).object).toBe("Deployment shop/web");
  expect(told({ firstTimestamp: undefined, eventTime: "2026-01-01T11:00:00.123456Z" } as unknown as Partial<CoreEvent>).since).toBe("2026-01-01T11:00:00Z");
});

test.each<[string, Partial<CoreEvent>, string]>([
  ["what a container answered to a probe", { reason: "Unhealthy", message: "Readiness probe failed: password=hunter2" }, "Readiness probe failed"],
  ["what a container wrote in a hook", { reason: "FailedPostStartHook", message: "PostStartHook failed: exit 1: hunter2" }, "PostStartHook failed"],
  ["the words of others", { message: "hunter2", source: { component: "operator.example.org" } }, ""],
  ["the words of nobody", { message: "hunter2", source: {} }, ""],
])("%s is not told", (_name, event, message) => {
  expect(told(event)).toMatchObject({ message });
});
