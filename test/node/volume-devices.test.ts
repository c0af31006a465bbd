import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PersistentVolumeClaim } from "../../engine/resources/types.ts";
import { readMounts } from "../../node-agent/volumes/mounts.ts";
import { eventually, requireRoot } from "../kit/mainstay.ts";
import { shell, startRealNode, type RealNode } from "./real-node.ts";
import { at, claim, isOver, isUp, once, says, using } from "./volume-shapes.ts";

const CAP_SYS_RESOURCE = 1 << 24;
const canRun = requireRoot();
let node: RealNode;
beforeAll(async () => {
  // Volumes that are in use are looked at again as often as this; a minute, where nobody says otherwise.
  if (canRun) node = await startRealNode("vd", undefined, { MAINSTAY_SYNC_FREQUENCY: "10s" });
}, 180_000);
afterAll(() => node?.stop(), 120_000);

/** A block device of so many MiB, which may grow. */
function makeDevice(sizeMib: number) {
  const file = path.join(mkdtempSync(path.join(os.tmpdir(), "device-")), "disk");
  writeFileSync(file, "");
  truncateSync(file, sizeMib << 20);
  const device = execFileSync("losetup", ["-f", "--show", file], { encoding: "utf8" }).trim();
  return {
    device,
    grow: (toMib: number) => {
      truncateSync(file, toMib << 20);
      execFileSync("losetup", ["-c", device]);
    },
    release: () => {
      execFileSync("losetup", ["-d", device]);
      rmSync(path.dirname(file), { recursive: true });
    },
  };
}

/** A volume of this node that is a device, in a class of its own name. */
const onDevice = (name: string, device: string, more: object) => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name },
  spec: {
    capacity: { storage: "16Mi" },
    accessModes: ["ReadWriteOnce"],
    storageClassName: name,
    local: { path: device, fsType: "" },
    nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node.host.name] }] }] } },
    ...more,
  },
});

test.skipIf(!canRun)(
  "a block device is a device for who asks for one, and for others a folder with a file system that is made once",
  async () => {
    const { device, release } = makeDevice(16);
    try {
      await node.apply(
        onDevice("folder", device, {}),
        claim("folder", { storageClassName: "folder" }),
        onDevice("raw", device, { volumeMode: "Block" }),
        claim("raw", { storageClassName: "raw", volumeMode: "Block" }),
      );
      for (const name of ["first", "second"]) {
        await node.create(name, {
          ...once,
          ...using("folder"),
          securityContext: { fsGroup: 2000 },
          containers: [shell("echo $HOSTNAME >> /data/names; cat /data/names > /dev/termination-log; stat -c %g /data >> /dev/termination-log", at("/data"))],
        });
        expect(says(await node.until(name, isOver, 60_000))).toBe(name === "first" ? "first\n2000" : "first\nsecond\n2000");
        await node.kubectl("delete", "pod", name, "--wait=true");
      }
      await node.create("raw", {
        ...once,
        ...using("raw"),
        containers: [
          shell(
            "exec > /dev/termination-log; test -b /dev/raw && echo device; dd if=/dev/raw bs=2 skip=540 count=1 2>/dev/null | md5sum; dd if=/dev/zero of=/dev/raw bs=4096 count=1 2>/dev/null && echo written",
            { volumeDevices: [{ name: "v", devicePath: "/dev/raw" }] },
          ),
        ],
      });
      // The file system that the others had is there, by its mark, and may be overwritten: the device is this pod's.
      const mark = createHash("md5")
        .update(Buffer.from([0x53, 0xef]))
        .digest("hex");
      expect(says(await node.until("raw", isOver, 60_000))).toBe(`device\n${mark}  -\nwritten`);
    } finally {
      await node.kubectl("delete", "pod/first", "pod/second", "pod/raw", "pvc/folder", "pvc/raw", "pv/folder", "pv/raw", "--ignore-not-found", "--wait=true").finally(release);
    }
    expect(readMounts().some(({ place }) => place.startsWith(node.dataDir) && place.includes("kubernetes.io~local-volume"))).toBe(false);
  },
  150_000,
);

describe.skipIf(!canRun)("the file system on a device grows with its claim", () => {
  // The kernel lets ext4 grow for those alone who may exceed limits, which root may not on every machine; there xfs shows the same, if its programs are there.
  const mayExceed = (Number.parseInt(/^CapEff:\s*(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]?.slice(-8) ?? "0", 16) & CAP_SYS_RESOURCE) !== 0;
  const fsType = mayExceed || !existsSync("/usr/sbin/xfs_growfs") ? "ext4" : "xfs";
  const canGrow = mayExceed || fsType === "xfs";
  let disk: ReturnType<typeof makeDevice>;
  beforeAll(async () => {
    disk = makeDevice(320);
    await node.apply(
      { apiVersion: "storage.k8s.io/v1", kind: "StorageClass", metadata: { name: "growing" }, provisioner: "kubernetes.io/no-provisioner", allowVolumeExpansion: true },
      onDevice("growing", disk.device, { capacity: { storage: "320Mi" }, local: { path: disk.device, fsType } }),
      claim("growing", { storageClassName: "growing" }),
    );
    await start();
  });
  afterAll(async () => {
    await node.kubectl("delete", "pod/growing", "pvc/growing", "pv/growing", "storageclass/growing", "--ignore-not-found", "--wait=true").finally(disk.release);
  }, 60_000);
  const create = () => node.create("growing", { ...using("growing"), containers: [shell("sleep 1000", at("/data"))] });
  const start = async () => {
    await create();
    await node.until("growing", isUp, 60_000);
  };
  const grow = async (size: number, status: object) => {
    disk.grow(size);
    const storage = `${size}Mi`;
    await node.kubectl("patch", "pvc", "growing", "-p", JSON.stringify({ spec: { resources: { requests: { storage } } } }));
    await node.kubectl("patch", "pv", "growing", "-p", JSON.stringify({ spec: { capacity: { storage } } }));
    await node.kubectl("patch", "pvc", "growing", "--subresource=status", "--type=merge", "-p", JSON.stringify({ status }));
  };
  const room = async () => Number((await node.kubectl("exec", "growing", "--", "sh", "-c", "df -m /data | awk 'END { print $2 }'")).trim());
  const known = async () => (await node.json<PersistentVolumeClaim>("pvc", "growing")).status;

  /** What the kernel says is passed on. */
  const refused = async (reason: string) => {
    const refusal = await eventually(
      async () => (await node.events("growing")).find((event) => event.startsWith(reason)),
      (event) => event !== undefined,
      150_000,
    );
    expect(refusal).toContain(`the file system on device "${disk.device}" could not be grown`);
    expect(refusal).toContain("Permission denied to resize filesystem");
  };

  test("while a pod has it", async () => {
    expect(await room()).toBeLessThan(320);
    await grow(480, { allocatedResources: { storage: "480Mi" }, allocatedResourceStatuses: { storage: "NodeResizePending" } });
    if (!canGrow) return refused("VolumeResizeFailed");
    expect((await eventually(known, (status) => status?.allocatedResourceStatuses === undefined, 90_000))?.capacity).toEqual({ storage: "480Mi" });
    expect(await room()).toBeGreaterThan(360);
    expect(await node.events("growing")).toContainEqual('FileSystemResizeSuccessful: MountVolume.NodeExpandVolume succeeded for volume of claim "growing"');
  }, 200_000);

  test("when a pod gets it, with nothing but the volume's size to tell of it", async () => {
    await node.kubectl("delete", "pod", "growing", "--wait=true");
    await grow(640, { allocatedResources: null, allocatedResourceStatuses: null });
    if (!canGrow) {
      await create();
      return refused("FailedMount");
    }
    await start();
    expect((await known())?.capacity).toEqual({ storage: "640Mi" });
    expect(await room()).toBeGreaterThan(520);
  }, 200_000);
});
