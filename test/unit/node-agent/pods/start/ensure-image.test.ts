import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NEVER } from "../../../../../engine/lib/abort.ts";
import type { Pod } from "../../../../../engine/resources/types.ts";
import { ensureImage } from "../../../../../node-agent/pods/start/ensure-image.ts";
import { Limiter } from "../../../../../node-agent/pods/start/limiter.ts";
import type { PodContext } from "../../../../../node-agent/pods/pod-context.ts";
import { FakeRuntime } from "../../../../kit/fake-runtime.ts";
import { anImageAccess } from "../../../../kit/pod-context.ts";
import { VirtualClock } from "../../../../kit/virtual-clock.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(os.tmpdir(), "images-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "n" }, spec: { containers: [] } };

test.each([
  [1, [1000, 2000]],
  [2, [1000, 1000]],
])("of %i images at once that may be pulled, two have come after %j ms", async (pullsMax, expected) => {
  const clock = new VirtualClock();
  const startMs = clock.now();
  const registry = ["docker.io/library/a:1", "docker.io/library/b:1"];
  const runtime = new FakeRuntime({ clock, registry, latencyMs: { pullImage: 1000 } });
  const context = { runtime, clock, events: { record: () => {} }, pulls: new Limiter(pullsMax), imageAccess: anImageAccess(folder, clock, runtime) } as unknown as PodContext; // nothing else of it is used
  const done: number[] = [];
  const both = Promise.all(["a:1", "b:1"].map((image) => ensureImage(context, pod, { image, pullPolicy: "IfNotPresent" }, NEVER).then(() => done.push(clock.now() - startMs))));
  await clock.advance(5_000);
  await both;
  expect(done).toEqual(expected);
});

test("how long an image took is told with and without its waiting, and how large it is", async () => {
  const clock = new VirtualClock();
  const told: string[] = [];
  const events = { record: (_pod: Pod, { reason, message }: { readonly reason: string; readonly message: string }) => void told.push(`${reason}: ${message}`) };
  const runtime = new FakeRuntime({ clock, registry: ["docker.io/library/a:1", "docker.io/library/b:1"], latencyMs: { pullImage: 1500 } });
  const context = { runtime, clock, events, pulls: new Limiter(1), imageAccess: anImageAccess(folder, clock, runtime) } as unknown as PodContext; // nothing else of it is used
  const both = Promise.all(["a:1", "b:1"].map((image) => ensureImage(context, pod, { image, pullPolicy: "IfNotPresent" }, NEVER)));
  await clock.advance(5_000);
  await both;
  await ensureImage(context, pod, { image: "a:1", pullPolicy: "IfNotPresent" }, NEVER);
  expect(told.slice(2)).toEqual([
    'Pulled: Successfully pulled image "a:1" in 1.5s (1.5s including waiting). Image size: 1000 bytes.',
    'Pulled: Successfully pulled image "b:1" in 1.5s (3s including waiting). Image size: 1000 bytes.',
    'Pulled: Container image "a:1" already present on machine and can be accessed by the pod',
  ]);
});

test("an image that nobody waits for any more takes no turn of others, and is not told of as a failure", async () => {
  const clock = new VirtualClock();
  const [told, asked]: [string[], string[]] = [[], []];
  const runtime = new FakeRuntime({ clock, registry: ["a", "b", "c"].map((name) => `docker.io/library/${name}:1`), latencyMs: { pullImage: 1_000 } });
  const pull = runtime.pullImage.bind(runtime);
  runtime.pullImage = (name) => (asked.push(name), pull(name));
  const events = { record: (_pod: Pod, { type, reason }: { readonly type: string; readonly reason: string }) => void (type === "Warning" && told.push(reason)) };
  const context = { runtime, clock, events, pulls: new Limiter(1), imageAccess: anImageAccess(folder, clock, runtime) } as unknown as PodContext; // nothing else of it is used
  const over = new AbortController();
  const of = (image: string, signal: AbortSignal) => ensureImage(context, pod, { image, pullPolicy: "IfNotPresent" }, signal);
  const wanted = Promise.all([of("a:1", NEVER), expect(of("b:1", over.signal)).rejects.toThrow("aborted"), of("c:1", NEVER)]);
  await clock.advance(500);
  over.abort();
  await clock.advance(1_600);
  await wanted;
  expect([asked, told]).toEqual([["docker.io/library/a:1", "docker.io/library/c:1"], []]);
});
