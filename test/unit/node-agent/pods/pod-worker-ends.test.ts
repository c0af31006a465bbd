import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import type { Container, Pod } from "../../../../engine/resources/types.ts";
import { NEVER, raceAbort } from "../../../../engine/lib/abort.ts";
import { drivenPod as aPod, workerIn } from "../../../kit/pod-worker.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(os.tmpdir(), "pod-worker-"))));
afterEach(() => rmSync(folder, { recursive: true }));
const aWorker = (pod?: Pod) => workerIn(folder, pod);

test.each<[string, Partial<Container>]>([
  ["a hook", { lifecycle: { postStart: { exec: { command: ["sleep", "1000000"] } } } }],
  ["a registry", { image: "slow.example.com/b:1" }],
])("%s that takes for ever holds up the start of no other pod, nor the end of its own", async (_what, more) => {
  const pod: Pod = { ...aPod, spec: { containers: [{ name: "c", image: "a:1", command: ["sleep", "1000000"], ...more }] } };
  const { worker, clock, runtime, context, events } = aWorker(pod);
  runtime.execSync = runtime.pullImage = () => new Promise<never>(() => {});
  const ended = worker.run(new AbortController().signal);
  await clock.advance(100_000);
  expect(events.filter((event) => /Failed|Killing|BackOff/.test(event))).toEqual([]);
  let begun = 0;
  for (let index = 0; index < 20; index++) void context.starts.run(async () => void begun++);
  await clock.advance(1);
  expect(begun).toBe(20);
  worker.orphan();
  await clock.advance(40_000);
  await ended;
  expect(await runtime.listContainers()).toEqual([]);
  expect(events.filter((event) => event.startsWith("Failed"))).toEqual([]);
});

test.each(["runSandbox", "startContainer"] as const)("a start that takes for ever (%s) is given up when its pod is to go, and when the agent ends", async (what) => {
  for (const end of ["pod", "agent"]) {
    const pod: Pod = { ...aPod, spec: { containers: [{ name: "c", image: "a:1" }] } };
    const { worker, clock, runtime, events } = aWorker(pod);
    let asked = 0;
    const hang = (signal = NEVER) => {
      asked++;
      return raceAbort(new Promise<never>(() => {}), signal);
    };
    if (what === "runSandbox") runtime.runSandbox = (_config: unknown, _handler?: string, signal?: AbortSignal) => hang(signal);
    else runtime.startContainer = (_id: string, signal?: AbortSignal) => hang(signal);
    const running = new AbortController();
    const ended = worker.run(running.signal);
    await clock.advance(60_000);
    if (end === "agent") running.abort();
    else worker.orphan();
    await clock.advance(1_000);
    await ended;
    expect([asked, events.filter((event) => event.startsWith("Failed"))]).toEqual([1, []]);
    if (end === "pod") expect([await runtime.listSandboxes(), await runtime.listContainers()]).toEqual([[], []]);
  }
});

test("who evicts a pod that has ended meanwhile does not wait for it", async () => {
  const { worker, clock } = aWorker({ ...aPod, status: { phase: "Succeeded" } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(1_000);
  let isEvicted = false;
  void worker.evict("the node was low on memory", 0).then(() => (isEvicted = true));
  await clock.advance(100);
  expect(isEvicted).toBe(true);
  running.abort();
  await ended;
});

test.each(["NotFound", "Conflict"] as const)("a pod that gives way and that the API has no more (%s) is not told of again and again until the watch says so", async (reason) => {
  const { worker, clock, context, events } = aWorker({
    ...aPod,
    spec: { activeDeadlineSeconds: 30, terminationGracePeriodSeconds: 1, containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] },
  });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  worker.update({ ...worker.pod, status: { ...worker.pod.status, startTime: new Date(clock.now()).toISOString() } });
  let asked = 0;
  const patch = async () => {
    asked++;
    throw new StatusError(reason, "it is another pod's name");
  };
  Object.assign(context, { client: { for: () => ({ patch }) } });
  await clock.advance(40_000);
  expect(asked).toBeLessThan(10);
  expect(events.filter((event) => event.startsWith("DeadlineExceeded"))).toHaveLength(1);
  running.abort();
  await ended;
});

test.each([
  ["is over its time", "DeadlineExceeded"],
  ["gives way", "Evicted"],
])("a pod that %s has failed, and is never told to have succeeded although its containers end well", async (_what, reason) => {
  const spec = { restartPolicy: "Never", terminationGracePeriodSeconds: 5, containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] };
  const { worker, clock, runtime, patches } = aWorker({ ...aPod, spec: reason === "Evicted" ? spec : { ...spec, activeDeadlineSeconds: 30 } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  const listContainers = runtime.listContainers.bind(runtime);
  runtime.listContainers = async (uid) => (await listContainers(uid)).map((one) => (one.state === "exited" ? { ...one, exitCode: 0, reason: "Completed" } : one));
  // The runtime's events say that they have ended while the sandbox is still being stopped.
  const stopSandbox = runtime.stopSandbox.bind(runtime);
  runtime.stopSandbox = async (id) => {
    worker.wake();
    await new Promise<void>((resolve) => void clock.after(1_000, resolve));
    await stopSandbox(id);
  };
  if (reason === "Evicted") void worker.evict("The node was low on resource: memory.", 5);
  await clock.advance(60_000);
  expect(patches.map(({ phase }) => phase)).not.toContain("Succeeded");
  expect(patches.at(-1)).toMatchObject({ phase: "Failed", reason });
  running.abort();
  await ended;
});

test("a pod that the runtime cannot end says so, is tried again and again, and goes when it can", async () => {
  const pod: Pod = { ...aPod, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "c", image: "a:1" }] } };
  const { worker, clock, runtime, events, done, context } = aWorker(pod);
  const stopSandbox = runtime.stopSandbox.bind(runtime);
  let isBroken = true;
  runtime.stopSandbox = async (id) => {
    if (isBroken) throw new Error("failed to destroy network for sandbox: no network today");
    await stopSandbox(id);
  };
  const client = context.client as unknown as { for: () => object };
  Object.assign(context, { client: { for: () => ({ ...client.for(), delete: async () => void done.push("deleted") }) } });
  const ended = worker.run(new AbortController().signal);
  await clock.advance(5_000);
  worker.update({ ...worker.pod, metadata: { ...pod.metadata, deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 1 } });
  await clock.advance(120_000);
  const told = events.filter((event) => event.startsWith("FailedKillPod"));
  expect(new Set(told)).toEqual(new Set(["FailedKillPod: error killing pod: failed to destroy network for sandbox: no network today"]));
  expect(told.length).toBeGreaterThan(3);
  expect(done).not.toContain("deleted");
  isBroken = false;
  await clock.advance(40_000);
  await ended;
  expect([done.at(-1), await runtime.listSandboxes()]).toEqual(["deleted", []]);
});

test("a pod that is evicted and that the runtime cannot end says so as well", async () => {
  const { worker, clock, runtime, events } = aWorker({ ...aPod, spec: { containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] } });
  const stopContainer = runtime.stopContainer.bind(runtime);
  let isBroken = true;
  runtime.stopContainer = async (id, graceSeconds) => {
    if (isBroken) throw new Error("failed to kill container: no signals today");
    await stopContainer(id, graceSeconds);
  };
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  const evicted = worker.evict("The node was low on resource: memory.", 1);
  await clock.advance(30_000);
  expect(events).toContain("FailedKillPod: error killing pod: failed to kill container: no signals today");
  isBroken = false;
  await clock.advance(60_000);
  await evicted;
  expect(await runtime.listContainers()).toMatchObject([{ state: "exited" }]);
  running.abort();
  await ended;
});

test("a pod that is to go starts nothing when its turn comes", async () => {
  const { worker, clock, runtime, context, events } = aWorker({ ...aPod, spec: { containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] } });
  const { promise: looking, resolve: look } = Promise.withResolvers<void>();
  const { promise: other, resolve: endOther } = Promise.withResolvers<void>();
  const imageStatus = runtime.imageStatus.bind(runtime);
  runtime.imageStatus = (name) => looking.then(() => imageStatus(name));
  const ended = worker.run(new AbortController().signal);
  await clock.advance(5_000);
  void context.starts.run(() => other);
  look();
  await clock.advance(5_000);
  worker.orphan();
  endOther();
  await clock.advance(40_000);
  await ended;
  expect(events).toEqual(['Pulled: Container image "a:1" already present on machine and can be accessed by the pod']);
});

test("an image that is being mounted when its pod is to go is there before the pod's mounts are taken away, and not after", async () => {
  const container = { name: "c", image: "a:1", volumeMounts: [{ name: "files", mountPath: "/files" }] };
  const { worker, clock, context } = aWorker({ ...aPod, spec: { containers: [container], volumes: [{ name: "files", image: { reference: "a:1" } }] } });
  const happened: string[] = [];
  const { promise: mounting, resolve: mount } = Promise.withResolvers<void>();
  Object.assign(context.images, { mount: () => mounting.then(() => void happened.push("mounted")), release: async () => void happened.push("released") });
  const ended = worker.run(new AbortController().signal);
  await clock.advance(5_000);
  worker.orphan();
  await clock.advance(40_000);
  mount();
  await clock.advance(40_000);
  await ended;
  expect(happened).toEqual(["mounted", "released"]);
});

test("a pod that leaves the API while its containers are ended, as one that had failed, is gone when they are", async () => {
  const slow: Pod = { ...aPod, spec: { ...aPod.spec, containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] } };
  const { worker, clock, done } = aWorker(slow);
  const running = new AbortController();
  const ended = worker.run(running.signal).then(() => done.push("gone"));
  await clock.advance(5_000);
  worker.update({ ...slow, status: { phase: "Failed" } });
  await clock.advance(10_000); // of the 30 seconds that its container takes to end
  worker.orphan();
  await clock.advance(60_000);
  expect(done.at(-1)).toBe("gone");
  running.abort();
  await ended;
});

test.each([
  [["sleep", "1000"], false],
  [["true"], true],
])("a pod uses its volumes until it is over: one that runs %j has released them: %s", async (command, isReleased) => {
  const { worker, clock } = aWorker({ ...aPod, spec: { ...aPod.spec, restartPolicy: "Never", containers: [{ name: "c", image: "a:1", command }] } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(20_000);
  expect(worker.hasReleasedVolumes).toBe(isReleased);
  running.abort();
  await ended;
});

test("while a pod ends, its containers are asked whether they are ready until they have ended themselves", async () => {
  const readinessProbe = { exec: { command: ["true"] }, periodSeconds: 1 };
  const pod: Pod = {
    ...aPod,
    spec: {
      terminationGracePeriodSeconds: 30,
      containers: [
        { name: "quick", image: "a:1", command: ["sh", "-c", "trap 'exit 0' TERM; sleep 1000"], readinessProbe },
        { name: "slow", image: "a:1", command: ["sleep", "1000"], readinessProbe },
      ],
    },
  };
  const { worker, clock, runtime, events } = aWorker(pod);
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  const asked: string[] = [];
  const names = new Map((await runtime.listContainers()).map(({ id, name }) => [id, name]));
  const execSync = runtime.execSync.bind(runtime);
  runtime.execSync = (id, command, timeoutSeconds) => {
    asked.push(names.get(id) ?? "");
    return execSync(id, command, timeoutSeconds);
  };
  worker.orphan();
  // As the runtime's events do.
  worker.wake();
  await clock.advance(100);
  worker.wake();
  await clock.advance(10_000);
  expect(new Set(asked)).toEqual(new Set(["slow"]));
  expect(events.filter((event) => event.startsWith("Unhealthy"))).toEqual([]);
  running.abort();
  await ended;
});

test("the last words of a container stay as they were when the runtime has forgotten it", async () => {
  const pod: Pod = {
    ...aPod,
    spec: {
      restartPolicy: "Never",
      containers: [
        { name: "job", image: "a:1", terminationMessagePath: "/dev/termination-log", command: ["sh", "-c", "sleep 10; exit 3"] },
        { name: "other", image: "a:1" },
      ],
    },
  };
  const { worker, clock, runtime, patches } = aWorker(pod);
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  writeFileSync(path.join(folder, "u1", "containers", "job", "0.message"), "no room");
  await clock.advance(6_000);
  const jobs = async () => (await runtime.listContainers()).filter(({ name }) => name === "job");
  const words = () => patches.at(-1)?.containerStatuses?.[0]?.state?.terminated?.message;
  // As its informer does.
  const look = async () => {
    worker.update({ ...pod, status: patches.at(-1) });
    await clock.advance(1_000);
  };
  await look();
  expect(words()).toBe("no room");
  for (const { id } of await jobs()) await runtime.removeContainer(id);
  for (let times = 0; times < 3; times++) await look();
  expect([await jobs(), words()]).toEqual([[], "no room"]);
  running.abort();
  await ended;
});

test("a pod that has ended gives its addresses back, also when its sandbox has died with the machine; once", async () => {
  const { worker, clock, runtime, patches } = aWorker({ ...aPod, spec: { restartPolicy: "Never", containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  runtime.crash();
  const stopped: string[] = [];
  runtime.stopSandbox = async (id) => void stopped.push(id);
  worker.wake();
  await clock.advance(5_000);
  worker.wake();
  await clock.advance(60_000);
  expect(patches.at(-1)?.phase).toBe("Failed");
  expect(stopped).toEqual((await runtime.listSandboxes()).map(({ id }) => id));
  running.abort();
  await ended;
});

test("a pod whose sandbox is another than before says so", async () => {
  const { worker, clock, runtime, events } = aWorker({ ...aPod, spec: { containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  expect(events.filter((event) => event.startsWith("SandboxChanged"))).toEqual([]);
  runtime.crash();
  worker.wake();
  await clock.advance(60_000);
  expect(events.filter((event) => event.startsWith("SandboxChanged"))).toEqual(["SandboxChanged: Pod sandbox changed, it will be killed and re-created."]);
  running.abort();
  await ended;
});

test("a pod that was deleted has no more time than the machine has that shuts down", async () => {
  const { worker, clock, runtime } = aWorker({ ...aPod, spec: { terminationGracePeriodSeconds: 600, containers: [{ name: "c", image: "a:1", command: ["sleep", "1000000"] }] } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  worker.update({ ...worker.pod, metadata: { ...worker.pod.metadata, deletionTimestamp: "2030-01-01T00:10:05Z", deletionGracePeriodSeconds: 600 } });
  await clock.advance(60_000);
  const before = (await runtime.listContainers())[0]?.state;
  void worker.shutDown(5);
  await clock.advance(10_000);
  expect([before, (await runtime.listContainers())[0]?.state ?? "gone"]).toEqual(["running", "gone"]);
  running.abort();
  await ended;
});

test("a pod that is giving way is left less time when the node's need becomes greater, and never more", async () => {
  const { worker, clock, runtime } = aWorker({ ...aPod, spec: { terminationGracePeriodSeconds: 600, containers: [{ name: "c", image: "a:1", command: ["sleep", "1000000"] }] } });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  const state = async () => (await runtime.listContainers())[0]?.state;
  void worker.preempt();
  void worker.evict("The node was low on resource: memory.", 1_000);
  await clock.advance(60_000);
  const before = await state();
  void worker.evict("The node was low on resource: memory.", 1);
  await clock.advance(5_000);
  expect([before, await state()]).toEqual(["running", "exited"]);
  running.abort();
  await ended;
});
