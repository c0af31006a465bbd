import { describe, expect, it } from "vitest";
import { nodeInfo, podInfo, withPod, withoutPod, type NodeInfo } from "../../../engine/scheduler/node-info.ts";
import type { ClusterEvent } from "../../../engine/scheduler/plugin.ts";
import { createProfile } from "../../../engine/scheduler/profile.ts";
import { FilterCache, sampleSize, schedulePod, type Decision } from "../../../engine/scheduler/schedule-pod.ts";
import type { Node, Pod, PodSpec, ResourceClaim } from "../../../engine/resources/types.ts";

const profile = createProfile();

interface NodeShape {
  cpu?: string;
  memory?: string;
  pods?: string;
  labels?: Record<string, string>;
  spec?: Partial<NonNullable<Node["spec"]>>;
  images?: { names: string[]; sizeBytes: number }[];
}

function node(name: string, { cpu = "4", memory = "8Gi", pods = "110", labels = {}, spec = {}, images = [] }: NodeShape = {}): NodeInfo {
  return nodeInfo({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/hostname": name, ...labels } },
    spec,
    status: { allocatable: { cpu, memory, pods }, images },
  } as Node);
}

interface PodShape {
  cpu?: string;
  memory?: string;
  labels?: Record<string, string>;
  spec?: Partial<PodSpec>;
  owner?: string;
}

let serial = 0;
function pod({ cpu, memory, labels = {}, spec = {}, owner }: PodShape = {}) {
  const requests = { ...(cpu ? { cpu } : {}), ...(memory ? { memory } : {}) };
  return podInfo({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `p${serial++}`,
      namespace: "default",
      labels,
      ...(owner ? { ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: owner, uid: owner, controller: true }] } : {}),
    },
    spec: { containers: [{ name: "c", image: "app:1", resources: { requests } }], ...spec },
  } as Pod);
}

function schedule(p: ReturnType<typeof pod>, nodes: readonly NodeInfo[], start = 0, cache = new FilterCache()): Decision {
  return schedulePod(p, nodes, profile, start, cache);
}

function place(decision: Decision): string {
  return decision.is === "fits" ? decision.nodeName : `unschedulable: ${decision.message}`;
}

describe("filters", () => {
  it.each<[string, PodShape, NodeShape, string | RegExp]>([
    ["a pod that fits goes to the node", { cpu: "1" }, {}, "n"],
    ["missing cpu is named", { cpu: "5" }, {}, /1 Insufficient cpu\.$/],
    ["missing memory is named", { memory: "9Gi" }, {}, /1 Insufficient memory\.$/],
    ["cpu and memory are both named", { cpu: "5", memory: "9Gi" }, {}, /1 Insufficient cpu, 1 Insufficient memory\.$/],
    ["an unknown extended resource is named", { spec: { containers: [{ name: "c", resources: { requests: { "example.com/gpu": "1" } } }] } }, {}, /Insufficient example.com\/gpu/],
    ["a full node takes no more pods", {}, { pods: "0" }, /1 Too many pods/],
    ["a cordoned node takes none", {}, { spec: { unschedulable: true } }, /1 node\(s\) were unschedulable/],
    ["a cordoned node takes who tolerates it", { spec: { tolerations: [{ key: "node.kubernetes.io/unschedulable", operator: "Exists" }] } }, { spec: { unschedulable: true } }, "n"],
    ["an untolerated taint is named", {}, { spec: { taints: [{ key: "dedicated", value: "db", effect: "NoSchedule" }] } }, /untolerated taint \{dedicated: db\}/],
    [
      "a tolerated taint lets pass",
      { spec: { tolerations: [{ key: "dedicated", value: "db", effect: "NoSchedule" }] } },
      { spec: { taints: [{ key: "dedicated", value: "db", effect: "NoSchedule" }] } },
      "n",
    ],
    [
      "a toleration with another value does not",
      { spec: { tolerations: [{ key: "dedicated", value: "web" }] } },
      { spec: { taints: [{ key: "dedicated", value: "db", effect: "NoExecute" }] } },
      /untolerated taint/,
    ],
    ["PreferNoSchedule keeps nobody out", {}, { spec: { taints: [{ key: "a", effect: "PreferNoSchedule" }] } }, "n"],
    ["a node selector must match", { spec: { nodeSelector: { disk: "ssd" } } }, {}, /didn't match Pod's node affinity\/selector/],
    ["a matching node selector lets pass", { spec: { nodeSelector: { disk: "ssd" } } }, { labels: { disk: "ssd" } }, "n"],
  ])("%s", (_name, podShape, nodeShape, expected) => {
    expect(place(schedule(pod(podShape), [node("n", nodeShape)]))).toMatch(expected);
  });

  it.each<[string, object, boolean]>([
    ["In", { key: "zone", operator: "In", values: ["a", "b"] }, true],
    ["NotIn", { key: "zone", operator: "NotIn", values: ["a"] }, false],
    ["NotIn matches absent keys", { key: "none", operator: "NotIn", values: ["a"] }, true],
    ["Exists", { key: "zone", operator: "Exists" }, true],
    ["DoesNotExist", { key: "zone", operator: "DoesNotExist" }, false],
    ["Gt", { key: "gen", operator: "Gt", values: ["3"] }, true],
    ["Lt", { key: "gen", operator: "Lt", values: ["3"] }, false],
  ])("required node affinity understands %s", (_name, requirement, fits) => {
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [requirement] }] } } };
    const decision = schedule(pod({ spec: { affinity } as Partial<PodSpec> }), [node("n", { labels: { zone: "a", gen: "7" } })]);
    expect(decision.is).toBe(fits ? "fits" : "unschedulable");
  });

  it("counts sidecars and the largest init container", () => {
    const spec: Partial<PodSpec> = {
      initContainers: [
        { name: "side", restartPolicy: "Always", resources: { requests: { cpu: "1" } } },
        { name: "init", resources: { requests: { cpu: "3" } } },
      ],
      containers: [{ name: "c", resources: { requests: { cpu: "1" } } }],
    };
    expect(pod({ spec }).requests["cpu"]).toBe(4000);
  });

  it("refuses a host port that is taken, on the wildcard address too", () => {
    const withPort = (hostIP?: string) => pod({ spec: { containers: [{ name: "c", ports: [{ containerPort: 80, hostPort: 8080, protocol: "TCP", ...(hostIP ? { hostIP } : {}) }] }] } });
    const taken = withPod(node("n"), withPort("127.0.0.1"));
    expect(place(schedule(withPort(), [taken]))).toMatch(/free ports/);
    expect(place(schedule(withPort("10.0.0.1"), [taken]))).toBe("n");
  });

  it("refuses a host port that an init container keeps, and none of one that ends", () => {
    const port = { name: "c", ports: [{ containerPort: 80, hostPort: 8080, protocol: "TCP" }] };
    const plain = pod({ spec: { containers: [port] } });
    const withInit = (restartPolicy?: "Always") => pod({ spec: { containers: [{ name: "d" }], initContainers: [{ ...port, ...(restartPolicy === undefined ? {} : { restartPolicy }) }] } });
    expect(place(schedule(plain, [withPod(node("n"), withInit("Always"))]))).toMatch(/free ports/);
    expect(place(schedule(withInit("Always"), [withPod(node("n"), plain)]))).toMatch(/free ports/);
    expect(place(schedule(plain, [withPod(node("n"), withInit())]))).toBe("n");
  });

  it("keeps hard topology spread within its skew", () => {
    const labels = { app: "web" };
    const spec = { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", labelSelector: { matchLabels: labels } }] } as Partial<PodSpec>;
    const a = withPod(node("a", { labels: { zone: "a" } }), pod({ labels }));
    const b = node("b", { labels: { zone: "b" } });
    expect(place(schedule(pod({ labels, spec }), [a, b]))).toBe("b");
    expect(place(schedule(pod({ labels, spec }), [a, node("x", { labels: { zone: "b" }, spec: { unschedulable: true } })]))).toMatch(/topology spread/);
  });

  it("takes no topology for a label that nobody has given, whatever it is called", () => {
    const labels = { app: "web" };
    const term = { topologyKey: "constructor", labelSelector: { matchLabels: labels } };
    const spread = { topologySpreadConstraints: [{ ...term, maxSkew: 1, whenUnsatisfiable: "DoNotSchedule" }] } as Partial<PodSpec>;
    const together = { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } } as Partial<PodSpec>;
    const apart = { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } } as Partial<PodSpec>;
    const a = withPod(node("a"), pod({ labels }));
    expect(place(schedule(pod({ labels, spec: spread }), [a]))).toMatch(/missing required label/);
    expect(place(schedule(pod({ labels, spec: together }), [a]))).toMatch(/pod affinity/);
    expect(place(schedule(pod({ labels, spec: apart }), [a]))).toBe("a");
  });

  it("keeps anti-affine pods apart, in both directions", () => {
    const labels = { app: "db" };
    const spec = {
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: labels } }] } },
    } as Partial<PodSpec>;
    const a = withPod(node("a"), pod({ labels, spec }));
    expect(place(schedule(pod({ labels, spec }), [a, node("b")]))).toBe("b");
    expect(place(schedule(pod({ labels }), [a]))).toMatch(/existing pods anti-affinity/);
  });

  it("lets the first pod of an affine group start, and the next follow it", () => {
    const labels = { app: "cache" };
    const spec = { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "zone", labelSelector: { matchLabels: labels } }] } } } as Partial<PodSpec>;
    const nodes = [node("a", { labels: { zone: "a" } }), node("b", { labels: { zone: "b" } })];
    expect(place(schedule(pod({ labels, spec }), nodes))).toBe("a");
    expect(place(schedule(pod({ labels, spec }), [nodes[0]!, withPod(nodes[1]!, pod({ labels }))]))).toBe("b");
  });

  it("keeps to pods that all terms select, and starts a group nowhere while there is company for it elsewhere", () => {
    const term = (topologyKey: string, matchLabels: Record<string, string>) => ({ topologyKey, labelSelector: { matchLabels } });
    const spec = { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term("zone", { app: "cache" }), term("rack", { tier: "back" })] } } } as Partial<PodSpec>;
    const labels = { app: "cache", tier: "back" };
    const a = node("a", { labels: { zone: "z", rack: "1" } });
    const b = node("b", { labels: { zone: "z", rack: "2" } });
    const halves = withPod(withPod(a, pod({ labels: { app: "cache" } })), pod({ labels: { tier: "back" } }));
    expect(place(schedule(pod({ spec }), [halves, b]))).toMatch(/pod affinity/);
    expect(place(schedule(pod({ spec }), [a, withPod(b, pod({ labels }))]))).toBe("b");
    expect(place(schedule(pod({ labels, spec }), [halves]))).toBe("a");
  });

  it("finds the namespaces of affinities by their labels, in both directions", () => {
    const namespaceLabels = (name: string) => ({ team: name === "default" ? "one" : "two" });
    const terms = (team: string) => [{ topologyKey: "zone", labelSelector: { matchLabels: { app: "web" } }, namespaceSelector: { matchLabels: { team } } }];
    const near = (team: string) => ({ ...pod({ spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms(team) } } } as Partial<PodSpec> }), namespaceLabels });
    const labels = { app: "web" };
    const placeBeside = (of: ReturnType<typeof pod>, there: ReturnType<typeof pod>) => place(schedule(of, [withPod(node("a", { labels: { zone: "z" } }), there)]));
    expect(placeBeside(near("one"), pod({ labels }))).toBe("a");
    expect(placeBeside(near("two"), pod({ labels }))).toMatch(/pod affinity/);
    const shy = (team: string) => pod({ spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms(team) } } } as Partial<PodSpec> });
    expect(placeBeside({ ...pod({ labels }), namespaceLabels }, shy("one"))).toMatch(/existing pods anti-affinity/);
    expect(placeBeside({ ...pod({ labels }), namespaceLabels }, shy("two"))).toBe("a");
  });

  it("keeps clear of pods that are on their way out, until they are gone", () => {
    const labels = { app: "db" };
    const spec = {
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: labels } }] } },
    } as Partial<PodSpec>;
    const leaving = pod({ labels });
    const gone = { ...leaving, pod: { ...leaving.pod, metadata: { ...leaving.pod.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } } };
    expect(place(schedule(pod({ labels, spec }), [withPod(node("a"), gone)]))).toMatch(/pod anti-affinity/);
  });

  it("says so when there are no nodes, and adds up the reasons of several", () => {
    expect(place(schedule(pod(), []))).toBe("unschedulable: no nodes available to schedule pods");
    const nodes = [node("a", { cpu: "1" }), node("b", { cpu: "1" }), node("c", { spec: { unschedulable: true } })];
    expect(place(schedule(pod({ cpu: "2" }), nodes))).toBe("unschedulable: 0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.");
  });
});

describe("pods that wait for room", () => {
  const spread = pod({ spec: { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" }] } });
  const wakers = (event: ClusterEvent) => profile.filters.filter((filter) => filter.wokenBy(event, spread)).map(({ name }) => name);

  it("are woken by news of devices only where devices or their classes matter", () => {
    const claim: ResourceClaim = { apiVersion: "resource.k8s.io/v1", kind: "ResourceClaim", metadata: {}, spec: {} };
    expect(wakers({ is: "claim-changed", old: { ...claim, status: { allocation: {} } }, claim })).toEqual(["DynamicResources"]);
    expect(wakers({ is: "device-classes-changed" })).toEqual(["NodeResourcesFit", "DynamicResources"]);
    expect(wakers({ is: "devices-changed" })).toEqual(["DynamicResources"]);
  });
});

describe("scores", () => {
  it("prefers the emptier node", () => {
    expect(place(schedule(pod({ cpu: "1" }), [withPod(node("a"), pod({ cpu: "2", memory: "4Gi" })), node("b")]))).toBe("b");
  });

  it("spreads the pods of one owner over hosts", () => {
    const labels = { app: "web", "pod-template-hash": "x" };
    let nodes = [node("a"), node("b"), node("c")];
    for (let i = 0; i < 6; i++) {
      const next = pod({ labels, owner: "web-x", cpu: "10m" });
      const decision = schedule(next, nodes);
      nodes = nodes.map((info) => (info.name === place(decision) ? withPod(info, next) : info));
    }
    expect(nodes.map((info) => info.pods.length)).toEqual([2, 2, 2]);
  });

  it("takes turns among equals", () => {
    const nodes = [node("a"), node("b"), node("c")];
    let start = 0;
    const chosen = Array.from({ length: 3 }, () => {
      const decision = schedule(pod(), nodes, start);
      if (decision.is === "fits") start = decision.nextStart;
      return place(decision);
    });
    expect(new Set(chosen)).toEqual(new Set(["a", "b", "c"]));
  });

  it("prefers the node that has the image", () => {
    const big = { names: ["app:1"], sizeBytes: 900 * 1024 * 1024 };
    expect(place(schedule(pod(), [node("a"), node("b", { images: [big] })]))).toBe("b");
  });

  it("samples large clusters", () => {
    expect([50, 100, 1000, 5000].map((count) => sampleSize(count))).toEqual([50, 100, 420, 500]);
    expect([50, 150, 1000, 5000].map((count) => sampleSize(count, 70))).toEqual([50, 105, 700, 3500]);
    expect([150, 5000].map((count) => sampleSize(count, 100))).toEqual([150, 5000]);
  });
});

describe("the filter cache", () => {
  it("is not fooled when a node's value changes", () => {
    const cache = new FilterCache();
    const a = node("a", { cpu: "1" });
    expect(place(schedule(pod({ cpu: "1" }), [a], 0, cache))).toBe("a");
    const first = pod({ cpu: "1" });
    const full = withPod(a, first);
    expect(place(schedule(pod({ cpu: "1" }), [full], 0, cache))).toMatch(/Insufficient cpu/);
    expect(place(schedule(pod({ cpu: "1" }), [withoutPod(full, first.key)], 0, cache))).toBe("a");
  });
});
