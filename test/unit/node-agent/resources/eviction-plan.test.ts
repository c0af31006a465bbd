import { describe, expect, test } from "vitest";
import { chooseEviction, chooseOverfull, rankPods, refuseUnderPressure, type PodConsumption } from "../../../../node-agent/resources/eviction-plan.ts";
import { parseThresholds } from "../../../../node-agent/resources/thresholds.ts";
import type { Pod, PodSpec } from "../../../../engine/resources/types.ts";

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
