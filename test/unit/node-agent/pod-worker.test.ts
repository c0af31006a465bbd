import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Container, Pod, PodStatus, Volume } from "../../../engine/resources/types.ts";
import { NEVER, raceAbort } from "../../../engine/lib/abort.ts";
import { PodWorker } from "../../../node-agent/pods/pod-worker.ts";
import { MountError } from "../../../node-agent/volumes/volume-plugin.ts";
import { FakeRuntime } from "../../kit/fake-runtime.ts";
import { aPodContext } from "../../kit/pod-context.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(os.tmpdir(), "pod-worker-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const aPod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "shop", uid: "u1" },
  spec: { containers: [{ name: "c", image: "a:1", volumeMounts: [{ name: "secrets", mountPath: "/secrets" }] }], volumes: [{ name: "secrets", csi: { driver: "vault.example.com" } }] },
};

/** A worker of a pod on a node whose driver of volumes fails with `trouble.error` while that is set. */
function aWorker(pod: Pod = aPod) {
  const clock = new VirtualClock();
  const trouble: { error?: Error; refusal?: { readonly reason: string; readonly message: string } | "not known yet"; misplaced?: { readonly reason: string; readonly message: string } } = {};
  const done: string[] = [];
  const events: string[] = [];
  const places: string[] = [];
  const waits: string[] = [];
  const patches: PodStatus[] = [];
  let revision = 100;
  const mount = async () => {
    if (trouble.error !== undefined) throw trouble.error;
    return folder;
  };
  const csi = { mount, follows: () => true, unmountPod: async () => {} };
  const runtime = new FakeRuntime({ clock, images: ["docker.io/library/a:1"] });
  const context = aPodContext(folder, clock, runtime, {
    client: {
      for: () => ({
        patch: async (_namespace: string, _name: string, _type: string, { status }: { readonly status: PodStatus }) => {
          done.push(`${status.phase}`);
          patches.push(status);
          const waiting = status.containerStatuses?.[0]?.state?.waiting;
          if (waiting !== undefined) waits.push(`${waiting.reason}: ${waiting.message ?? ""}`);
          const metadata = { ...pod.metadata, resourceVersion: `${++revision}` };
          return { ...pod, metadata, status: Object.fromEntries(Object.entries({ ...pod.status, ...status }).filter(([, value]) => value !== null)) };
        },
      }),
    },
    events: {
      record: (_object: unknown, { reason, message, fieldPath }: { readonly reason: string; readonly message: string; readonly fieldPath?: string }) => {
        events.push(`${reason}: ${message}`);
        places.push(fieldPath ?? "");
      },
    },
    csi,
    devices: { prepare: async () => {}, unprepare: async () => void done.push("devices taken back"), cdiDevices: () => [], held: () => [] },
    sources: () => ({ services: () => [], podIps: [], hostIps: [], allocatable: {}, csi }),
    refuse: () => trouble.refusal,
    refusePlace: async () => trouble.misplaced,
  });
  const worker: PodWorker = new PodWorker(context, pod, () => void worker.decideResize());
  return { worker, clock, runtime, context, trouble, events, done, waits, places, patches };
}

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

test("a pod that was refused stays so, though the API shows it once more as it was before", async () => {
  const { worker, clock, runtime, trouble, patches } = aWorker({ ...aPod, spec: { containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] } });
  const running = new AbortController();
  const before = worker.pod;
  trouble.refusal = { reason: "OutOfcpu", message: "Node didn't have enough resource: cpu" };
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  delete trouble.refusal;
  // Somebody has changed it just before it was refused, and the watch is late.
  worker.update({ ...before, metadata: { ...before.metadata, resourceVersion: "100", annotations: { seen: "by others" } } });
  await clock.advance(60_000);
  expect(patches.map(({ phase }) => phase)).toEqual(["Failed"]);
  expect([worker.pod.status?.phase, worker.pod.metadata.annotations, await runtime.listSandboxes()]).toEqual(["Failed", { seen: "by others" }, []]);
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

test("a pod is not judged before it is known what the node has; one that is refused has no containers to tell of, whatever it had before", async () => {
  const running = {
    ...aPod,
    status: { phase: "Running", containerStatuses: [{ name: "c", image: "a:1", imageID: "", ready: true, restartCount: 0, state: { running: { startedAt: "2029-01-01T00:00:00Z" } } }] },
  };
  const { worker, clock, trouble, done, patches } = aWorker(running);
  trouble.refusal = "not known yet";
  const stop = new AbortController();
  const ended = worker.run(stop.signal);
  await clock.advance(5_000);
  expect(done).toEqual([]);
  trouble.refusal = { reason: "OutOfcpu", message: "no room" };
  worker.wake();
  await clock.advance(1_000);
  expect(patches.at(-1)).toMatchObject({ phase: "Failed", reason: "OutOfcpu", message: "Pod was rejected: no room", containerStatuses: null });
  await clock.advance(120_000);
  expect(patches.at(-1)?.containerStatuses ?? null).toBeNull();
  stop.abort();
  await ended;
});

test("a pod on a node that it did not ask for is refused before anything of it is made", async () => {
  const { worker, clock, trouble, patches, runtime } = aWorker({ ...aPod, spec: { containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"] }] } });
  trouble.misplaced = { reason: "NodeAffinity", message: "not here" };
  const stop = new AbortController();
  const ended = worker.run(stop.signal);
  await clock.advance(5_000);
  expect(patches.at(-1)).toMatchObject({ phase: "Failed", reason: "NodeAffinity", message: "Pod was rejected: not here" });
  expect(await runtime.listContainers()).toEqual([]);
  stop.abort();
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

test("a mount that has to be read-only all the way down is refused where that cannot be promised", async () => {
  const { worker, clock, waits } = aWorker({
    ...aPod,
    spec: { ...aPod.spec, containers: [{ name: "c", image: "a:1", volumeMounts: [{ name: "secrets", mountPath: "/secrets", readOnly: true, recursiveReadOnly: "Enabled" }] }] },
  });
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  expect(waits.at(-1)).toBe('CreateContainerConfigError: failed to resolve recursive read-only mode: volume "secrets" requested recursive read-only mode, but it is not supported by the runtime');
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

test("a pod that is refused has its devices taken back before its status lets others have them", async () => {
  const { worker, clock, trouble, done } = aWorker();
  trouble.refusal = { reason: "OutOfcpu", message: "no room" };
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(100);
  expect(done.slice(0, 2)).toEqual(["devices taken back", "Failed"]);
  running.abort();
  await ended;
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

test("a pod claims of its node what it was granted while more has to wait", async () => {
  const asking = (cpu: string): Pod => ({
    ...aPod,
    spec: { ...aPod.spec, restartPolicy: "Never", containers: [{ name: "c", image: "a:1", command: ["sleep", "1000"], resources: { requests: { cpu } } }] },
  });
  const { worker, clock, trouble } = aWorker(asking("100m"));
  const claimed = () => worker.granted.spec.containers[0]?.resources?.requests?.["cpu"];
  const running = new AbortController();
  const ended = worker.run(running.signal);
  await clock.advance(5_000);
  trouble.refusal = { reason: "OutOfcpu", message: "no room" };
  worker.update({ ...asking("900m"), status: { phase: "Running", containerStatuses: [{ name: "c", image: "a:1", imageID: "", ready: true, restartCount: 0, allocatedResources: { cpu: "100m" } }] } });
  await clock.advance(5_000);
  expect(claimed()).toBe("100m");
  delete trouble.refusal;
  worker.decideResize();
  expect(claimed()).toBe("900m");
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
