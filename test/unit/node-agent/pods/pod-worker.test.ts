import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Pod, Volume } from "../../../../engine/resources/types.ts";
import { MountError } from "../../../../node-agent/volumes/volume-plugin.ts";
import { drivenPod as aPod, workerIn } from "../../../kit/pod-worker.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(os.tmpdir(), "pod-worker-"))));
afterEach(() => rmSync(folder, { recursive: true }));
const aWorker = (pod?: Pod) => workerIn(folder, pod);

test("the story of a start is told in upstream's words", async () => {
  const { worker, clock, events, places } = aWorker();
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  expect(events).toEqual(['Pulled: Container image "a:1" already present on machine and can be accessed by the pod', "Created: Container created", "Started: Container started"]);
  expect(new Set(places)).toEqual(new Set(["spec.containers{c}"]));
  running.abort();
  await ended;
});

test("a volume that cannot be brought up to date is told of in the pod's events; the pod goes on with what it has", async () => {
  const { worker, clock, trouble, events } = aWorker();
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  expect(worker.volumes.get("secrets")).toBe(folder);
  const before = events.filter((event) => event.startsWith("FailedMount"));
  trouble.error = new MountError("the vault is sealed");
  await clock.advance(70_000);
  expect([before, events.filter((event) => event.startsWith("FailedMount"))]).toEqual([[], ['FailedMount: MountVolume.SetUp failed for volume "secrets" : the vault is sealed']]);
  expect(worker.volumes.get("secrets")).toBe(folder);
  running.abort();
  await ended;
});

test("a container that is not started again at once has an event that says so, once for each of its ends", async () => {
  const { worker, clock, events, places } = aWorker({ ...aPod, spec: { initContainers: [{ name: "i", image: "a:1", command: ["sh", "-c", "exit 1"] }], containers: [{ name: "c", image: "a:1" }] } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  const told = () => events.filter((event) => event.startsWith("BackOff"));
  await clock.advance(5_000);
  expect(told()).toEqual(["BackOff: Back-off restarting failed container i in pod web_shop(u1)"]);
  expect(places.at(-1)).toBe("spec.initContainers{i}");
  await clock.advance(15_000);
  expect(told()).toHaveLength(2);
  running.abort();
  await ended;
});

test.each([
  [
    { image: "Gone" },
    "InvalidImageName",
    [
      `InspectFailed: Failed to apply default image tag "Gone": couldn't parse image name "Gone": invalid reference format: repository name (library/Gone) must be lowercase`,
      "Failed: Error: InvalidImageName",
    ],
  ],
  [{ image: "gone:1", imagePullPolicy: "Never" }, "ErrImageNeverPull", ['ErrImageNeverPull: Container image "gone:1" is not present with pull policy of Never', "Failed: Error: ErrImageNeverPull"]],
])("an image like %j is told of without a look at a registry", async (image, reason, told) => {
  const { worker, clock, events, waits } = aWorker({ ...aPod, spec: { containers: [{ name: "c", ...image }] } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  expect(events.slice(0, 2)).toEqual(told);
  expect(waits.at(-1)).toMatch(new RegExp(`^${reason}: `));
  running.abort();
  await ended;
});

test("an image that cannot be pulled is told of in the words of a kubelet, each time it is tried", async () => {
  const { worker, clock, events, waits } = aWorker({ ...aPod, spec: { containers: [{ name: "c", image: "gone:1" }] } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  const why = 'failed to pull and unpack image "docker.io/library/gone:1": failed to resolve reference: not found';
  const told = [
    'Pulling: Pulling image "gone:1"',
    `Failed: Failed to pull image "gone:1": ${why}`,
    "Failed: Error: ErrImagePull",
    'BackOff: Back-off pulling image "gone:1"',
    "Failed: Error: ImagePullBackOff",
  ];
  expect(events.slice(0, 5)).toEqual(told);
  expect(waits.slice(-2)).toEqual([`ErrImagePull: ${why}`, `ImagePullBackOff: Back-off pulling image "gone:1": ErrImagePull: ${why}`]);
  await clock.advance(30_000);
  expect(events.slice(-5)).toEqual(told);
  running.abort();
  await ended;
});

test("a container that could not be made is tried again every ten seconds, however long that lasts", async () => {
  const { worker, clock, runtime } = aWorker({ ...aPod, spec: { containers: [{ name: "c", image: "a:1" }] } });
  for (let times = 0; times < 8; times++) runtime.failNext("createContainer", "no such device");
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(75_000);
  expect(await runtime.listContainers()).toEqual([]);
  await clock.advance(10_000);
  expect(await runtime.listContainers()).toMatchObject([{ state: "running" }]);
  running.abort();
  await ended;
});

test("a start that fails in other words each time is tried again ever later, not as soon as the API shows those words", async () => {
  const { worker, clock, trouble, events, patches } = aWorker();
  const running = new AbortController();
  const ended = worker.run(running.signal);
  let shown = 0;
  for (let times = 0; times < 60; times++) {
    trouble.error = new MountError(`no answer to request ${times}`);
    await clock.advance(1_000);
    if (patches.length === shown) continue;
    shown = patches.length;
    worker.update({ ...aPod, metadata: { ...aPod.metadata, resourceVersion: `${100 + shown}` }, status: patches.at(-1) ?? {} });
  }
  const tries = events.filter((event) => event.startsWith("FailedMount")).length;
  expect([tries > 3, tries < 10]).toEqual([true, true]);
  // What somebody else changes may be the remedy.
  worker.update({ ...aPod, metadata: { ...aPod.metadata, resourceVersion: "1000", annotations: { vault: "open" } }, status: patches.at(-1) ?? {} });
  delete trouble.error;
  await clock.advance(5_000);
  expect(worker.volumes.get("secrets")).toBe(folder);
  running.abort();
  await ended;
});

test("what others say of a pod is looked at at once also while its start fails", async () => {
  const { worker, clock, trouble, events, patches } = aWorker();
  trouble.error = new MountError("the vault is sealed");
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(60_000);
  const tries = () => events.filter((event) => event.startsWith("FailedMount")).length;
  const before = tries();
  const shown = (revision: number, more: object) => worker.update({ ...aPod, metadata: { ...aPod.metadata, resourceVersion: `${revision}` }, status: { ...patches.at(-1), ...more } });
  shown(100 + patches.length, {});
  await clock.advance(100);
  expect(tries() - before).toBe(0);
  shown(1_000, { conditions: [...(patches.at(-1)?.conditions ?? []), { type: "example.com/Unsealed", status: "True" }] });
  await clock.advance(100);
  expect(tries() - before).toBe(1);
  running.abort();
  await ended;
});

test("what the node knows of a pod is told again when somebody else has said otherwise, and only then", async () => {
  const { worker, clock, patches } = aWorker({ ...aPod, spec: { containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  const [told, count] = [patches.at(-1), patches.length];
  worker.update({ ...aPod, spec: worker.pod.spec, metadata: { ...aPod.metadata, resourceVersion: "1000" }, status: { ...told, nominatedNodeName: "n2" } });
  await clock.advance(1_000);
  expect(patches.length).toBe(count);
  worker.update({ ...aPod, spec: worker.pod.spec, metadata: { ...aPod.metadata, resourceVersion: "1001" }, status: { ...told, phase: "Pending", containerStatuses: [] } });
  await clock.advance(1_000);
  expect([patches.length - count, patches.at(-1)?.phase, patches.at(-1)?.containerStatuses?.length]).toEqual([1, "Running", 1]);
  running.abort();
  await ended;
});

test("a start that fails in other words each time is tried again ever later, also where the API shows those words before it has answered", async () => {
  const { worker, clock, trouble, events, context } = aWorker();
  let words = 0;
  Object.defineProperty(trouble, "error", { get: () => (words < 1_000 ? new MountError(`no answer to request ${words++}`) : undefined) });
  const pods = context.client.for(undefined as never) as { patch: (...args: unknown[]) => Promise<Pod> };
  const patch = async (...args: unknown[]) => {
    const written = await pods.patch(...args);
    worker.update(written);
    return written;
  };
  Object.assign(context, { client: { for: () => ({ patch }) } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(60_000);
  expect(events.filter((event) => event.startsWith("FailedMount")).length).toBeLessThan(10);
  running.abort();
  await ended;
});

test("somebody who says the opposite of a pod as often as he is contradicted is contradicted only every ten seconds", async () => {
  const { worker, clock, patches, context } = aWorker({ ...aPod, spec: { containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  const pods = context.client.for(undefined as never) as { patch: (...args: unknown[]) => Promise<Pod> };
  let revision = 1_000;
  const contradict = (pod: Pod) => {
    if (revision < 1_500) worker.update({ ...worker.pod, metadata: { ...pod.metadata, resourceVersion: `${++revision}` }, status: { ...pod.status, hostIP: "192.0.2.99" } });
  };
  const patch = async (...args: unknown[]) => {
    const written = await pods.patch(...args);
    const answer = { ...written, metadata: { ...written.metadata, resourceVersion: `${++revision}` } };
    contradict(answer);
    return answer;
  };
  Object.assign(context, { client: { for: () => ({ patch }) } });
  const before = patches.length;
  contradict({ ...worker.pod, status: patches.at(-1) });
  await clock.advance(60_000);
  expect([patches.length - before, patches.at(-1)?.hostIP]).toEqual([7, "192.0.2.1"]);
  running.abort();
  await ended;
});

test.each<[string, Volume]>([
  ["of its own", { name: "about", downwardAPI: { items: [{ path: "step", fieldRef: { fieldPath: "metadata.annotations['step']" } }] } }],
  ["with others", { name: "about", projected: { sources: [{ downwardAPI: { items: [{ path: "step", fieldRef: { fieldPath: "metadata.annotations['step']" } }] } }] } }],
])("what a pod is told of itself by a volume %s follows its annotations at once", async (_what, volume) => {
  const about = (step: string): Pod => ({
    ...aPod,
    metadata: { ...aPod.metadata, annotations: { step } },
    spec: { containers: [{ name: "c", image: "a:1", volumeMounts: [{ name: "about", mountPath: "/about" }] }], volumes: [volume] },
  });
  const { worker, clock } = aWorker(about("one"));
  const running = new AbortController();
  const ended = worker.run(running.signal);
  const told = () => readFileSync(path.join(worker.volumes.get("about") ?? "", "step"), "utf8");
  await clock.advance(5_000);
  expect(told()).toBe("one");
  worker.update(about("two"));
  await clock.advance(2_000);
  expect(told()).toBe("two");
  running.abort();
  await ended;
});

test("a volume that only a container for debugging uses is provided when that is added", async () => {
  const idle: Pod = { ...aPod, spec: { ...aPod.spec, containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] } };
  const { worker, clock } = aWorker(idle);
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  expect(worker.volumes.size).toBe(0);
  worker.update({ ...idle, spec: { ...idle.spec, ephemeralContainers: [{ name: "e", image: "a:1", volumeMounts: [{ name: "secrets", mountPath: "/secrets" }] }] } });
  await clock.advance(5_000);
  expect(worker.volumes.get("secrets")).toBe(folder);
  running.abort();
  await ended;
});
