import { describe, expect, test } from "vitest";
import { USUAL_SETTINGS } from "../../../engine/admission/admission-configuration.ts";
import type { EventLimit } from "../../../engine/admission/plugins/event-rate-limit.ts";
import { TokenBucket } from "../../../engine/lib/token-bucket.ts";
import { eventResource } from "../../../engine/resources/core/event.ts";
import type { CoreEvent } from "../../../engine/resources/types.ts";
import { createTestNamespace, startTestApi, type TestApi } from "../../kit/test-api.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const event = (name: string, namespace = "default", more: Partial<CoreEvent> = {}): CoreEvent => ({
  apiVersion: "v1",
  kind: "Event",
  metadata: { name, namespace },
  involvedObject: { namespace },
  reason: "Tested",
  ...more,
});

async function limited(...limits: readonly Partial<EventLimit>[]): Promise<TestApi & { readonly clock: VirtualClock }> {
  const clock = new VirtualClock();
  const eventLimits = limits.map((limit): EventLimit => ({ type: "Server", perSecond: 1, burst: 2, bucketsMax: 4096, ...limit }));
  const api = await startTestApi({ clock, admissionSettings: { ...USUAL_SETTINGS, eventLimits }, admissionChoice: { enabled: ["EventRateLimit"], disabled: [] } });
  return { ...api, clock };
}

const refusal = (text: string) => ({ status: { code: 429, reason: "TooManyRequests", message: `Too many requests: ${text}` } });

test("a bucket fills as time goes by, up to its brim", async () => {
  const clock = new VirtualClock();
  const bucket = new TokenBucket({ perSecond: 2, burst: 3 }, clock);
  const takeAll = () => Array.from({ length: 5 }, () => bucket.take()).filter(Boolean).length;
  expect(takeAll()).toBe(3);
  await clock.advance(1000);
  expect(takeAll()).toBe(2);
  await clock.advance(60_000);
  expect(takeAll()).toBe(3);
});

test("a token that is not there yet can be taken, and comes in its turn", async () => {
  const clock = new VirtualClock();
  const bucket = new TokenBucket({ perSecond: 2, burst: 3 }, clock);
  expect(Array.from({ length: 5 }, () => bucket.reserveMs())).toEqual([0, 0, 0, 500, 1000]);
  expect(bucket.take()).toBe(false);
  await clock.advance(1500);
  expect(bucket.take()).toBe(true);
});

describe("a limit of Events", () => {
  test("for the whole server lets in no more than its burst, and later what time allows", async () => {
    await using api = await limited({});
    const events = api.client.for(eventResource);
    await events.create(event("a"));
    await events.create(event("b"));
    await expect(events.create(event("c"))).rejects.toMatchObject(refusal("limit reached on type Server for key "));
    await api.clock.advance(1000);
    await events.create(event("c"));
    await expect(events.patch("default", "c", "merge", { count: 2 })).rejects.toMatchObject({ status: { code: 429 } });
  });

  test("counts neither dry runs nor other kinds, and stands back when it is not switched on", async () => {
    await using api = await limited({ burst: 1 });
    await api.client.for(eventResource).create(event("a"), { dryRun: true });
    await createTestNamespace(api.client, "other");
    await api.client.for(eventResource).create(event("a"));
    await using free = await startTestApi({ admissionSettings: { ...USUAL_SETTINGS, eventLimits: [{ type: "Server", perSecond: 1, burst: 1, bucketsMax: 1 }] } });
    for (const name of ["a", "b"]) await free.client.for(eventResource).create(event(name));
  });

  test("for each namespace, user or source counts them apart, and says which one it was", async () => {
    await using api = await limited({ type: "Namespace", burst: 1 }, { type: "User", burst: 2 }, { type: "SourceAndObject", burst: 3 });
    await createTestNamespace(api.client, "other");
    const events = api.client.for(eventResource);
    await events.create(event("a"));
    await events.create(event("a", "other"));
    await expect(events.create(event("b"))).rejects.toMatchObject(refusal("[limit reached on type Namespace for key default, limit reached on type User for key kubernetes-admin]"));
    await expect(api.as("eve", ["system:masters"]).for(eventResource).create(event("c"))).rejects.toMatchObject(refusal("limit reached on type Namespace for key default"));
    const about = { source: { component: "kubelet", host: "n1" }, involvedObject: { kind: "Pod", namespace: "third", name: "web", uid: "1", apiVersion: "v1" } };
    await createTestNamespace(api.client, "third");
    const write = (name: string) =>
      api
        .as(name, ["system:masters"])
        .for(eventResource)
        .create(event(name, "third", about))
        .then(
          () => "",
          (error: Error) => error.message,
        );
    const answers: string[] = [];
    for (const name of ["u1", "u2", "u3", "u4"]) answers.push(await write(name));
    expect(answers.at(-1)).toBe("Too many requests: [limit reached on type Namespace for key third, limit reached on type SourceAndObject for key kubeletn1Podthirdweb1v1]");
  });

  test("forgets who has not written for longest, who then begins anew", async () => {
    await using api = await limited({ type: "User", burst: 1, bucketsMax: 1 });
    const write = (user: string, name: string) => api.as(user, ["system:masters"]).for(eventResource).create(event(name));
    await write("ann", "a");
    await write("bob", "b");
    await write("ann", "c");
    await expect(write("ann", "d")).rejects.toThrow("limit reached on type User for key ann");
  });
});
