import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import type { Informer, InformerHandler } from "../../../../engine/client/informer.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { runServices } from "../../../../engine/lib/service.ts";
import type { Pod } from "../../../../engine/resources/types.ts";
import { refusePod } from "../../../../node-agent/pods/admission/admit-pod.ts";
import type { PodContext } from "../../../../node-agent/pods/pod-context.ts";
import { NodePods } from "../../../../node-agent/pods/node-pods.ts";
import { PodManager } from "../../../../node-agent/pods/pod-manager.ts";
import { createAgentMetrics } from "../../../../node-agent/stats/agent-metrics.ts";
import { FakeRuntime } from "../../../kit/fake-runtime.ts";
import { aPod } from "../../../kit/objects.ts";
import { aPodContext } from "../../../kit/pod-context.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

test("an end that the runtime's records show seconds after its event is seen before the next relist", async () => {
  const clock = new VirtualClock();
  const looks: number[] = [];
  const containers = async () => {
    looks.push(clock.monotonic());
    return { sandboxes: [], containers: [] };
  };
  async function* events() {
    yield { containerId: "c" };
    await new Promise(() => {});
  }
  const metrics = createAgentMetrics("n1");
  const context = { runtime: { glance: containers, events }, clock, logger: silentLogger, metrics } as unknown as PodContext; // nothing else of it is used
  const [, runtimeEvents] = new PodManager({ context, pods: {} as Informer<Pod>, here: new NodePods() }).services();
  const running = new AbortController();
  void runServices([runtimeEvents!], running.signal);
  await expect.poll(() => looks).toEqual([0]);
  await clock.advance(9_000);
  running.abort();
  expect(looks).toEqual([0, 50, 300, 1_000, 3_000]);
});

test("what happened while the runtime's events were interrupted is seen before the next relist", async () => {
  const clock = new VirtualClock();
  const looks: number[] = [];
  const glance = async () => {
    looks.push(clock.monotonic());
    return { sandboxes: [], containers: [] };
  };
  let subscriptions = 0;
  async function* events() {
    if (++subscriptions === 1) throw new Error("the runtime begins anew");
    await new Promise(() => {});
  }
  const context = { runtime: { glance, events }, clock, logger: silentLogger, metrics: createAgentMetrics("n1") } as unknown as PodContext; // nothing else of it is used
  const [, runtimeEvents] = new PodManager({ context, pods: {} as Informer<Pod>, here: new NodePods() }).services();
  const running = new AbortController();
  void runServices([runtimeEvents!], running.signal);
  await clock.advance(9_000);
  running.abort();
  expect(subscriptions).toBe(2);
  expect(looks).toEqual([1_000, 1_050, 1_300, 2_000, 4_000]);
});

test("which pods there are is not said before the API has told: who has none is not who knows of none", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "pod-manager-"));
  let told = () => {};
  const synced = new Promise<void>((resolve) => (told = resolve));
  let tellServices = () => {};
  const servicesKnown = new Promise<void>((resolve) => (tellServices = resolve));
  const pods = { waitForSync: () => synced, list: () => [], addHandler: () => () => {} } as unknown as Informer<Pod>; // nothing else of it is used
  const context = {
    runtime: { listSandboxes: async () => [] },
    clock: new VirtualClock(),
    logger: silentLogger,
    podsDir: folder,
    settings: { logsDir: folder, cgroupRoot: "/none" },
    csi: {},
    images: { releaseOthers: async () => {} },
    servicesKnown: () => servicesKnown,
  } as unknown as PodContext; // nor of this
  const here = new NodePods();
  const manager = new PodManager({ context, pods, here });
  const running = new AbortController();
  const [service] = manager.services();
  const ended = runServices([service!], running.signal);
  try {
    expect(here.uids()).toBeUndefined();
    told();
    // What pods are told of Services is in their environment for good.
    await new Promise((resolve) => setImmediate(resolve));
    expect(here.uids()).toBeUndefined();
    tellServices();
    await expect.poll(() => here.uids()).toEqual(new Set());
  } finally {
    running.abort();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
});

/** A manager with a fake runtime, on a node with these amounts. */
function aNode(folder: string, allocatable: Record<string, string>, onEnded?: () => void) {
  const clock = new VirtualClock();
  let handler: InformerHandler<Pod> = {};
  const pods = {
    waitForSync: async () => {},
    list: () => [],
    addHandler: (added: InformerHandler<Pod>) => {
      handler = added;
      return () => {};
    },
  } as unknown as Informer<Pod>; // nothing else of it is used
  const here = new NodePods();
  const context = aPodContext(folder, clock, new FakeRuntime({ clock, images: ["docker.io/library/app:1"] }), {
    client: { for: () => ({ get: async () => aPod("web"), patch: async () => aPod("web") }) },
    csi: { follows: () => true, unmountPod: async () => {} },
    refuse: (pod: Pod) => refusePod(pod, here.claimants(), allocatable),
    refuseForever: (pod: Pod) => refusePod(pod, [], allocatable),
  });
  const manager = new PodManager({ context, pods, here, ...(onEnded === undefined ? {} : { onEnded }) });
  return { manager, here, clock, context, handler: () => handler };
}

test("who wants to know is told when a pod is here no more, and finds it gone", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "pod-manager-"));
  const left: number[] = [];
  const { manager, here, clock, handler } = aNode(folder, {}, () => left.push(here.list().length));
  const running = new AbortController();
  const [service] = manager.services();
  const ended = runServices([service!], running.signal);
  try {
    await expect.poll(() => here.uids()).toEqual(new Set());
    const pod = aPod("web");
    handler().add?.(pod);
    expect([here.list(), here.claimants(), here.volumeUsers()]).toEqual([[pod], [pod], [pod]]);
    handler().delete?.(pod);
    await clock.advance(60_000);
    await expect.poll(() => left).toEqual([0]);
  } finally {
    running.abort();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a pod that could not end for want of the API server ends as soon as that is back", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "pod-manager-"));
  const { manager, here, clock, handler, context } = aNode(folder, {});
  let isCut = true;
  const asks = async () => {
    if (isCut) throw new StatusError("ServiceUnavailable", "no server");
    return aPod("web");
  };
  Object.assign(context, { client: { for: () => ({ get: asks, patch: asks, delete: asks }) } });
  const running = new AbortController();
  const ended = runServices([manager.services()[0]!], running.signal);
  try {
    await expect.poll(() => here.uids()).toEqual(new Set());
    const pod = aPod("web");
    handler().add?.({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 1 } });
    await clock.advance(300_000);
    expect(here.list()).toHaveLength(1);
    isCut = false;
    here.serverIsBack();
    await clock.advance(100);
    expect(here.list()).toEqual([]);
  } finally {
    running.abort();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a pod that came before the Node waits without looking, and starts when the Node is seen", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "pod-manager-"));
  const { manager, here, clock, handler, context } = aNode(folder, {});
  const { refuse, runtime } = context;
  let isKnown = false;
  let looks = 0;
  const listContainers = (uid?: string) => {
    if (uid !== undefined) looks++;
    return runtime.listContainers(uid);
  };
  Object.assign(context, {
    refuse: (pod: Pod) => (isKnown ? refuse(pod) : "not known yet"),
    runtime: new Proxy(runtime, { get: (target, key) => (key === "listContainers" ? listContainers : (target as unknown as Record<PropertyKey, (...args: unknown[]) => unknown>)[key]?.bind(target)) }), // methods only
  });
  const running = new AbortController();
  const ended = runServices([manager.services()[0]!], running.signal);
  try {
    await expect.poll(() => here.uids()).toEqual(new Set());
    handler().add?.(aPod("web", { spec: { containers: [{ name: "app", image: "app:1" }] } }));
    await clock.advance(60_000);
    expect(looks).toBe(1);
    isKnown = true;
    here.nodeSeen();
    await clock.advance(5_000);
    expect(await runtime.listContainers()).toMatchObject([{ name: "app", state: "running" }]);
  } finally {
    running.abort();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a sandbox that nobody knows is ended when it is seen for the second time, and no other", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "pod-manager-"));
  const { manager, here, clock, handler, context } = aNode(folder, {});
  const running = new AbortController();
  const ended = runServices(manager.services(), running.signal);
  try {
    await expect.poll(() => here.uids()).toEqual(new Set());
    handler().add?.(aPod("web", { spec: { containers: [{ name: "app", image: "app:1", command: ["sleep", "1000"] }] } }));
    await clock.advance(1_000);
    // Who asked for it had given up, and forgotten it.
    const stray = context.runtime.runSandbox({ metadata: { name: "late", namespace: "shop", uid: "late", attempt: 0 } });
    await clock.advance(1_000);
    await stray;
    const sandboxes = async () => (await context.runtime.listSandboxes()).map(({ name }) => name);
    await clock.advance(10_000);
    expect(await sandboxes()).toEqual(["web", "late"]);
    await clock.advance(10_000);
    await expect.poll(sandboxes).toEqual(["web"]);
    expect(here.list().map(({ metadata }) => metadata.name)).toEqual(["web"]);
  } finally {
    running.abort();
    await clock.advance(60_000);
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
});

test("room that becomes free goes to the resizes that wait for it, the most urgent first, and what they wait for is nobody's yet", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "pod-manager-"));
  const node = { cpu: "8" };
  const { manager, here, clock, handler } = aNode(folder, node);
  const pod = (name: string, cpu: string, priority = 0) => aPod(name, { spec: { priority, containers: [{ name: "app", image: "app:1", resources: { requests: { cpu } } }] } });
  const granted = () => Object.fromEntries(here.claimants().map(({ metadata, spec }) => [metadata.name, spec.containers[0]?.resources?.requests?.["cpu"]]));
  const resize = (before: Pod, after: Pod) => handler().update?.(before, after);
  const running = new AbortController();
  const ended = runServices(manager.services(), running.signal);
  try {
    await expect.poll(() => here.uids()).toEqual(new Set());
    const [first, low, high] = [pod("first", "5"), pod("low", "1"), pod("high", "1", 1)];
    for (const each of [first, low, high]) handler().add?.(each);
    resize(low, pod("low", "6"));
    resize(high, pod("high", "6", 1));
    expect(granted()).toEqual({ first: "5", low: "1", high: "1" });
    // Shrinking is never refused, and what it gives up can be had at once.
    resize(first, pod("first", "1"));
    expect(granted()).toEqual({ first: "1", low: "1", high: "6" });
    handler().delete?.(pod("high", "6", 1));
    expect(granted()).toEqual({ first: "1", low: "6" });
    resize(pod("low", "6"), pod("low", "9"));
    expect(granted()).toEqual({ first: "1", low: "6" });
    // Nobody says that the node has grown.
    node.cpu = "16";
    await clock.advance(10_000);
    expect(granted()).toEqual({ first: "1", low: "9" });
  } finally {
    running.abort();
    await clock.advance(60_000);
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
});

describe("pods of this machine's own files", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "pod-manager-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const ofFile = (uid: string): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-n1", namespace: "default", uid, annotations: { "kubernetes.io/config.source": "file", "kubernetes.io/config.hash": uid } },
    spec: { nodeName: "n1", terminationGracePeriodSeconds: 5, containers: [{ name: "c", image: "app:1", command: ["sleep", "1000"] }] },
    status: { phase: "Pending", qosClass: "BestEffort" },
  });
  const mirrorOf = (hash: string, uid: string): Pod => ({
    ...ofFile(hash),
    metadata: { ...ofFile(hash).metadata, uid, resourceVersion: "7", annotations: { ...ofFile(hash).metadata.annotations, "kubernetes.io/config.mirror": hash } },
  });

  /** A manager whose API answers when `answers` says so. */
  function aMachine(answers: Promise<void>) {
    const clock = new VirtualClock();
    let handler: InformerHandler<Pod> = {};
    let mirrors: readonly Pod[] = [];
    const told: string[] = [];
    const pods = { waitForSync: () => answers, list: () => mirrors, addHandler: (added: InformerHandler<Pod>) => ((handler = added), () => {}) } as unknown as Informer<Pod>; // nothing else of it is used
    const patch = async (_namespace: string, name: string, _type: string, { metadata, status }: { readonly metadata: { readonly uid: string }; readonly status: { readonly phase: string } }) => {
      told.push(`${name} ${metadata.uid} ${status.phase}`);
      return { ...mirrorOf("x", metadata.uid), status };
    };
    const runtime = new FakeRuntime({ clock, images: ["docker.io/library/app:1"] });
    const context = aPodContext(folder, clock, runtime, {
      client: { for: () => ({ patch, delete: async () => void told.push("deleted") }) },
      mirrorOf: (pod: Pod) => mirrors.find(({ metadata }) => metadata.annotations?.["kubernetes.io/config.mirror"] === pod.metadata.uid),
    });
    const looks: string[] = [];
    const here = new NodePods();
    const manager = new PodManager({ context, pods, here, onMirror: () => looks.push("mirror") });
    const running = new AbortController();
    const ended = runServices(manager.services(), running.signal);
    const show = (shown: readonly Pod[]) => {
      mirrors = shown;
      for (const mirror of shown) handler.add?.(mirror);
    };
    const sandboxes = async () => (await runtime.listSandboxes()).map(({ uid, isReady }) => `${uid} ${isReady}`);
    /** Lets time go by until the runtime has what is expected. */
    const until = async (...expected: readonly string[]) => {
      for (let look = 0; look < 200 && String(await sandboxes()) !== String(expected); look++) await clock.advance(100);
      expect(await sandboxes()).toEqual(expected);
    };
    return { manager, here, clock, told, looks, show, until, sandboxes, stop: async () => (running.abort(), await ended) };
  }

  test("run without the API, and tell their mirror how they are as soon as there is one, and the next one again", async () => {
    let answer = () => {};
    const machine = aMachine(new Promise((resolve) => (answer = resolve)));
    machine.manager.setStaticPods([ofFile("one")]);
    await machine.until("one true");
    await machine.clock.advance(2_000);
    expect(machine.told).toEqual([]);
    answer();
    await machine.clock.advance(1_000);
    machine.show([mirrorOf("one", "m1")]);
    await machine.clock.advance(1_000);
    expect([machine.told, machine.looks]).toEqual([["web-n1 m1 Running"], ["mirror"]]);
    machine.show([]);
    machine.show([mirrorOf("one", "m2")]);
    await machine.clock.advance(1_000);
    expect(machine.told).toEqual(["web-n1 m1 Running", "web-n1 m2 Running"]);
    // A mirror is only looked at: it is no pod of its own.
    expect(machine.here.list().map(({ metadata }) => metadata.uid)).toEqual(["one"]);
    await machine.stop();
  });

  test("with the uid of another end that one first, and never take its place while it runs", async () => {
    const machine = aMachine(Promise.resolve());
    machine.manager.setStaticPods([ofFile("one")]);
    await machine.until("one true");
    const other = { ...ofFile("one"), metadata: { ...ofFile("one").metadata, name: "other-n1" } };
    machine.manager.setStaticPods([other]);
    expect(machine.here.list().map(({ metadata }) => [metadata.name, metadata.deletionTimestamp !== undefined])).toEqual([["web-n1", true]]);
    for (let step = 0; step < 100 && machine.here.list()[0]?.metadata.name !== "other-n1"; step++) await machine.clock.advance(100);
    expect(machine.here.list().map(({ metadata }) => [metadata.name, metadata.deletionTimestamp])).toEqual([["other-n1", undefined]]);
    await machine.until("one true");
    await machine.clock.advance(2_000);
    await machine.stop();
  });

  test("end when their file says something else, before what it says now begins, and when it says nothing", async () => {
    const machine = aMachine(Promise.resolve());
    machine.manager.setStaticPods([ofFile("one")]);
    await machine.until("one true");
    await machine.clock.advance(2_000);
    machine.manager.setStaticPods([ofFile("two")]);
    expect(machine.manager.staticPods().ending.map(({ metadata }) => metadata.uid)).toEqual(["one"]);
    const seen = new Set<string>();
    for (let look = 0; look < 200; look++) {
      seen.add((await machine.sandboxes()).join());
      await machine.clock.advance(100);
    }
    // Never both.
    expect([...seen].map((each) => each.split(" ")[0])).toEqual(["one", ...(seen.has("one false") ? ["one"] : []), "", "two"]);
    machine.manager.setStaticPods([]);
    await machine.until();
    await machine.clock.advance(1_000);
    expect([machine.here.list(), machine.told]).toEqual([[], []]);
    await machine.stop();
  });

  test("are not taken for what was deleted while no agent ran", async () => {
    const machine = aMachine(Promise.resolve());
    machine.manager.setStaticPods([ofFile("one")]);
    await machine.until("one true");
    await machine.clock.advance(60_000);
    expect(await machine.sandboxes()).toEqual(["one true"]);
    await machine.stop();
  });
});
