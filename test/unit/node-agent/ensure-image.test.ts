import { expect, test } from "vitest";
import type { Pod } from "../../../engine/resources/types.ts";
import { ensureImage } from "../../../node-agent/pods/ensure-image.ts";
import { Limiter } from "../../../node-agent/pods/limiter.ts";
import type { PodContext } from "../../../node-agent/pods/pod-context.ts";
import { FakeRuntime } from "../../kit/fake-runtime.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "n" }, spec: { containers: [] } };

test.each([
  [1, [1000, 2000]],
  [2, [1000, 1000]],
])("of %i images at once that may be pulled, two have come after %j ms", async (pullsMax, expected) => {
  const clock = new VirtualClock();
  const startMs = clock.now();
  const registry = ["docker.io/library/a:1", "docker.io/library/b:1"];
  const context = { runtime: new FakeRuntime({ clock, registry, latencyMs: { pullImage: 1000 } }), clock, events: { record: () => {} }, pulls: new Limiter(pullsMax) } as unknown as PodContext; // nothing else of it is used
  const done: number[] = [];
  const both = Promise.all(["a:1", "b:1"].map((image) => ensureImage(context, pod, { image, pullPolicy: "IfNotPresent" }).then(() => done.push(clock.now() - startMs))));
  await clock.advance(5_000);
  await both;
  expect(done).toEqual(expected);
});
