import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import { describeError } from "../../../../engine/lib/log.ts";
import type { Pod, Volume } from "../../../../engine/resources/types.ts";
import { followsDevice } from "../../../../node-agent/volumes/claim-volume.ts";
import { chooseFileSystem, mountDevice, parseProbe, planFormat, planGrowth } from "../../../../node-agent/volumes/device-volume.ts";
import { planNfsMount } from "../../../../node-agent/volumes/nfs-volume.ts";
import { MountError, type VolumeSources } from "../../../../node-agent/volumes/volume-plugin.ts";
import { modeProblem } from "../../../../node-agent/volumes/used-volumes.ts";
import { areProvided, hasLiveVolumes, mountVolumes } from "../../../../node-agent/volumes/volumes.ts";
import { isReadOnlyVolume } from "../../../../node-agent/pods/start/start-container.ts";
import { aPod } from "../../../kit/objects.ts";

const at = (name: string) => ({ name, mountPath: `/${name}` });

describe("a device as a folder", () => {
  test.each([
    ["", {}],
    ["DEVNAME=/dev/x\nTYPE=ext4\n", { type: "ext4" }],
    ["DEVNAME=/dev/x\nPTTYPE=gpt\n", { partitions: "gpt" }],
  ])("is looked at before anything is written to it: %j", (text, content) => {
    expect(parseProbe(text)).toEqual(content);
  });

  test("gets a file system when it is empty, and only then", () => {
    expect(planFormat("/dev/x", {}, "ext4")).toEqual({ program: "mkfs.ext4", args: ["-F", "-m0", "/dev/x"] });
    expect(planFormat("/dev/x", {}, "xfs")).toEqual({ program: "mkfs.xfs", args: ["-f", "/dev/x"] });
    expect(planFormat("/dev/x", {}, "btrfs")).toEqual({ program: "mkfs.btrfs", args: ["/dev/x"] });
    expect(planFormat("/dev/x", { type: "ext4" }, "ext4")).toBeUndefined();
    expect(() => planFormat("/dev/x", { type: "LVM2_member" }, "ext4")).toThrow('device "/dev/x" holds LVM2_member and not ext4');
    expect(() => planFormat("/dev/x", { partitions: "gpt" }, "ext4")).toThrow("has a partition table (gpt) and no file system");
  });

  test("gets ext4 when its volume names no file system, or an empty one", () => {
    expect([undefined, "", "xfs"].map(chooseFileSystem)).toEqual(["ext4", "ext4", "xfs"]);
  });
});

test.each([
  ["ext4", { program: "resize2fs", args: ["/dev/x"] }],
  ["ext2", { program: "resize2fs", args: ["/dev/x"] }],
  ["xfs", { program: "xfs_growfs", args: ["-d", "/p"] }],
  ["btrfs", { program: "btrfs", args: ["filesystem", "resize", "max", "/p"] }],
  [undefined, undefined],
])("a file system grows while it is mounted, by its own program: %s", (type, command) => {
  expect(planGrowth("/dev/x", type, "/p")).toEqual(command);
});

test("a file system that does not grow is named", () => {
  expect(() => planGrowth("/dev/x", "squashfs", "/p")).toThrow('device "/dev/x" holds squashfs, which does not grow');
});

test("a file system whose programs the node lacks is named, with what has them", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "mainstay-device-"));
  const device = path.join(folder, "empty");
  writeFileSync(device, Buffer.alloc(1 << 20));
  try {
    await expect(mountDevice(device, path.join(folder, "place"), "none").catch(describeError)).resolves.toMatch(
      /could not be mounted as none: mkfs\.none is not on this node; install what has it \(e2fsprogs for ext4, /,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe("a folder of an NFS server", () => {
  test.each([
    [{ server: "nfs.example", path: "/export" }, [], ["-t", "nfs", "nfs.example:/export", "/p"]],
    [{ server: "2001:db8::1", path: "/", readOnly: true }, ["hard", "nfsvers=4.1"], ["-t", "nfs", "-o", "ro,hard,nfsvers=4.1", "[2001:db8::1]:/", "/p"]],
  ])("is mounted with what the volume says: %j %j", (source, options, args) => {
    expect(planNfsMount(source, "/p", options)).toEqual(args);
  });
});

test.each<[boolean, Omit<Volume, "name">]>([
  [true, { configMap: { name: "m" } }],
  [true, { secret: { secretName: "s" } }],
  [true, { downwardAPI: {} }],
  [true, { projected: { sources: [] } }],
  [true, { csi: { driver: "d", readOnly: true } }],
  [true, { nfs: { server: "s", path: "/", readOnly: true } }],
  [true, { persistentVolumeClaim: { claimName: "c", readOnly: true } }],
  [false, { csi: { driver: "d" } }],
  [false, { nfs: { server: "s", path: "/" } }],
  [false, { persistentVolumeClaim: { claimName: "c" } }],
  [false, { emptyDir: {} }],
  [false, { hostPath: { path: "/" } }],
])("no container writes to a volume whose files the agent makes, or that says so (%s): %j", (isReadOnly, source) => {
  expect(isReadOnlyVolume(aPod("p", { spec: { containers: [], volumes: [{ name: "v", ...source }] } }), "v")).toBe(isReadOnly);
});

test("a volume of objects has a bound, however often a pod names them", async () => {
  const podDir = mkdtempSync(path.join(os.tmpdir(), "volumes-"));
  try {
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m" }, binaryData: { file: Buffer.alloc(1 << 20).toString("base64") } };
    const sources = { csi: { follows: () => false }, nowMs: () => 0, configMap: async () => map } as unknown as VolumeSources; // nothing else is used
    const parts = Array.from({ length: 65 }, (_, index) => ({ configMap: { name: "m", items: [{ key: "file", path: `file-${index}` }] } }));
    const pod = aPod("p", {
      spec: { containers: [{ name: "c", image: "i", volumeMounts: [at("v")] }], volumes: [{ name: "v", projected: { sources: parts } }] },
    });
    await expect(mountVolumes(pod, podDir, sources)).rejects.toThrow('for volume "v" : its files have more than 67108864 bytes');
  } finally {
    rmSync(podDir, { recursive: true });
  }
});

test("a claim's device is looked at again while a pod has it, and other places are not", () => {
  const claimed = { name: "v", persistentVolumeClaim: { claimName: "c" } };
  expect(followsDevice(claimed, "/root/pods/u/volumes/kubernetes.io~local-volume/pv")).toBe(true);
  expect(followsDevice(claimed, undefined)).toBe(false);
  expect(followsDevice(claimed, os.tmpdir())).toBe(false);
  expect(followsDevice(claimed, "/nowhere")).toBe(false);
  expect(followsDevice({ name: "v", emptyDir: {} }, "/root/pods/u/volumes/kubernetes.io~local-volume/pv")).toBe(false);
});

test("of a pod's volumes, one that cannot be brought up to date keeps none of the others from it", async () => {
  const podDir = mkdtempSync(path.join(os.tmpdir(), "volumes-"));
  try {
    let content = "old";
    let isAway = false;
    const csi = { mount: async () => (isAway ? Promise.reject(new MountError("driver is away")) : "/driver"), follows: () => true, unmountPod: async () => {} };
    const sources = { csi, nowMs: () => 0, configMap: async () => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m" }, data: { file: content } }) } as unknown as VolumeSources; // nothing else is used
    const pod: Pod = aPod("p", {
      spec: {
        containers: [{ name: "c", volumeMounts: [at("a"), at("b")] }],
        volumes: [
          { name: "a", csi: { driver: "d" } },
          { name: "b", configMap: { name: "m" } },
        ],
      },
    });
    const places = await mountVolumes(pod, podDir, sources);
    const file = path.join(places.get("b") ?? "", "file");
    expect(readFileSync(file, "utf8")).toBe("old");
    [content, isAway] = ["new", true];
    await expect(mountVolumes(pod, podDir, sources, places)).rejects.toThrow("driver is away");
    expect(readFileSync(file, "utf8")).toBe("new");
    await expect(mountVolumes(pod, podDir, sources)).rejects.toThrow("driver is away");
  } finally {
    rmSync(podDir, { recursive: true });
  }
});

test.each<[string, Volume, string]>([
  ["a pod's own", { name: "v", hostPath: { path: "/no/such/place", type: "Socket" } }, 'for volume "v" : hostPath type check failed: /no/such/place is not a socket file'],
  ["a claim's", { name: "v", persistentVolumeClaim: { claimName: "data" } }, 'for volume "pv-1" : '],
  ["of a missing claim", { name: "v", persistentVolumeClaim: { claimName: "none" } }, 'for volume "v" : persistentvolumeclaim "none" not found'],
  ["of another kind", { name: "v", fc: {} }, 'for volume "v" : volumes of type fc are not supported on this node'],
])("a volume that cannot be made is named with what is wrong, %s", async (_whose, volume, expected) => {
  const missing = async () => Promise.reject(new StatusError("NotFound", "not found", {}));
  const claim = async (_namespace: string, name: string) => (name === "data" ? { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name }, spec: { volumeName: "pv-1" } } : missing());
  const sources = { claim, persistentVolume: missing, csi: { follows: () => false } } as unknown as VolumeSources; // nothing else is used
  await expect(mountVolumes(aPod("p", { spec: { containers: [{ name: "c", volumeMounts: [at("v")] }], volumes: [volume] } }), "/none", sources)).rejects.toThrow(expected);
});

describe("a volume that none of a pod's containers uses", () => {
  const csi = { mount: async () => "/driver", follows: () => true, unmountPod: async () => {} };
  const sources = { csi } as unknown as VolumeSources; // nothing else is used
  const volumes: readonly Volume[] = [
    { name: "mounted", csi: { driver: "d" } },
    { name: "device", csi: { driver: "d" } },
    { name: "unused", fc: {} },
  ];
  const container = { name: "c", volumeMounts: [at("mounted")] };
  const started = { name: "i", volumeDevices: [{ name: "device", devicePath: "/dev/x" }] };

  test("is not provided", async () => {
    const pod = aPod("p", { spec: { initContainers: [started], containers: [container], volumes } });
    const places = await mountVolumes(pod, "/none", sources);
    expect([[...places.keys()], areProvided(pod, places)]).toEqual([["mounted", "device"], true]);
    expect(hasLiveVolumes(aPod("p", { spec: { containers: [], volumes } }), csi)).toBe(false);
  });

  test("is when a container for debugging comes to use it", async () => {
    const pod = aPod("p", { spec: { containers: [container], volumes } });
    const places = await mountVolumes(pod, "/none", sources);
    const debugged = aPod("p", { spec: { containers: [container], ephemeralContainers: [{ name: "e", volumeMounts: [at("device")] }], volumes } });
    expect([areProvided(pod, places), areProvided(debugged, places)]).toEqual([true, false]);
    expect([...(await mountVolumes(debugged, "/none", sources, places)).keys()]).toEqual(["mounted", "device"]);
  });
});

test("a volume is a folder or a device, as its containers have to take it", () => {
  const pod = aPod("p", { spec: { containers: [{ name: "c", volumeMounts: [at("a")], volumeDevices: [{ name: "b", devicePath: "/dev/x" }] }] } });
  expect(
    [
      ["a", "Filesystem"],
      ["a", "Block"],
      ["b", "Filesystem"],
      ["b", "Block"],
    ].map(([name, mode]) => modeProblem(pod, name ?? "", mode ?? "")),
  ).toEqual([undefined, "volume a has volumeMode Block, but is specified in volumeMounts", "volume b has volumeMode Filesystem, but is specified in volumeDevices", undefined]);
});
