import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { EventRecorder } from "../../../engine/client/event-recorder.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import type { ContainerState, ImageInfo, Runtime } from "../../../node-agent/cri/runtime.ts";
import { resolveAgentConfig } from "../../../node-agent/config.ts";
import { limitFiles, sharesToWeight } from "../../../node-agent/cgroups/cgroups.ts";
import { containerHugePages, podHugePages } from "../../../node-agent/cgroups/huge-page-limits.ts";
import { computePodLimits, computeQosShares, qosFolder } from "../../../node-agent/cgroups/pod-cgroup.ts";
import { chooseDeadContainers } from "../../../node-agent/resources/dead-containers.ts";
import { chooseEviction, chooseOverfull, rankPods, refuseUnderPressure, type PodConsumption } from "../../../node-agent/resources/eviction-plan.ts";
import { ImageGarbage } from "../../../node-agent/images/image-garbage.ts";
import { bytesToFree, chooseImages, chooseOldImages, DEFAULT_IMAGE_GC, noteImages } from "../../../node-agent/images/image-gc-plan.ts";
import { measurePod, parseWritableLayers } from "../../../node-agent/resources/measure-pods.ts";
import { judgePressure, NO_PRESSURE } from "../../../node-agent/resources/pressure.ts";
import { addReserved, computeAllocatable, computePodsMemory, computePodsPids, parseReserved } from "../../../node-agent/resources/reserved.ts";
import { DEFAULT_EVICTION_HARD, parseGracePeriods, parseMinimumReclaim, parseThresholds, type Signal } from "../../../node-agent/resources/thresholds.ts";
import { isMountedOnItself, parseMounts } from "../../../node-agent/volumes/mounts.ts";
import type { Pod, PodSpec } from "../../../engine/resources/types.ts";
import { aPod } from "../../kit/objects.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const MI = 2 ** 20;
const container = (name: string, requests: Record<string, string> = {}, limits: Record<string, string> = {}) => ({ name, image: "i", resources: { requests, limits } });
const pod = (name: string, spec: Partial<PodSpec> = {}, qosClass = "Burstable"): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "n", uid: name },
  spec: { containers: [container("c")], ...spec },
  status: { phase: "Running", qosClass },
});
const uses = (memoryBytes: number, more: Partial<PodConsumption> = {}): PodConsumption => ({
  memoryBytes,
  processes: 1,
  diskBytes: 0,
  inodes: 0,
  containers: new Map([["c", { memoryBytes, diskBytes: 0 }]]),
  emptyDirs: new Map(),
  ...more,
});
const names = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata.name);

describe("thresholds", () => {
  test("are read as amounts and as shares", () => {
    expect(parseThresholds("memory.available<100Mi, nodefs.available<10%").map(({ signal, value, graceMs }) => ({ signal, value, graceMs }))).toEqual([
      { signal: "memory.available", value: { is: "amount", amount: 100 * MI }, graceMs: 0 },
      { signal: "nodefs.available", value: { is: "share", share: 0.1 }, graceMs: 0 },
    ]);
    expect(parseGracePeriods("memory.available=1m30s,nodefs.available=2h").get("memory.available")).toBe(90_000);
  });

  test.each([
    ["memory.free<1Mi", 'eviction threshold "memory.free<1Mi": the signal must be one of'],
    ["memory.available<lots", 'eviction threshold "memory.available<lots"'],
    ["nodefs.available<120%", "the share must be from 0% to 100%"],
    ["memory.available<-1Mi", "the amount must not be negative"],
  ])("that say nothing sensible are named: %s", (text, message) => {
    expect(() => parseThresholds(text)).toThrow(message);
  });

  test("that are soft need a grace period, and options are judged before the agent starts", () => {
    expect(() => parseThresholds("memory.available<1Gi", new Map())).toThrow("a soft threshold needs a grace period");
    const resolve = (flags: Record<string, string>) => () => resolveAgentConfig({ kubeconfig: "k", ...flags }, {});
    expect(resolve({ evictionSoft: "memory.available<1Gi" })).toThrow("needs a grace period");
    expect(resolve({ imageGcHighThreshold: "70" })).toThrow("--image-gc-low-threshold 80 must be below --image-gc-high-threshold 70");
    expect(resolve({ podMaxPids: "many" })).toThrow('--pod-max-pids "many": must be a whole number');
    expect(resolve({ systemReserved: "disks=1" })).toThrow('reserved "disks=1"');
    expect(resolve({})().evictionHard).toBe(DEFAULT_EVICTION_HARD);
  });
});

test("of containers that have ended, those of pods that go on are kept when disk space runs short", () => {
  const dead = (podUid: string, state: ContainerState["state"] = "exited") => ({ id: `${podUid}-${state}`, podUid, state }) as ContainerState; // all that is asked about
  const over: Pod = { ...pod("over"), status: { phase: "Failed" } };
  const chosen = chooseDeadContainers([dead("goes"), dead("over"), dead("gone"), dead("goes", "running"), dead("gone", "running")], [pod("goes"), over]);
  expect(chosen.map(({ id }) => id)).toEqual(["over-exited", "gone-exited"]);
});

describe("pressure", () => {
  const thresholds = [...parseThresholds("memory.available<100Mi,nodefs.available<10%,pid.available<5%"), ...parseThresholds("memory.available<500Mi", new Map([["memory.available", 60_000]]))];
  const machine = (memory: number, disk = 50, pids = 1000) =>
    new Map<Signal, { available: number; capacity: number }>([
      ["memory.available", { available: memory * MI, capacity: 1000 * MI }],
      ["nodefs.available", { available: disk, capacity: 100 }],
      ["pid.available", { available: pids, capacity: 1000 }],
    ]);
  const judge = (measured: ReturnType<typeof machine>, nowMs: number, before = NO_PRESSURE) => judgePressure(thresholds, measured, before, nowMs, 300_000);

  test("is none with room for all", () => {
    expect(judge(machine(900), 0)).toMatchObject({ pressures: new Set(), due: [] });
  });

  test("acts at once on a hard threshold, and on a soft one when it lasts", () => {
    const first = judge(machine(300), 0);
    expect([[...first.pressures], first.due]).toEqual([["MemoryPressure"], []]);
    expect(judge(machine(300), 59_000, first.state).due).toEqual([]);
    expect(judge(machine(300), 60_000, first.state).due.map(({ text }) => text)).toEqual(["500Mi"]);
    const relieved = judge(machine(900), 30_000, first.state);
    expect(judge(machine(300), 61_000, relieved.state).due).toEqual([]);
    expect(judge(machine(50), 0).due.map(({ text }) => text)).toEqual(["100Mi"]);
  });

  test("lasts, once something had to go, until so much more is free as is said", () => {
    const some = parseThresholds("memory.available<100Mi").map((threshold) => ({ ...threshold, reclaim: parseMinimumReclaim("memory.available=200Mi").get("memory.available")! })); // it names it
    const due = (memory: number, before: typeof NO_PRESSURE) => judgePressure(some, machine(memory), before, 0, 300_000);
    const short = due(50, NO_PRESSURE);
    expect([due(250, NO_PRESSURE), due(250, short.state), due(301, short.state)].map((verdict) => verdict.due.length)).toEqual([0, 1, 0]);
    // One that was never due is not one that was crossed.
    const soft = parseThresholds("memory.available<100Mi", new Map([["memory.available", 60_000]])).map((threshold) => ({ ...threshold, reclaim: { is: "amount", amount: 200 * MI } as const }));
    const first = judgePressure(soft, machine(50), NO_PRESSURE, 0, 300_000);
    expect(judgePressure(soft, machine(250), first.state, 59_000, 300_000).state.crossedSinceMs.size).toBe(0);
  });

  test("puts memory before disks before processes", () => {
    expect(judge(machine(50, 5, 1), 0).due.map(({ signal }) => signal)).toEqual(["memory.available", "nodefs.available", "pid.available"]);
  });

  test("is told of for a while after it has gone", () => {
    const short = judge(machine(900, 5), 0);
    const after = judge(machine(900), 299_000, short.state);
    expect([[...after.pressures], after.due]).toEqual([["DiskPressure"], []]);
    expect([...judge(machine(900), 300_000, after.state).pressures]).toEqual([]);
  });

  test("keeps out what it would end first", () => {
    const memory = new Set(["MemoryPressure"] as const);
    expect(refuseUnderPressure(pod("p", {}, "BestEffort"), memory)).toEqual({ reason: "Evicted", message: "The node had condition: [MemoryPressure]. " });
    expect(refuseUnderPressure(pod("p"), memory)).toBeUndefined();
    expect(refuseUnderPressure(pod("p", { tolerations: [{ key: "node.kubernetes.io/memory-pressure", operator: "Exists" }] }, "BestEffort"), memory)).toBeUndefined();
    expect(refuseUnderPressure(pod("p", {}, "Guaranteed"), new Set(["DiskPressure"]))?.message).toBe("The node had condition: [DiskPressure]. ");
    expect(refuseUnderPressure(pod("p", { priority: 2_000_000_000 }), new Set(["DiskPressure"]))).toBeUndefined();
  });
});

describe("whom an eviction takes", () => {
  const [memory] = parseThresholds("memory.available<100Mi");
  const [inodes] = parseThresholds("nodefs.inodesFree<5%");
  const asking = (name: string, memoryRequest: string, priority = 0) => pod(name, { priority, containers: [container("c", { memory: memoryRequest })] });

  test("first who uses more than it asked for, then who matters less, then who is furthest above", () => {
    const pods = [asking("within", "100Mi"), asking("above", "10Mi"), asking("far-above", "10Mi"), asking("important", "10Mi", 1000)];
    const consumption = new Map([
      ["within", uses(90 * MI)],
      ["above", uses(20 * MI)],
      ["far-above", uses(80 * MI)],
      ["important", uses(500 * MI)],
    ]);
    expect(names(rankPods(memory!, pods, consumption))).toEqual(["far-above", "above", "important", "within"]);
  });

  test("of inodes, who has most", () => {
    expect(
      names(
        rankPods(
          inodes!,
          [pod("few"), pod("many")],
          new Map([
            ["few", uses(0, { inodes: 1 })],
            ["many", uses(0, { inodes: 9 })],
          ]),
        ),
      ),
    ).toEqual(["many", "few"]);
  });

  test("and is told why, in words that people search for", () => {
    const eviction = chooseEviction(memory!, { available: 60 * MI, capacity: 1000 * MI }, [asking("p", "10Mi")], new Map([["p", uses(80 * MI)]]), 30);
    expect(eviction).toMatchObject({
      graceSeconds: 1,
      message: "The node was low on resource: memory. Threshold quantity: 100Mi, available: 60Mi. Container c was using 80Mi, request is 10Mi, has larger consumption of memory. ",
    });
  });

  test("and is told of it as a whole, and of its init containers, where they ask for something", () => {
    const sidecar = { ...container("s", { memory: "1Mi" }), restartPolicy: "Always" };
    const asked = pod("p", { resources: { requests: { memory: "20Mi" } }, initContainers: [sidecar], containers: [container("c", { memory: "10Mi" })] });
    const used = { ...uses(80 * MI), containers: new Map([["s", { memoryBytes: 75 * MI, diskBytes: 0 }]]) };
    expect(chooseEviction(memory!, { available: 60 * MI, capacity: 1000 * MI }, [asked], new Map([["p", used]]), 30)?.message).toMatch(
      /available: 60Mi\. Pod p was using 80Mi, request is 20Mi, has larger consumption of memory\. Container s was using 75Mi, request is 1Mi, has larger consumption of memory\. $/,
    );
  });

  test("never the system's own, nor who is ending already; soft evictions leave time", () => {
    const critical = asking("critical", "1Mi", 2_000_001_000);
    const ending: Pod = { ...asking("ending", "1Mi"), metadata: { name: "ending", uid: "ending", deletionTimestamp: "2026-01-01T00:00:00Z" } };
    const ofFile: Pod = { ...asking("file", "1Mi"), metadata: { name: "file", uid: "file", annotations: { "kubernetes.io/config.source": "file" } } };
    expect(chooseEviction(memory!, { available: 0, capacity: 1 }, [critical, ending, ofFile], new Map(), 30)).toBeUndefined();
    expect(refuseUnderPressure(ofFile, new Set(["MemoryPressure", "DiskPressure"]))).toBeUndefined();
    const [soft] = parseThresholds("memory.available<1Gi", new Map([["memory.available", 1000]]));
    expect(chooseEviction(soft!, { available: 0, capacity: 1 }, [pod("p", { terminationGracePeriodSeconds: 600 })], new Map(), 20)?.graceSeconds).toBe(20);
  });
});

describe("a pod that writes more than it may", () => {
  const bounded = pod("p", {
    volumes: [
      { name: "cache", emptyDir: { sizeLimit: "1Mi" } },
      { name: "ram", emptyDir: { medium: "Memory", sizeLimit: "1Ki" } },
    ],
    containers: [container("a", {}, { "ephemeral-storage": "2Mi" }), container("b", {}, { "ephemeral-storage": "1Mi" })],
  });
  const written = (a: number, b: number, cache: number) =>
    uses(0, {
      diskBytes: (a + b + cache) * MI,
      containers: new Map([
        ["a", { memoryBytes: 0, diskBytes: a * MI }],
        ["b", { memoryBytes: 0, diskBytes: b * MI }],
      ]),
      emptyDirs: new Map([
        ["cache", cache * MI],
        ["ram", MI],
      ]),
    });
  test.each<[string, PodConsumption, string | undefined]>([
    ["into an empty folder", written(0, 0, 1.5), 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". '],
    ["as a whole", written(2, 0.9, 0.9), "Pod ephemeral local storage usage exceeds the total limit of containers 3Mi. "],
    ["in one container", written(0, 1.5, 0), 'Container b exceeded its local ephemeral storage limit "1Mi". '],
    ["nothing", written(1, 1, 1), undefined],
  ])("%s", (_name, consumption, message) => {
    expect(chooseOverfull([bounded], new Map([["p", consumption]]))[0]?.message).toBe(message);
  });
});

describe("cgroups", () => {
  test("of pods hold what their containers are bounded to together", () => {
    const both = pod("p", { containers: [container("a", { cpu: "500m" }, { cpu: "1", memory: "64Mi" }), container("b", { cpu: "250m" }, { cpu: "500m", memory: "64Mi" })] });
    expect(computePodLimits(both, 100)).toEqual({ cpuShares: 768, cpuQuotaUs: 150_000, memoryBytes: 128 * MI, pidsMax: 100, hugePages: {} });
    expect(computePodLimits(pod("p", { containers: [container("a", { cpu: "1" }, { memory: "64Mi" }), container("b")] }))).toEqual({
      cpuShares: 1024,
      cpuQuotaUs: -1,
      memoryBytes: -1,
      pidsMax: -1,
      hugePages: {},
    });
    expect(computePodLimits(pod("p", {}, "BestEffort")).cpuShares).toBe(2);
    const unbounded = pod("p", { containers: [container("a", {}, { cpu: "0", memory: "0" })], resources: { limits: { cpu: "0", memory: "0" } } });
    expect(computePodLimits(unbounded)).toMatchObject({ cpuQuotaUs: -1, memoryBytes: -1 });
  });

  test("hold pods to the huge pages that they asked for, and to none of other sizes", () => {
    const sizes = [1 << 30, 2 * MI];
    const huge = (amount: string) => ({ "hugepages-2Mi": amount });
    const asking = pod("p", {
      initContainers: [container("first", huge("64Mi"), huge("64Mi"))],
      containers: [container("a", huge("16Mi"), huge("16Mi")), container("b")],
    });
    expect(podHugePages(asking, sizes)).toEqual({ "1GB": 0, "2MB": 64 * MI });
    expect(asking.spec.containers.map((each) => containerHugePages(asking, each, sizes))).toEqual([
      { "1GB": 0, "2MB": 16 * MI },
      { "1GB": 0, "2MB": 0 },
    ]);
    const whole = pod("p", { resources: { requests: huge("8Mi"), limits: huge("8Mi") }, containers: [container("a")] });
    expect([podHugePages(whole, sizes)["2MB"], containerHugePages(whole, { name: "a" }, sizes)["2MB"]]).toEqual([8 * MI, 8 * MI]);
    expect(limitFiles("hugetlb", { memoryBytes: 1, hugePages: { "2MB": 5 } })).toEqual([{ file: "hugetlb.2MB.limit_in_bytes", text: "5", amount: 5 }]);
    expect(limitFiles("", { hugePages: { "2MB": 5 } })).toEqual([{ file: "hugetlb.2MB.max", text: "5", amount: 5 }]);
  });

  test("of classes share by what their pods asked for", () => {
    expect(computeQosShares([pod("a", { containers: [container("c", { cpu: "2" })] }), pod("b", {}, "BestEffort"), pod("g", { containers: [container("c", { cpu: "9" })] }, "Guaranteed")])).toEqual({
      burstable: 2048,
      besteffort: 2,
    });
    expect([qosFolder("/m", "Guaranteed"), qosFolder("/m", "BestEffort")]).toEqual(["/m", "/m/besteffort"]);
    expect([sharesToWeight(2), sharesToWeight(1024), sharesToWeight(262_144)]).toEqual([1, 39, 10_000]);
  });
});

test("pods can have what neither the machine nor its reserve needs", () => {
  const reserved = {
    processes: addReserved(parseReserved("cpu=500m,memory=100Mi"), parseReserved("memory=50Mi,ephemeral-storage=10Mi")),
    hard: parseThresholds("memory.available<100Mi,nodefs.available<10%"),
  };
  expect(computeAllocatable({ cpu: "2", memory: "1024Mi", "ephemeral-storage": "1000Mi", pods: "110" }, reserved)).toEqual({
    cpu: "1500m",
    memory: `${774 * 1024}Ki`,
    "ephemeral-storage": String(890 * MI),
    pods: "110",
  });
  expect([computePodsMemory(1024 * MI, reserved), computePodsMemory(1024, { processes: {}, hard: [] })]).toEqual([874 * MI, -1]);
  expect([computePodsPids(32_768, reserved), computePodsPids(32_768, { ...reserved, processes: parseReserved("pid=5000") })]).toEqual([31_130, 27_768]);
});

test("what containers write into their pod's hosts file and their last words counts as the pod's", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "measure-"));
  try {
    const places = { podsDir: path.join(folder, "pods"), logsDir: path.join(folder, "logs"), cgroupRoot: "none" };
    const pod = { ...aPod("p"), metadata: { name: "p", namespace: "n", uid: "u" } };
    const measured = async () => (await measurePod(pod, undefined, [], places, true)).diskBytes;
    expect(await measured()).toBe(0);
    mkdirSync(path.join(places.podsDir, "u", "containers", "c"), { recursive: true });
    writeFileSync(path.join(places.podsDir, "u", "etc-hosts"), Buffer.alloc(2 * MI, "x"));
    writeFileSync(path.join(places.podsDir, "u", "containers", "c", "0.message"), Buffer.alloc(3 * MI, "x"));
    expect(await measured()).toBeGreaterThanOrEqual(5 * MI);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("which images are used is seen at a glance, however many containers there are", async () => {
  const [removed, known]: [string[], string[]] = [[], []];
  const images: readonly ImageInfo[] = ["used", "mounted", "free"].map((id) => ({ id, names: [`r/${id}`], bytes: 10 }));
  const runtime = {
    listImages: async () => images,
    glance: async () => ({ sandboxes: [], containers: [{ id: "c", podUid: "u", state: "exited", image: "r/other", imageId: "used" }] }),
    removeImage: async (id: string) => void removed.push(id),
  } as unknown as Runtime; // nothing else is asked of it
  const clock = new VirtualClock();
  const garbage = new ImageGarbage({
    runtime,
    clock,
    logger: silentLogger,
    events: { record: () => {} } as unknown as EventRecorder,
    node: () => undefined,
    access: { now: () => 7, keepOnly: (ids, since) => void known.push(...ids, `${since}`) },
    mounted: () => ["r/mounted"],
    imageDir: "/",
  });
  await clock.advance(3_600_000);
  expect(await garbage.freeAll()).toBe(10);
  expect(removed).toEqual(["free"]);
  expect(known).toEqual(["used", "mounted", "free", "7"]);
});

describe("images", () => {
  const image = (id: string, bytes = 10, more: readonly string[] = []): ImageInfo => ({ id, names: [`r/${id}`, ...more], bytes });
  const all = [image("old"), image("used"), image("new"), image("local", 10, ["mainstay.local/x:1"]), image("recent")];
  const used = new Set(["r/used"]);
  const history = noteImages(
    all.filter(({ id }) => id !== "new"),
    new Set(["r/used", "recent"]),
    new Map(),
    1,
  );

  test("go when nobody uses them, the longest unused first, as many as needed", () => {
    const now = 10 * 60_000;
    const known = noteImages(all, used, history, now);
    const chosen = (bytes: number, minAgeMs = DEFAULT_IMAGE_GC.minAgeMs) => chooseImages(all, used, known, bytes, now, minAgeMs).map(({ id }) => id);
    expect([chosen(1), chosen(11), chosen(Infinity), chosen(Infinity, 0)]).toEqual([["old"], ["old", "recent"], ["old", "recent"], ["old", "new", "recent"]]);
    expect(chosen(0)).toEqual([]);
  });

  test("that nothing used for too long go whatever room there is, once that long was looked", () => {
    const now = 10 * 60_000;
    const old = (sinceMs: number, maxAgeMs: number) => chooseOldImages(all, used, noteImages(all, used, history, now), sinceMs, now, { minAgeMs: 0, maxAgeMs }).map(({ id }) => id);
    expect([old(0, 60_000), old(now - 60_000, 60_000), old(0, 0), old(0, now + 1)]).toEqual([["old", "new", "recent"], [], [], []]);
  });

  test("stay while the disk has room", () => {
    expect([
      bytesToFree({ available: 16, capacity: 100 }, DEFAULT_IMAGE_GC),
      bytesToFree({ available: 15, capacity: 100 }, DEFAULT_IMAGE_GC),
      bytesToFree({ available: 1, capacity: 100 }, DEFAULT_IMAGE_GC),
    ]).toEqual([0, 5, 19]);
  });
});

test("the kernel's list of mounts tells where containers write, and what is bound where", () => {
  const id = "a".repeat(64);
  const text = `57 27 0:45 / /d/state/task/k8s.io/${id}/rootfs rw,relatime - overlay overlay rw,lowerdir=/d/1/fs,upperdir=/d/4/fs,workdir=/d/4/work,uuid=on\n58 27 254:0 /data/with\\040space /pods/x rw - ext4 /dev/vda rw\n`;
  expect(parseWritableLayers(text)).toEqual(new Map([[id, "/d/4/fs"]]));
  expect(parseMounts(text)[1]).toEqual({ device: "254:0", root: "/data/with space", place: "/pods/x", isShared: false });
  const mounts = [
    { device: "8:1", root: "/", place: "/", isShared: false },
    { device: "8:1", root: "/var/lib/kubelet", place: "/var/lib/kubelet", isShared: true },
    { device: "8:2", root: "/", place: "/disk", isShared: false },
    { device: "8:1", root: "/srv", place: "/bound", isShared: false },
  ];
  expect(["/var/lib/kubelet", "/disk", "/bound", "/var/lib"].map((place) => isMountedOnItself(mounts, place))).toEqual([true, false, false, false]);
  expect(parseMounts("42 27 254:0 / /run rw,relatime shared:1 - ext4 /dev/vda rw")[0]?.isShared).toBe(true);
});
