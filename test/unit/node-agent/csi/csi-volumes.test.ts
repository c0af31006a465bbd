import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { CSINodeDriver, PersistentVolume, PersistentVolumeSpec, Pod } from "../../../../engine/resources/types.ts";
import type { CallOptions, GrpcChannel } from "../../../../engine/lib/grpc/grpc.ts";
import { openCsiDriver } from "../../../../node-agent/csi/csi-driver.ts";
import { computeNodeDrivers, computeNodePatch, NODE_ID_ANNOTATION } from "../../../../node-agent/csi/driver-registration.ts";
import { deviceDataDir, deviceLink, nodeVolumes, podVolumes, publishPath, stagedVolumes, stagingPath, writeVolumeData } from "../../../../node-agent/csi/volume-places.ts";
import { checkLifecycle, computeCapability, computeContext, ephemeralCsiVolume, givesToGroup, persistentCsiVolume, type CsiVolume } from "../../../../node-agent/csi/volume-request.ts";
import { aNode } from "../../../kit/objects.ts";

const volume = (more: Partial<CsiVolume> = {}): CsiVolume => ({
  name: "pv",
  driver: "d",
  handle: "h",
  lifecycle: "Persistent",
  readOnly: false,
  isBlock: false,
  fsType: "ext4",
  accessModes: ["ReadWriteOnce"],
  mountOptions: [],
  attributes: {},
  secrets: {},
  ...more,
});
const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "shop", uid: "u" }, spec: { containers: [], serviceAccountName: "clerk" } };
const persistent = (spec: Partial<PersistentVolumeSpec> = {}): PersistentVolume => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: "pv" },
  spec: { capacity: { storage: "2Gi" }, accessModes: ["ReadWriteOncePod"], csi: { driver: "d", volumeHandle: "h" }, ...spec },
});

describe("what a driver is told of a volume", () => {
  test.each([
    ["ReadWriteOnce", [], 1],
    ["ReadWriteOnce", ["SINGLE_NODE_MULTI_WRITER"], 7],
    ["ReadWriteOncePod", [], 1],
    ["ReadWriteOncePod", ["SINGLE_NODE_MULTI_WRITER"], 6],
    ["ReadOnlyMany", [], 3],
    ["ReadWriteMany", ["SINGLE_NODE_MULTI_WRITER"], 5],
  ] as const)("for %s, when it can %j, is access mode %d", (mode, capabilities, expected) => {
    expect(computeCapability(volume({ accessModes: [mode] }), new Set(capabilities), undefined).accessMode.mode).toBe(expected);
  });

  test("is the pod's group only when it gives files to groups itself", () => {
    const mounted = (capabilities: readonly "VOLUME_MOUNT_GROUP"[]) => computeCapability(volume({ mountOptions: ["noatime"] }), new Set(capabilities), 2000).accessType.value;
    expect([mounted([]), mounted(["VOLUME_MOUNT_GROUP"])]).toEqual([
      { fsType: "ext4", mountFlags: ["noatime"], volumeMountGroup: "" },
      { fsType: "ext4", mountFlags: ["noatime"], volumeMountGroup: "2000" },
    ]);
    expect(computeCapability(volume({ isBlock: true }), new Set(), 2000).accessType).toEqual({ case: "block", value: {} });
  });

  test("is the pod's name only when it wants that", () => {
    expect(computeContext(volume({ attributes: { a: "1" } }), {}, pod)).toEqual({ a: "1" });
    expect(computeContext(volume({ lifecycle: "Ephemeral" }), { podInfoOnMount: true }, pod)).toEqual({
      "csi.storage.k8s.io/pod.name": "web",
      "csi.storage.k8s.io/pod.namespace": "shop",
      "csi.storage.k8s.io/pod.uid": "u",
      "csi.storage.k8s.io/serviceAccount.name": "clerk",
      "csi.storage.k8s.io/ephemeral": "true",
    });
  });

  test("comes from the persistent volume, or from the pod", () => {
    expect(persistentCsiVolume(persistent({ volumeMode: "Block", mountOptions: ["ro"], csi: { driver: "d", volumeHandle: "h", nodeStageSecretRef: { name: "s", namespace: "x" } } }), true)).toEqual(
      volume({ readOnly: true, isBlock: true, fsType: "", accessModes: ["ReadWriteOncePod"], mountOptions: ["ro"], secrets: { stage: { name: "s", namespace: "x" } } }),
    );
    expect(() => persistentCsiVolume(persistent({ csi: undefined as never }), false)).toThrow('persistentvolume "pv" is not of a CSI driver');
    expect(ephemeralCsiVolume(pod, { name: "v", csi: { driver: "d", nodePublishSecretRef: { name: "s" } } })).toMatchObject({
      lifecycle: "Ephemeral",
      secrets: { publish: { name: "s", namespace: "shop" } },
      handle: expect.stringMatching(/^csi-[0-9a-f]{64}$/),
    });
  });
});

test("a volume of a life that its driver does not know is refused", () => {
  expect(() => checkLifecycle(volume(), undefined)).not.toThrow();
  expect(() => checkLifecycle(volume({ lifecycle: "Ephemeral" }), undefined)).toThrow('volume mode "Ephemeral" not supported by driver d (no CSIDriver object)');
  expect(() => checkLifecycle(volume({ lifecycle: "Ephemeral" }), { volumeLifecycleModes: ["Persistent"] })).toThrow(
    'volume mode "Ephemeral" not supported by driver d (only supports ["Persistent"])',
  );
  expect(() => checkLifecycle(volume({ lifecycle: "Ephemeral" }), { volumeLifecycleModes: ["Ephemeral"] })).not.toThrow();
});

test.each<[string, Partial<CsiVolume>, string | undefined, readonly "VOLUME_MOUNT_GROUP"[], boolean]>([
  ["a volume of one node with a file system", {}, undefined, [], true],
  ["one without a file system", { fsType: "" }, undefined, [], false],
  ["one of many nodes", { accessModes: ["ReadWriteMany"] }, undefined, [], false],
  ["one of many nodes whose driver has the policy File", { accessModes: ["ReadWriteMany"], fsType: "" }, "File", [], true],
  ["one whose driver has the policy None", {}, "None", [], false],
  ["one whose driver gives to groups itself", {}, "File", ["VOLUME_MOUNT_GROUP"], false],
  ["one that is only read", { readOnly: true }, "File", [], false],
  ["a device", { isBlock: true }, "File", [], false],
])("the pod's group gets the files of %s, or not", (_what, more, policy, capabilities, expected) => {
  expect(givesToGroup(volume(more), policy === undefined ? undefined : { fsGroupPolicy: policy }, new Set(capabilities))).toBe(expected);
});

describe("a driver in the node's CSINode", () => {
  const info = { nodeId: "m-1", volumesMax: 0, topology: { zone: "a", rack: "1" } };
  const known: CSINodeDriver = { name: "d", nodeID: "m-1", topologyKeys: ["rack", "zone"] };

  test("is added, left alone while it is the same, replaced when it has changed, and taken out", () => {
    const other: CSINodeDriver = { name: "other", nodeID: "x" };
    expect(computeNodeDrivers([other], "d", info)).toEqual([other, known]);
    const same = [{ ...known, topologyKeys: ["zone", "rack"] }];
    expect(computeNodeDrivers(same, "d", info)).toBe(same);
    expect(computeNodeDrivers([known, other], "d", { ...info, volumesMax: 2 ** 40 })).toEqual([other, { ...known, allocatable: { count: 2 ** 31 - 1 } }]);
    expect(computeNodeDrivers([known, other], "d", undefined)).toEqual([other]);
  });

  test("has its ID and its topology on the Node, where it takes no label that says something else", () => {
    const node = aNode("n");
    expect(computeNodePatch(node, "d", info)).toEqual({ metadata: { annotations: { [NODE_ID_ANNOTATION]: '{"d":"m-1"}' }, labels: { zone: "a", rack: "1" } } });
    const registered = { ...node, metadata: { ...node.metadata, labels: { zone: "a", rack: "1" }, annotations: { [NODE_ID_ANNOTATION]: '{"d":"m-1"}' } } };
    expect(computeNodePatch(registered, "d", info)).toBeUndefined();
    expect(computeNodePatch(registered, "e", undefined)).toBeUndefined();
    const oddly = { ...info, topology: { constructor: "a" } };
    expect(computeNodePatch(registered, "d", oddly)).toEqual({ metadata: { annotations: { [NODE_ID_ANNOTATION]: '{"d":"m-1"}' }, labels: { constructor: "a" } } });
    expect(computeNodePatch(registered, "d", undefined)).toEqual({ metadata: { annotations: { [NODE_ID_ANNOTATION]: null } } });
    expect(() => computeNodePatch(registered, "d", { ...info, topology: { zone: "b" } })).toThrow('detected topology value collision: driver reported "zone":"b" but existing label is "zone":"a"');
  });
});

test("what is mounted is known from the notes on the disk; a note that was cut short counts for nothing", () => {
  const root = mkdtempSync(path.join(os.tmpdir(), "places-"));
  try {
    const podDir = path.join(root, "pods", "u");
    expect([nodeVolumes(root), podVolumes(root, podDir)]).toEqual([[], []]);
    const target = publishPath(podDir, "pv");
    writeVolumeData(path.dirname(target), { driverName: "d", volumeHandle: "h", attachmentID: "a" });
    mkdirSync(path.dirname(publishPath(podDir, "cut")), { recursive: true });
    writeFileSync(path.join(path.dirname(publishPath(podDir, "cut")), "vol_data.json"), '{"driver');
    writeVolumeData(deviceDataDir(root, "raw"), { driverName: "d", volumeHandle: "r" });
    mkdirSync(path.dirname(deviceLink(podDir, "raw")), { recursive: true });
    symlinkSync("/nowhere", deviceLink(podDir, "raw"));
    writeVolumeData(path.dirname(stagingPath(root, "d", "h")), { driverName: "d", volumeHandle: "h" });
    expect(podVolumes(root, podDir)).toEqual([
      { data: { specVolID: "pv", driverName: "d", volumeHandle: "h", attachmentID: "a" }, isBlock: false, target },
      { data: { specVolID: "raw", driverName: "d", volumeHandle: "r" }, isBlock: true, target: path.join(root, "plugins/kubernetes.io/csi/volumeDevices/publish/raw/u") },
    ]);
    expect(stagedVolumes(root).map(({ data, isBlock }) => [data.volumeHandle, isBlock])).toEqual([
      ["h", false],
      ["r", true],
    ]);
    expect(nodeVolumes(root).map(({ volumeHandle }) => volumeHandle)).toEqual(["h", "r", "h", "r"]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test("a note is replaced whole, so that one cut short leaves what was there, and only when it says something else", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "note-"));
  const [note, before] = [path.join(folder, "vol_data.json"), path.join(folder, "before")];
  try {
    writeVolumeData(folder, { driverName: "d", volumeHandle: "h" });
    linkSync(note, before);
    writeVolumeData(folder, { volumeHandle: "h", driverName: "d" });
    expect(statSync(note).ino).toBe(statSync(before).ino);
    writeVolumeData(folder, { driverName: "d", volumeHandle: "h", nodeName: "n" });
    expect([note, before].map((file) => JSON.parse(readFileSync(file, "utf8")))).toEqual([
      { driverName: "d", volumeHandle: "h", nodeName: "n" },
      { driverName: "d", volumeHandle: "h" },
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a driver that does not say how full a volume is does not keep the agent's pages from who reads them", async () => {
  const asked: (number | undefined)[] = [];
  const unary = async (_method: unknown, _request: unknown, { timeoutMs }: CallOptions) => {
    asked.push(timeoutMs);
    return { usage: [] };
  };
  const driver = openCsiDriver("d", { unary } as unknown as GrpcChannel, new AbortController().signal); // nothing else of it is used
  await driver.unstage("h", "/staging");
  await driver.usage("h", "/place", "/staging");
  expect(asked).toEqual([120_000, 5_000]);
});
