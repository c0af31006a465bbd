import { describe, expect, test } from "vitest";
import { chooseVolumes } from "../../../engine/scheduler/bind-volumes.ts";
import { nodeInfo, podInfo, withPod, type NodeInfo } from "../../../engine/scheduler/node-info.ts";
import { resolvePodStorage, type StorageFacts } from "../../../engine/scheduler/pod-storage.ts";
import { createProfile } from "../../../engine/scheduler/profile.ts";
import { FilterCache, schedulePod } from "../../../engine/scheduler/schedule-pod.ts";
import type { CSIDriver, CSINode, CSIStorageCapacity, PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec, Pod, StorageClass } from "../../../engine/resources/types.ts";

const node = (name: string, labels: Record<string, string> = {}): NodeInfo =>
  nodeInfo({ apiVersion: "v1", kind: "Node", metadata: { name, labels: { "kubernetes.io/hostname": name, ...labels } }, status: { allocatable: { cpu: "4", pods: "110" } } });
const on = (...hosts: string[]): Partial<PersistentVolumeSpec> => ({
  nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: hosts }] }] } },
});
const volume = (name: string, spec: Partial<PersistentVolumeSpec> = {}, metadata: object = {}): PersistentVolume => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name, ...metadata },
  spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], storageClassName: "slow", ...spec },
  status: { phase: "Available" },
});
const claim = (name: string, more: { spec?: object; status?: object; metadata?: object } = {}): PersistentVolumeClaim => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name, namespace: "n", uid: name, ...more.metadata },
  spec: { accessModes: ["ReadWriteOnce"], storageClassName: "slow", resources: { requests: { storage: "1Gi" } }, ...more.spec },
  status: { phase: "Pending", ...more.status },
});
const bound = (name: string, to: string, spec: object = {}) =>
  claim(name, { spec: { volumeName: to, ...spec }, status: { phase: "Bound" }, metadata: { annotations: { "pv.kubernetes.io/bind-completed": "yes" } } });
const storageClass = (name: string, more: Partial<StorageClass> = {}): StorageClass => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name },
  provisioner: "p",
  volumeBindingMode: "WaitForFirstConsumer",
  ...more,
});
const pod = (name: string, ...claims: string[]): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "n", uid: name },
  spec: { containers: [{ name: "c", image: "i" }], volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) },
});

interface World {
  readonly claims?: readonly PersistentVolumeClaim[];
  readonly volumes?: readonly PersistentVolume[];
  readonly classes?: readonly StorageClass[];
  readonly csiNodes?: readonly CSINode[];
  readonly drivers?: readonly CSIDriver[];
  readonly capacities?: readonly CSIStorageCapacity[];
}
const factsOf = ({ claims = [], volumes = [], classes = [storageClass("slow")], csiNodes = [], drivers = [], capacities = [] }: World): StorageFacts => ({
  claim: (namespace, name) => claims.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace),
  volume: (name) => volumes.find(({ metadata }) => metadata.name === name),
  volumesOfClass: (className) => volumes.filter(({ spec }) => spec?.storageClassName === className),
  storageClass: (name) => classes.find(({ metadata }) => metadata.name === name),
  csiNode: (name) => csiNodes.find(({ metadata }) => metadata.name === name),
  csiDriver: (name) => drivers.find(({ metadata }) => metadata.name === name),
  capacitiesOfClass: (className) => capacities.filter(({ storageClassName }) => storageClassName === className),
});
const place = (judged: Pod, world: World, ...nodes: readonly NodeInfo[]) => {
  const decision = schedulePod({ ...podInfo(judged), storage: resolvePodStorage(judged, factsOf(world)) }, nodes, { filters: createProfile().filters, scores: [] }, 0, new FilterCache());
  return decision.is === "fits" ? decision.nodeName : decision.message;
};

describe("a pod with claims goes nowhere", () => {
  test.each<[string, World, string]>([
    ["without its claim", {}, 'persistentvolumeclaim "c" not found'],
    ["with a claim that is going", { claims: [claim("c", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } })] }, 'persistentvolumeclaim "c" is being deleted'],
    [
      "with a claim that has lost its volume",
      { claims: [claim("c", { spec: { volumeName: "v" }, status: { phase: "Lost" } })] },
      'persistentvolumeclaim "c" bound to non-existent persistentvolume "v"',
    ],
    [
      "before a claim that waits for no pod has its volume",
      { claims: [claim("c")], classes: [storageClass("slow", { volumeBindingMode: "Immediate" })] },
      "pod has unbound immediate PersistentVolumeClaims",
    ],
    ["before a claim that names its volume has it", { claims: [claim("c", { spec: { volumeName: "v" } })] }, "pod has unbound immediate PersistentVolumeClaims"],
  ])("%s", (_name, world, why) => {
    expect(place(pod("p", "c"), world, node("n1"), node("n2"))).toBe(`0/2 nodes are available: ${why}.`);
  });
});

describe("a pod goes", () => {
  const nodes = [node("n1"), node("n2", { zone: "b" })];
  test("where its volume is", () => {
    expect(place(pod("p", "c"), { claims: [bound("c", "v")], volumes: [volume("v", on("n2"))] }, ...nodes)).toBe("n2");
    expect(place(pod("p", "c"), { claims: [bound("c", "v")], volumes: [volume("v", on("n9"))] }, ...nodes)).toBe("0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity.");
  });

  test("where all its claims can get a volume, none of them twice", () => {
    const world: World = {
      claims: [claim("a"), claim("b")],
      volumes: [volume("v1", on("n1")), volume("v2", on("n2")), volume("v3", on("n2"))],
      classes: [storageClass("slow", { provisioner: "kubernetes.io/no-provisioner" })],
    };
    expect(place(pod("p", "a", "b"), world, ...nodes)).toBe("n2");
    expect(place(pod("p", "a", "b"), { ...world, volumes: world.volumes?.slice(0, 2) ?? [] }, ...nodes)).toBe("0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.");
  });

  test("where its class makes volumes, or where one has been asked for", () => {
    const topology = storageClass("slow", { allowedTopologies: [{ matchLabelExpressions: [{ key: "zone", values: ["b"] }] }] });
    expect(place(pod("p", "c"), { claims: [claim("c")], classes: [topology] }, ...nodes)).toBe("n2");
    expect(place(pod("p", "c"), { claims: [claim("c", { metadata: { annotations: { "volume.kubernetes.io/selected-node": "n2" } } })] }, ...nodes)).toBe("n2");
  });

  test("into the zone of its volume; a cluster without zones has one", () => {
    const world: World = { claims: [bound("c", "v")], volumes: [volume("v", {}, { labels: { "topology.kubernetes.io/zone": "z2__z3" } })] };
    const zoned = (name: string, zone: string) => node(name, { "topology.kubernetes.io/zone": zone });
    expect(place(pod("p", "c"), world, zoned("n1", "z1"), zoned("n2", "z3"))).toBe("n2");
    expect(place(pod("p", "c"), world, zoned("n1", "z1"))).toBe("0/1 nodes are available: 1 node(s) had no available volume zone.");
    expect(place(pod("p", "c"), world, node("n1"))).toBe("n1");
  });

  test("nowhere while another has what one pod alone may use", () => {
    const world: World = { claims: [bound("c", "v", { accessModes: ["ReadWriteOncePod"] }), bound("d", "w")], volumes: [volume("v"), volume("w")] };
    const busy = withPod(node("n1"), podInfo({ ...pod("other", "c", "d"), spec: { ...pod("other", "c", "d").spec, nodeName: "n1" } }));
    expect(place(pod("p", "c"), world, busy, node("n2"))).toContain("2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode");
    expect(place(pod("p", "d"), world, busy)).toBe("n1");
  });

  test("where its driver can attach one more, and a volume that is there already costs nothing", () => {
    const csi = (handle: string) => volume(handle, { csi: { driver: "d", volumeHandle: handle } });
    const world: World = {
      claims: [bound("a", "va"), bound("b", "vb")],
      volumes: [csi("va"), csi("vb")],
      csiNodes: [{ apiVersion: "storage.k8s.io/v1", kind: "CSINode", metadata: { name: "n1" }, spec: { drivers: [{ name: "d", nodeID: "n1", allocatable: { count: 1 } }] } }],
    };
    const full = withPod(node("n1"), podInfo(pod("other", "a")));
    expect(place(pod("p", "b"), world, full)).toBe("0/1 nodes are available: 1 node(s) exceed max volume count.");
    expect([place(pod("p", "a"), world, full), place(pod("p", "b"), world, full, node("n2"))]).toEqual(["n1", "n2"]);
    // One that is still to be made counts, too.
    expect(place(pod("p", "new"), { ...world, claims: [...(world.claims ?? []), claim("new")], classes: [storageClass("slow", { provisioner: "d" })] }, full, node("n2"))).toBe("n2");
  });

  test("where its driver is, if the driver wants that", () => {
    const driver = (spec: CSIDriver["spec"]): CSIDriver => ({ apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: "d" }, spec });
    const world = (spec: CSIDriver["spec"]): World => ({
      claims: [claim("c")],
      classes: [storageClass("slow", { provisioner: "d" })],
      drivers: [driver(spec)],
      csiNodes: [{ apiVersion: "storage.k8s.io/v1", kind: "CSINode", metadata: { name: "n2" }, spec: { drivers: [{ name: "d", nodeID: "n2" }] } }],
    });
    expect([place(pod("p", "c"), world({ preventPodSchedulingIfMissing: true }), node("n1"), node("n2")), place(pod("p", "c"), world({}), node("n1"))]).toEqual(["n2", "n1"]);
    expect(place(pod("p", "c"), world({ preventPodSchedulingIfMissing: true }), node("n1"))).toBe("0/1 nodes are available: 1 d CSI driver is not installed on the node.");
  });

  test("where a new volume has room, as far as its driver tells", () => {
    const capacity = (host: string, size: object): CSIStorageCapacity => ({
      apiVersion: "storage.k8s.io/v1",
      kind: "CSIStorageCapacity",
      metadata: { name: host, namespace: "d" },
      storageClassName: "slow",
      nodeTopology: { matchLabels: { "kubernetes.io/hostname": host } },
      ...size,
    });
    const drivers = (storageCapacity: boolean): CSIDriver[] => [{ apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: "p" }, spec: { storageCapacity } }];
    const capacities = [capacity("n1", { capacity: "500Mi" }), capacity("n2", { capacity: "5Gi", maximumVolumeSize: "1Gi" }), capacity("n3", { capacity: "5Gi", maximumVolumeSize: "1Mi" })];
    const world = { claims: [claim("c")], capacities, drivers: drivers(true) };
    expect(place(pod("p", "c"), world, node("n1"), node("n2"), node("n3"))).toBe("n2");
    expect(place(pod("p", "c"), world, node("n1"), node("n3"), node("n4"))).toBe("0/3 nodes are available: 3 node(s) did not have enough free storage.");
    expect(place(pod("p", "c"), { ...world, drivers: drivers(false) }, node("n4"))).toBe("n4");
  });
});

test("a claim takes the smallest volume that the node reaches, else a new one", () => {
  const delayed = (name: string, ...candidates: PersistentVolume[]) => ({ claim: claim(name), storageClass: storageClass("slow"), candidates, capacities: undefined });
  const big = volume("big", { capacity: { storage: "9Gi" } });
  const far = volume("far", on("n2"));
  const says = (choices: ReturnType<typeof chooseVolumes>) => choices?.map((choice) => (choice.do === "take" ? choice.volume.metadata.name : choice.do));
  expect(says(chooseVolumes([delayed("a", far, big), delayed("b", far, big)], node("n1").node))).toEqual(["big", "provision"]);
});
