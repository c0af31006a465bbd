import { describe, expect, it } from "vitest";
import { eventResource } from "../../../engine/resources/core/event.ts";
import { eventsV1EventResource } from "../../../engine/resources/events/event.ts";
import type { EventsV1Event } from "../../../engine/resources/types.ts";
import { startTestApi } from "../../kit/test-api.ts";

const now = "2026-08-22T10:31:00.000000Z";
const event = (name: string): EventsV1Event => ({
  apiVersion: "events.k8s.io/v1",
  kind: "Event",
  metadata: { name, namespace: "default" },
  eventTime: now,
  reportingController: "example.com/tester",
  reportingInstance: "tester-1",
  action: "Testing",
  reason: "Tested",
  regarding: { kind: "Pod", namespace: "default", name: "web" },
  note: "all is well",
  type: "Normal",
});

describe("events", () => {
  it("are the same objects at both addresses, each with its own names for the fields", async () => {
    await using api = await startTestApi();
    await api.client.for(eventsV1EventResource).create(event("a"));
    const old = await api.client.for(eventResource).get("default", "a");
    expect(old).toMatchObject({ apiVersion: "v1", involvedObject: { name: "web" }, message: "all is well", reportingComponent: "example.com/tester" });
    await api.client
      .for(eventResource)
      .create({ apiVersion: "v1", kind: "Event", metadata: { name: "b", namespace: "default" }, involvedObject: { namespace: "default", name: "db" }, message: "hm", count: 3 });
    const { items } = await api.client.for(eventsV1EventResource).list("default");
    expect(items.map(({ metadata, note, deprecatedCount }) => [metadata.name, note, deprecatedCount])).toEqual([
      ["a", "all is well", undefined],
      ["b", "hm", 3],
    ]);
  });

  it("are selected, patched, watched and deleted by the newer names", async () => {
    await using api = await startTestApi();
    const events = api.client.for(eventsV1EventResource);
    const created = await events.create(event("a"));
    await events.create({ ...event("c"), regarding: { kind: "Pod", namespace: "default", name: "other" } });
    expect((await events.list("default", { fieldSelector: "regarding.name=web" })).items.map(({ metadata }) => metadata.name)).toEqual(["a"]);
    const changed = await events.patch("default", "a", "merge", { series: { count: 2, lastObservedTime: now } });
    expect(changed).toMatchObject({ apiVersion: "events.k8s.io/v1", series: { count: 2 }, note: "all is well" });
    const watch = await events.watch("default", { resourceVersion: created.metadata.resourceVersion ?? "", fieldSelector: "regarding.name=web" }, AbortSignal.timeout(30_000));
    await events.delete("default", "a");
    const seen: string[] = [];
    for await (const { type, object } of watch) {
      seen.push(`${type} ${"note" in object ? object.note : ""}`);
      if (type === "DELETED") break;
    }
    expect(seen).toEqual(["MODIFIED all is well", "DELETED all is well"]);
  });

  it("may only continue a series where they came by the newer address", async () => {
    await using api = await startTestApi();
    const events = api.client.for(eventsV1EventResource);
    await events.create(event("a"));
    await expect(events.patch("default", "a", "merge", { note: "another story" })).rejects.toThrow('message: Invalid value: "another story": field is immutable');
    const { action: _action, ...incomplete } = event("b");
    await expect(events.create(incomplete)).rejects.toThrow("action: Required value");
    await expect(events.create({ ...event("b"), deprecatedCount: 4 })).rejects.toThrow('count: Invalid value: "": needs to be unset');
  });
});
