import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import type { Client } from "../../../../engine/client/client.ts";
import { abortError } from "../../../../engine/lib/abort.ts";
import { formatTime } from "../../../../engine/lib/clock.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { runServices } from "../../../../engine/lib/service.ts";
import type { Node } from "../../../../engine/resources/types.ts";
import type { Runtime } from "../../../../node-agent/cri/runtime.ts";
import { readHugePages } from "../../../../node-agent/node/huge-pages.ts";
import { computeNodeStatus, createNodeReporter } from "../../../../node-agent/node/node-status.ts";
import { parseNodeLabels, parseTaints } from "../../../../node-agent/node/registration.ts";
import { aNode, START } from "../../../kit/objects.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const events = { record: () => {} };
const facts = {
  identity: { name: "n", ips: ["10.0.0.1"], port: 10250, version: "v1.36.0" },
  runtime: { name: "containerd", version: "2" },
  images: [],
  memoryBytes: 8 * 2 ** 30,
  cpus: 4,
  hugePages: {},
  diskBytes: 1 << 40,
  machineId: "m",
  bootId: "b",
  osImage: "Linux",
  pressures: new Set<never>(),
  reserved: { processes: {}, hard: [] },
  podsMax: 110,
  volumesInUse: [],
};

type ReporterOptions = Parameters<typeof createNodeReporter>[0];

/** What tells of the node `n`; a test says how it differs. */
const aReporter = (over: Partial<ReporterOptions> & Pick<ReporterOptions, "client" | "runtime" | "clock">) =>
  createNodeReporter({
    logger: silentLogger,
    events,
    dataDir: "/",
    volumesDir: "/",
    pressures: () => facts.pressures,
    reserved: facts.reserved,
    registration: { labels: {}, taints: [], makesNode: true },
    podsMax: 110,
    volumesInUse: () => [],
    onChange: () => () => {},
    identity: facts.identity,
    onNode: () => {},
    ...over,
  });

test("a node says which features it has that others may lack, so that pods can be changed in their ways", () => {
  expect(computeNodeStatus(aNode("n"), facts, undefined, START).declaredFeatures).toEqual([
    "InPlacePodLevelResourcesVerticalScaling",
    "InPlacePodVerticalScalingInitContainers",
    "RestartAllContainersOnContainerExits",
  ]);
});

test("huge pages are a resource of the node, and no memory beside", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "huge-pages-"));
  try {
    for (const [size, count] of [
      ["2048", "32"],
      ["1048576", "0"],
    ]) {
      mkdirSync(path.join(folder, `hugepages-${size}kB`));
      writeFileSync(path.join(folder, `hugepages-${size}kB`, "nr_hugepages"), `${count}\n`);
    }
    const hugePages = readHugePages(folder);
    expect(hugePages).toEqual({ "hugepages-1Gi": "0", "hugepages-2Mi": "64Mi" });
    const { capacity, allocatable } = computeNodeStatus(aNode("n"), { ...facts, hugePages }, undefined, START);
    expect([capacity, allocatable]).toMatchObject([
      { ...hugePages, memory: "8388608Ki" },
      { ...hugePages, memory: `${8388608 - 65536}Ki` },
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
  expect(readHugePages(folder)).toEqual({});
});

test("what others say that a node has stays, for pods too, and what they say of its own parts does not", () => {
  const known = {
    ...aNode("n"),
    status: { capacity: { cpu: "1000", "example.com/gpu": "2", "scheduling.k8s.io/foo": "5", "kubernetes.io/batch-cpu": "1" }, allocatable: { "example.com/gone": "1" } },
  };
  const { capacity, allocatable } = computeNodeStatus(known, facts, undefined, START);
  expect(capacity).toMatchObject({ cpu: "4", "example.com/gpu": "2", "scheduling.k8s.io/foo": "5" });
  expect(allocatable).toMatchObject({ cpu: "4", "example.com/gpu": "2", "scheduling.k8s.io/foo": "5" });
  expect(Object.keys({ ...capacity, ...allocatable })).not.toEqual(expect.arrayContaining(["kubernetes.io/batch-cpu"]));
  expect(allocatable).not.toHaveProperty(["example.com/gone"]);
});

test("a Node that lacks what its machine is gets it, and the agent tells that it has started and is ready", async () => {
  const clock = new VirtualClock();
  let node: Node = { ...aNode("n"), spec: { podCIDR: "10.42.0.0/24" } };
  const told: string[] = [];
  const patch = async (_namespace: string, _name: string, _type: string, { metadata }: { readonly metadata: Node["metadata"] }) => (node = { ...node, metadata: { ...node.metadata, ...metadata } });
  const client = { for: () => ({ get: async () => node, patch, updateStatus: async (written: Node) => (node = written) }) } as unknown as Client; // nothing else of these is used
  const runtime = { problem: async () => undefined, listImages: async () => [], describe: async () => ({ name: "containerd", version: "2" }) } as unknown as Runtime;
  const telling = { record: (_about: unknown, { reason }: { readonly reason: string }) => void told.push(reason) };
  const reporter = aReporter({ client, runtime, clock, events: telling });
  const running = new AbortController();
  const ended = runServices([reporter], running.signal);
  await clock.advance(1_000);
  node = { ...node, spec: { ...node.spec, unschedulable: true } };
  await clock.advance(30_000);
  expect(node.metadata.labels).toMatchObject({ "kubernetes.io/os": "linux", "beta.kubernetes.io/os": "linux" });
  expect(told).toEqual(["Starting", "NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeReady", "NodeNotSchedulable"]);
  running.abort();
  await ended;
});

test("a status that stays the same is written again from time to time, and says that the node was looked at", async () => {
  const clock = new VirtualClock();
  const start = clock.now();
  let node: Node = { ...aNode("n"), spec: { podCIDR: "10.42.0.0/24" } };
  const written: number[] = [];
  const pressures = new Set<"DiskPressure">();
  const updateStatus = async (changed: Node) => {
    written.push((clock.now() - start) / 1000);
    return (node = changed);
  };
  const client = { for: () => ({ get: async () => node, patch: async () => node, updateStatus }) } as unknown as Client; // nothing else of these is used
  const runtime = { problem: async () => undefined, listImages: async () => [], describe: async () => ({ name: "containerd", version: "2" }) } as unknown as Runtime;
  const reporter = aReporter({ client, runtime, clock, pressures: () => pressures, reportMs: 60_000 });
  const running = new AbortController();
  const ended = runServices([reporter], running.signal);
  await clock.advance(75_000);
  pressures.add("DiskPressure");
  await clock.advance(80_000);
  expect(written).toEqual([0, 60, 80, 140]);
  const { conditions = [] } = node.status ?? {};
  expect(new Set(conditions.map(({ lastHeartbeatTime }) => lastHeartbeatTime))).toEqual(new Set([formatTime(start + 140_000)]));
  expect(conditions.find(({ type }) => type === "Ready")?.lastTransitionTime).toBe(formatTime(start));
  running.abort();
  await ended;
});

test("a call that somebody else gave up is no end of the service: the status is written by the next try", async () => {
  const clock = new VirtualClock();
  const node: Node = { ...aNode("n"), spec: { podCIDR: "10.42.0.0/24" } };
  let tries = 0;
  const updateStatus = async (written: Node) => {
    if (++tries === 1) throw abortError();
    return written;
  };
  const client = { for: () => ({ get: async () => node, patch: async () => node, updateStatus }) } as unknown as Client; // nothing else of these is used
  const runtime = { problem: async () => undefined, listImages: async () => [], describe: async () => ({ name: "containerd", version: "2" }) } as unknown as Runtime;
  const running = new AbortController();
  const ended = runServices([aReporter({ client, runtime, clock })], running.signal);
  await clock.advance(1_000);
  expect(tries).toBe(2);
  running.abort();
  await ended;
});

test("what changes while a status is being written is in the next one, at once", async () => {
  const clock = new VirtualClock();
  let node: Node = { ...aNode("n"), spec: { podCIDR: "10.42.0.0/24" } };
  let changed = () => {};
  let inUse: readonly string[] = [];
  const said: unknown[] = [];
  const updateStatus = async (written: Node) => {
    said.push(written.status?.volumesInUse);
    node = written;
    if (inUse.length > 0) return node;
    inUse = ["a-volume"];
    changed();
    return node;
  };
  const client = { for: () => ({ get: async () => node, patch: async () => node, updateStatus }) } as unknown as Client; // nothing else of these is used
  const runtime = { problem: async () => undefined, listImages: async () => [], describe: async () => ({ name: "containerd", version: "2" }) } as unknown as Runtime;
  const onChange = (callback: () => void) => {
    changed = callback;
    return () => void (changed = () => {});
  };
  const reporter = aReporter({ client, runtime, clock, podsMax: 7, volumesInUse: () => inUse, onChange });
  const running = new AbortController();
  const ended = runServices([reporter], running.signal);
  await clock.advance(1_000);
  expect(said).toEqual([undefined, ["a-volume"]]);
  expect(node.status?.capacity?.["pods"]).toBe("7");
  running.abort();
  await ended;
});

test("a machine's Node is made with its labels and taints, and left alone by them when it is there", async () => {
  const written: unknown[] = [];
  let isThere = false;
  const get = async () => {
    if (!isThere) throw new StatusError("NotFound", "no such node", {});
    return aNode("n");
  };
  const create = async (node: Node) => {
    written.push([node.metadata.labels, node.spec]);
    isThere = true;
    return node;
  };
  const keep = async () => aNode("n");
  const client = { for: () => ({ get, create, patch: keep, updateStatus: keep }) } as unknown as Client; // nothing else of these is used
  const runtime = { problem: async () => undefined, listImages: async () => [], describe: async () => ({ name: "containerd", version: "2" }) } as unknown as Runtime;
  const registration = { labels: { disk: "ssd", "kubernetes.io/hostname": "another" }, taints: parseTaints("dedicated=ci:NoSchedule"), makesNode: true };
  const clock = new VirtualClock();
  const arch: unknown = expect.stringMatching(/^(amd64|arm64)$/);
  const reporter = aReporter({ client, runtime, clock, registration });
  const running = new AbortController();
  const ended = runServices([reporter], running.signal);
  await clock.advance(30_000);
  expect(written).toEqual([
    [
      { disk: "ssd", "kubernetes.io/hostname": "n", "kubernetes.io/os": "linux", "kubernetes.io/arch": arch, "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": arch },
      { taints: [{ key: "dedicated", value: "ci", effect: "NoSchedule" }] },
    ],
  ]);
  running.abort();
  await ended;
});

test("a machine's Node that somebody else is to make is waited for", async () => {
  const created: unknown[] = [];
  const said: (number | undefined)[] = [];
  let isThere = false;
  const get = async () => {
    if (!isThere) throw new StatusError("NotFound", "no such node", {});
    return aNode("n");
  };
  const updateStatus = async (node: Node) => {
    said.push(node.status?.images?.length);
    return node;
  };
  const client = { for: () => ({ get, create: async (node: Node) => void created.push(node.spec), patch: get, updateStatus }) } as unknown as Client; // nothing else of these is used
  const images = ["a", "b", "c"].map((id) => ({ id, names: [id], bytes: 1 }));
  const runtime = { problem: async () => undefined, listImages: async () => images, describe: async () => ({ name: "containerd", version: "2" }) } as unknown as Runtime;
  const clock = new VirtualClock();
  const run = (more: { readonly makesNode: boolean; readonly imagesMax: number }) =>
    aReporter({ client, runtime, clock, registration: { labels: {}, taints: [], providerId: "cloud://7", ...more }, imagesMax: more.imagesMax, lookMs: 60_000 });
  const running = new AbortController();
  const waiting = runServices([run({ makesNode: false, imagesMax: 2 })], running.signal);
  await clock.advance(5_000);
  expect([created, said]).toEqual([[], []]);
  isThere = true;
  await clock.advance(5_000);
  expect(said[0]).toBe(2);
  running.abort();
  await waiting;
  isThere = false;
  const making = new AbortController();
  const made = runServices([run({ makesNode: true, imagesMax: -1 })], making.signal);
  await clock.advance(100);
  expect(created).toEqual([{ providerID: "cloud://7" }]);
  making.abort();
  await made;
});

test.each([
  ["disk=ssd, topology.kubernetes.io/zone=a,plain", { disk: "ssd", "topology.kubernetes.io/zone": "a", plain: "" }],
  ["", {}],
])("labels are read from %j", (text, labels) => expect(parseNodeLabels(text)).toEqual(labels));

test.each([
  [
    "dedicated=ci:NoSchedule,spot:PreferNoSchedule,down=:NoExecute",
    [
      { key: "dedicated", value: "ci", effect: "NoSchedule" },
      { key: "spot", effect: "PreferNoSchedule" },
      { key: "down", value: "", effect: "NoExecute" },
    ],
  ],
  ["", []],
])("taints are read from %j", (text, taints) => expect(parseTaints(text)).toEqual(taints));

test.each([
  [() => parseNodeLabels("a b=c"), 'label "a b=c": name part must consist of'],
  [() => parseNodeLabels("a=b c"), 'label "a=b c": '],
  [() => parseNodeLabels("node-role.kubernetes.io/worker="), 'label "node-role.kubernetes.io/worker": no node may give it to itself'],
  [() => parseTaints("dedicated=ci"), 'taint "dedicated=ci": it must end with one of :NoSchedule, :PreferNoSchedule, :NoExecute'],
  [() => parseTaints("=ci:NoSchedule"), 'taint "=ci:NoSchedule": name part must be non-empty'],
  [() => parseTaints("a=b:NoExecute,a=c:NoExecute"), 'taint "a=c:NoExecute": there is another one with this key and effect'],
])("what cannot be a label or a taint is named: %#", (parse, message) => expect(parse).toThrow(message));
