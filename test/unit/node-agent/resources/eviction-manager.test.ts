import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { EventRecorder } from "../../../../engine/client/event-recorder.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { seededRandom } from "../../../../engine/lib/random.ts";
import { runServices } from "../../../../engine/lib/service.ts";
import { nodeResource } from "../../../../engine/resources/core/node.ts";
import type { Pod } from "../../../../engine/resources/types.ts";
import { resolveAgentConfig } from "../../../../node-agent/config.ts";
import { EvictionManager } from "../../../../node-agent/resources/eviction-manager.ts";
import { createNodeResources, type NodeResourcesOptions } from "../../../../node-agent/resources/node-resources.ts";
import { parseThresholds, type Measurements, type Signal } from "../../../../node-agent/resources/thresholds.ts";
import { volumeFolder } from "../../../../node-agent/volumes/volume-plugin.ts";
import { FakeRuntime } from "../../../kit/fake-runtime.ts";
import { startTestApi } from "../../../kit/test-api.ts";
import { createAgentMetrics } from "../../../../node-agent/stats/agent-metrics.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const pod = (name: string, priority: number): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", uid: name },
  spec: { priority, containers: [{ name: "c", image: "i" }] },
  status: { phase: "Running", qosClass: "BestEffort" },
});

/** A machine whose measurements a test says, under virtual time; looks come every ten seconds. */
async function startMachine(thresholds: string, podsDir = "/none") {
  const clock = new VirtualClock();
  const api = await startTestApi({ clock });
  const runtime = new FakeRuntime({ clock });
  const node = await api.client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
  const events = new EventRecorder({ client: api.client, clock, random: seededRandom(1), logger: silentLogger, component: "kubelet", host: "n1" });
  const machine = { signals: new Map<Signal, number>(), pods: [] as Pod[], freed: 0, onFree: () => {} };
  const evicted: string[] = [];
  let changes = 0;
  const metrics = createAgentMetrics("n1");
  const manager = new EvictionManager({
    runtime,
    clock,
    logger: silentLogger,
    events,
    metrics,
    usage: {
      now: async () => ({ current: { atMs: clock.now(), node: { cpuNanoseconds: 0, memoryBytes: 0, workingSetBytes: 0, rssBytes: 0, availableBytes: 0 }, pods: new Map() }, before: undefined }),
    },
    places: { podsDir, logsDir: "/none", cgroupRoot: "/none" },
    thresholds: parseThresholds(thresholds),
    softGraceSeconds: 30,
    transitionMs: 300_000,
    measure: async (): Promise<Measurements> => new Map([...machine.signals].map(([signal, available]) => [signal, { available, capacity: 100 }])),
    pods: () => machine.pods,
    node: () => node,
    evict: async ({ pod: chosen }) => {
      evicted.push(chosen.metadata.name ?? "");
      machine.pods = machine.pods.filter((other) => other !== chosen);
    },
    freeDisk: async () => {
      machine.freed++;
      machine.onFree();
    },
    onChange: () => void changes++,
  });
  const running = new AbortController();
  const ended = runServices([manager.asService()], running.signal);
  await clock.settle();
  return {
    clock,
    manager,
    machine,
    metrics,
    evicted,
    changes: () => changes,
    async [Symbol.asyncDispose]() {
      running.abort();
      await ended;
      await api.stop();
    },
  };
}

test("pods go one by one, who matters least first, until the machine has room; it says so for five minutes more", async () => {
  await using world = await startMachine("memory.available<10%");
  const { clock, machine, manager, evicted } = world;
  machine.pods = [pod("high", 1000), pod("low", 0), pod("middle", 10)];
  machine.signals.set("memory.available", 50);
  await clock.advance(20_000);
  expect([[...manager.pressures], evicted]).toEqual([[], []]);
  machine.signals.set("memory.available", 5);
  await clock.advance(10_000);
  expect([[...manager.pressures], evicted, world.changes()]).toEqual([["MemoryPressure"], ["low"], 1]);
  await clock.advance(10_000);
  expect(evicted).toEqual(["low", "middle"]);
  expect(world.metrics.registry.render()).toContain('kubelet_evictions{eviction_signal="memory.available"} 2');
  machine.signals.set("memory.available", 50);
  await clock.advance(200_000);
  expect([[...manager.pressures], evicted]).toEqual([["MemoryPressure"], ["low", "middle"]]);
  await clock.advance(110_000);
  expect([[...manager.pressures], world.changes()]).toEqual([[], 2]);
});

test("a clock that is set back keeps no pressure up", async () => {
  await using world = await startMachine("memory.available<10%");
  const { clock, machine, manager } = world;
  machine.signals.set("memory.available", 5);
  await clock.advance(10_000);
  machine.signals.set("memory.available", 50);
  clock.jump(-3_600_000);
  await clock.advance(320_000);
  expect([...manager.pressures]).toEqual([]);
});

test("a disk is cleared of what nobody needs before a pod has to go", async () => {
  await using world = await startMachine("nodefs.available<10%");
  const { clock, machine, evicted } = world;
  machine.pods = [pod("p", 0)];
  machine.signals.set("nodefs.available", 5);
  machine.onFree = () => machine.signals.set("nodefs.available", 40);
  await clock.advance(10_000);
  expect([machine.freed, evicted]).toEqual([1, []]);
  machine.signals.set("nodefs.available", 5);
  machine.onFree = () => {};
  await clock.advance(10_000);
  // What the pods have written is measured by a program of the machine, in its own time.
  await expect.poll(() => [machine.freed, evicted], { timeout: 20_000 }).toEqual([2, ["p"]]);
});

test("who writes more than he may goes before anybody goes for him", async () => {
  const podsDir = mkdtempSync(path.join(os.tmpdir(), "overfull-"));
  const writing = (name: string, priority: number, emptyDir: object): Pod => {
    const folder = volumeFolder(path.join(podsDir, name), "empty-dir", "cache");
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "file"), Buffer.alloc(1 << 20));
    const made = pod(name, priority);
    return { ...made, spec: { ...made.spec, volumes: [{ name: "cache", emptyDir }] } };
  };
  try {
    await using world = await startMachine("nodefs.available<10%", podsDir);
    const { clock, machine, evicted } = world;
    machine.pods = [writing("low", 0, {}), writing("overfull", 1000, { sizeLimit: "1Ki" })];
    machine.signals.set("nodefs.available", 5);
    await clock.advance(10_000);
    // What they have written is measured by a program of the machine, in its own time.
    await expect.poll(() => evicted, { timeout: 20_000 }).toEqual(["overfull"]);
    await clock.advance(10_000);
    await expect.poll(() => evicted, { timeout: 20_000 }).toEqual(["overfull", "low"]);
  } finally {
    rmSync(podsDir, { recursive: true });
  }
});

test("a pod that has given way already is not ended again in the place of others, though the API still shows it", async () => {
  const clock = new VirtualClock();
  const evicted: string[] = [];
  const pods = { list: () => [pod("gone", 0), pod("here", 1)], claimants: () => [pod("here", 1)], evict: async (uid: string) => void evicted.push(uid) };
  const resources = createNodeResources({
    config: { ...resolveAgentConfig({ server: "https://192.0.2.1:6443", token: "t" }, {}), evictionHard: "memory.available<1Pi" },
    runtime: new FakeRuntime({ clock }),
    clock,
    logger: silentLogger,
    metrics: createAgentMetrics("n1"),
    usage: { now: () => Promise.reject(new Error("not known")) },
    pods,
    node: () => undefined,
    places: { podsDir: "/", logsDir: "/none", cgroupRoot: "/none" },
    imageDir: "/",
    memoryBytes: 1 << 30,
    events: { record: () => {} },
  } as unknown as NodeResourcesOptions); // nothing else of them is asked
  const [eviction] = resources.services;
  const running = new AbortController();
  const ended = runServices([eviction!], running.signal);
  await expect.poll(() => clock.advance(10_000).then(() => evicted.length)).toBeGreaterThan(1);
  running.abort();
  await ended;
  expect(new Set(evicted)).toEqual(new Set(["here"]));
});
