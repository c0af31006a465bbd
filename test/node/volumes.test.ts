import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CSINode, Node, PersistentVolume, PersistentVolumeClaim, Pod, VolumeAttachment } from "../../engine/resources/types.ts";
import { containerdPaths } from "../../node-agent/cri/containerd.ts";
import { mountsBelow, readMounts } from "../../node-agent/volumes/mounts.ts";
import { CsiTestDriver } from "../kit/csi-driver.ts";
import { eventually, requireRoot } from "../kit/mainstay.ts";
import { container, IMAGE, shell, startRealNode, type RealNode } from "./real-node.ts";

const canRun = requireRoot();
const CAP_SYS_RESOURCE = 1 << 24;
let node: RealNode;
beforeAll(async () => {
  // Volumes that are in use are looked at again as often as this; a minute, where nobody says otherwise.
  if (canRun) node = await startRealNode("vo", undefined, { MAINSTAY_SYNC_FREQUENCY: "10s" });
}, 180_000);
afterAll(() => node?.stop(), 120_000);

const claim = (name: string, spec: object = {}) => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name, namespace: "default" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } }, ...spec },
});
const using = (claimName: string, more: object = {}) => ({ volumes: [{ name: "v", persistentVolumeClaim: { claimName, ...more } }] });
const at = (mountPath: string, more: object = {}) => ({ volumeMounts: [{ name: "v", mountPath, ...more }] });
/** A pod that runs once; its last words are what it printed into its termination message. */
const once = { restartPolicy: "Never" };
/** Without the end of the last line, which is kept as it was written. */
const says = (pod: Pod) => (container(pod)?.state?.terminated?.message ?? "").trimEnd();
const isUp = (pod: Pod) => container(pod)?.ready === true;
const isOver = (pod: Pod) => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
const json = async <T>(...args: string[]) => JSON.parse(await node.kubectl("get", ...args, "-o", "json")) as T; // kubectl printed it

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

describe.skipIf(!canRun)("a claim", () => {
  test("gets a folder of the node that its first pod runs on, keeps it for the next, and takes it along", async () => {
    await node.apply(claim("data"));
    expect(await node.kubectl("get", "pvc", "data", "--no-headers")).toMatch(/^data\s+Pending\s+local-path\s+<unset>/);
    await node.create("writer", { ...once, ...using("data"), containers: [shell("echo kept > /data/file; id -u > /dev/termination-log", { ...at("/data"), securityContext: { runAsUser: 1234 } })] });
    expect(says(await node.until("writer", isOver))).toBe("1234");
    expect(await node.kubectl("get", "pvc", "data", "--no-headers")).toMatch(/^data\s+Bound\s+pvc-\S+\s+1Mi\s+RWO\s+local-path/);
    const volume = (await json<PersistentVolumeClaim>("pvc", "data")).spec?.volumeName ?? "";
    const folder = (await json<PersistentVolume>("pv", volume)).spec?.local?.path ?? "";
    expect(readFileSync(path.join(folder, "file"), "utf8")).toBe("kept\n");

    await node.create("reader", {
      ...once,
      ...using("data", { readOnly: true }),
      containers: [shell("cat /data/file > /dev/termination-log; echo more > /data/other || echo refused >> /dev/termination-log", at("/data"))],
    });
    expect(says(await node.until("reader", isOver))).toBe("kept\nrefused");
    for (const name of ["writer", "reader"]) await node.kubectl("delete", "pod", name, "--wait=true");
    expect(existsSync(path.join(folder, "file"))).toBe(true);

    await node.kubectl("delete", "pvc", "data", "--wait=true");
    await eventually(
      async () => node.kubectl("get", "pv", "--no-headers", "--ignore-not-found"),
      (text) => !text.includes(volume),
      60_000,
    );
    expect(existsSync(folder)).toBe(false);
  }, 120_000);

  test("that a pod uses does not go before it, and one that was never used goes without a trace", async () => {
    await node.apply(claim("busy"), claim("idle"));
    await node.create("user", { ...using("busy"), containers: [shell("sleep 1000", at("/data"))] });
    await node.until("user", (pod) => container(pod)?.ready === true);
    await node.kubectl("delete", "pvc", "busy", "idle", "--wait=false");
    await eventually(
      () => node.kubectl("get", "pvc", "--no-headers", "--ignore-not-found"),
      (text) => !text.includes("idle") && /busy\s+Terminating/.test(text),
      30_000,
    );
    await node.kubectl("delete", "pod", "user", "--wait=true");
    await eventually(
      () => node.kubectl("get", "pvc,pv", "--no-headers", "--ignore-not-found"),
      (text) => text.trim() === "",
      60_000,
    );
  }, 120_000);

  test("of a pod alone comes and goes with it", async () => {
    await node.create("scratch", {
      containers: [shell("echo x > /data/x; sleep 1000", at("/data"))],
      volumes: [{ name: "v", ephemeral: { volumeClaimTemplate: { spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } } } } }],
    });
    await node.until("scratch", (pod) => container(pod)?.ready === true);
    expect(await node.kubectl("get", "pvc", "scratch-v", "--no-headers")).toContain("Bound");
    await node.kubectl("delete", "pod", "scratch", "--wait=true");
    await eventually(
      () => node.kubectl("get", "pvc,pv", "--no-headers", "--ignore-not-found"),
      (text) => text.trim() === "",
      60_000,
    );
  }, 120_000);

  test("for a volume made by hand mounts it, and a pod says what it waits for", async () => {
    await node.create("early", { ...once, ...using("hand"), containers: [shell("ls /data > /dev/termination-log", at("/data"))] });
    await eventually(
      () => node.pod("early"),
      (pod) =>
        pod.status?.conditions?.find(({ type }) => type === "PodScheduled")?.message ===
        '0/1 nodes are available: persistentvolumeclaim "hand" not found. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
      30_000,
    );
    const place = path.join(node.dataDir, "by-hand");
    await node.apply(
      {
        apiVersion: "v1",
        kind: "PersistentVolume",
        metadata: { name: "hand" },
        spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], storageClassName: "manual", hostPath: { path: place, type: "DirectoryOrCreate" } },
      },
      claim("hand", { storageClassName: "manual" }),
    );
    expect((await node.until("early", isOver, 60_000)).status?.phase).toBe("Succeeded");
    await node.kubectl("delete", "pod/early", "pvc/hand", "--wait=true");
    await eventually(
      () => node.kubectl("get", "pv", "hand", "--no-headers"),
      (text) => text.includes("Released"),
      30_000,
    );
    await node.kubectl("delete", "pv", "hand", "--wait=true");
    expect(existsSync(place)).toBe(true);
  }, 120_000);
});

test.skipIf(!canRun)(
  "each pod of a StatefulSet has a volume of its own that it finds again, and the last one out turns off the light",
  async () => {
    const labels = { app: "db" };
    const template = {
      metadata: { labels },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          shell("echo $HOSTNAME >> /data/names; sleep 1000", {
            volumeMounts: [{ name: "data", mountPath: "/data" }],
            env: [{ name: "HOSTNAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
          }),
        ],
      },
    };
    await node.apply(
      { apiVersion: "v1", kind: "Service", metadata: { name: "db", namespace: "default" }, spec: { clusterIP: "None", selector: labels, ports: [{ port: 80 }] } },
      {
        apiVersion: "apps/v1",
        kind: "StatefulSet",
        metadata: { name: "db", namespace: "default" },
        spec: {
          replicas: 2,
          serviceName: "db",
          selector: { matchLabels: labels },
          persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Retain" },
          template,
          volumeClaimTemplates: [{ metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } } }],
        },
      },
    );
    const names = (pod: string) => node.kubectl("exec", pod, "--", "cat", "/data/names");
    await node.until("db-1", isUp, 60_000);
    expect([await names("db-0"), await names("db-1")]).toEqual(["db-0\n", "db-1\n"]);
    const { uid } = (await node.pod("db-0")).metadata;
    await node.kubectl("delete", "pod", "db-0", "--wait=true");
    await node.until("db-0", (pod) => pod.metadata.uid !== uid && isUp(pod), 60_000);
    expect(await names("db-0")).toBe("db-0\ndb-0\n");
    await node.kubectl("delete", "statefulset/db", "service/db", "--wait=true");
    await eventually(
      () => node.kubectl("get", "pvc,pv", "--no-headers", "--ignore-not-found"),
      (text) => text.trim() === "",
      60_000,
    );
  },
  180_000,
);

test.skipIf(!canRun)(
  "what one container mounts in a volume others see when both want it, and it is gone with the pod",
  async () => {
    const mounting = shell("mount -t tmpfs tmpfs /data/m && echo seen > /data/m/file; sleep 1000", {
      name: "mounting",
      securityContext: { privileged: true },
      volumeMounts: [{ name: "v", mountPath: "/data", mountPropagation: "Bidirectional" }],
    });
    const seeing = shell("until cat /data/m/file > /dev/termination-log; do sleep 0.2; done; sleep 1000", { volumeMounts: [{ name: "v", mountPath: "/data", mountPropagation: "HostToContainer" }] });
    await node.create("mounts", { volumes: [{ name: "v", emptyDir: {} }], initContainers: [{ ...shell("mkdir /data/m", at("/data")), name: "init" }], containers: [mounting, seeing] });
    await node.until("mounts", (pod) => container(pod)?.ready === true && container(pod, "mounting")?.ready === true);
    await eventually(
      () => node.kubectl("exec", "mounts", "-c", "main", "--", "cat", "/data/m/file"),
      (text) => text === "seen\n",
      30_000,
    );
    await node.kubectl("delete", "pod", "mounts", "--wait=true");
  },
  90_000,
);

test.skipIf(!canRun)("what the agent makes of objects cannot be written by any container, as it follows its own links there", async () => {
  await node.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "made", namespace: "default" }, data: { file: "1" } });
  await node.create("writer", {
    ...once,
    containers: [
      shell("for place in /v /part /own /var/run/secrets/kubernetes.io/serviceaccount; do touch $place/new 2>&1 | grep -c 'Read-only'; done > /dev/termination-log", {
        volumeMounts: [
          { name: "v", mountPath: "/v" },
          { name: "p", mountPath: "/part" },
          { name: "d", mountPath: "/own" },
        ],
      }),
    ],
    volumes: [
      { name: "v", configMap: { name: "made" } },
      { name: "p", projected: { sources: [{ configMap: { name: "made" } }] } },
      { name: "d", downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } },
    ],
  });
  expect(says(await node.until("writer", isOver))).toBe("1\n1\n1\n1");
  await node.kubectl("delete", "pod", "writer", "--wait=true");
});

describe.skipIf(!canRun)("a part of a volume", () => {
  test("is made when it is missing, and named by the pod's own facts", async () => {
    await node.create("parts", {
      ...once,
      volumes: [{ name: "v", emptyDir: {} }],
      initContainers: [{ ...shell("echo one > /all/file", at("/all")), name: "init" }],
      containers: [
        shell("echo two > /deep/x; ls /deep /own > /dev/termination-log; cat /one >> /dev/termination-log", {
          env: [{ name: "WHO", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
          volumeMounts: [
            { name: "v", mountPath: "/deep", subPath: "a/b" },
            { name: "v", mountPath: "/own", subPathExpr: "logs/$(WHO)" },
            { name: "v", mountPath: "/one", subPath: "file" },
          ],
        }),
      ],
    });
    expect(says(await node.until("parts", isOver))).toBe("/deep:\nx\n\n/own:\none");
    await node.kubectl("delete", "pod", "parts", "--wait=true");
  }, 60_000);

  test("never is something outside of it, whatever links lie in the volume", async () => {
    await node.create("escape", {
      ...once,
      volumes: [{ name: "v", emptyDir: {} }],
      initContainers: [{ ...shell("ln -s /etc /all/out", at("/all")), name: "init" }],
      containers: [shell("ls /out", { volumeMounts: [{ name: "v", mountPath: "/out", subPath: "out" }] })],
    });
    const pod = await node.until("escape", (seen) => container(seen)?.state?.waiting?.reason === "CreateContainerConfigError");
    expect(container(pod)?.state?.waiting?.message).toContain('subPath "out" leaves the volume "v"');
    await node.kubectl("delete", "pod", "escape", "--wait=true");
  }, 60_000);

  test("leaves nothing mounted when its pod is gone", () => {
    expect(mountsBelow(path.join(node.dataDir, "agent", "kubelet", "pods"))).toEqual([]);
    expect(readdirSync(path.join(node.dataDir, "agent", "kubelet", "pods"))).toEqual([]);
  });
});

test.skipIf(!canRun)(
  "volumes belong to the pod's group, in memory as on disk, and memory is bounded",
  async () => {
    await node.create("group", {
      ...once,
      securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000 },
      volumes: [{ name: "v", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } }],
      containers: [
        shell(
          "touch /data/x; stat -c %g /data/x > /dev/termination-log; stat -c %a /data >> /dev/termination-log; dd if=/dev/zero of=/data/big bs=1M count=2 2>/dev/null || echo full >> /dev/termination-log",
          at("/data"),
        ),
      ],
    });
    expect(says(await node.until("group", isOver))).toBe("2000\n3777\nfull");
    await node.create("files", {
      ...once,
      securityContext: { runAsUser: 1000, fsGroup: 2000 },
      volumes: [{ name: "v", configMap: { name: "kube-root-ca.crt", defaultMode: 0o400 } }],
      containers: [shell("stat -L -c %u,%g,%a /var/run/secrets/kubernetes.io/serviceaccount/token /data/ca.crt > /dev/termination-log; head -c 10 /data/ca.crt >> /dev/termination-log", at("/data"))],
    });
    expect(says(await node.until("files", isOver))).toMatch(/^1000,2000,640\n0,2000,440\n-----BEGIN/);
    await node.apply(claim("grouped"));
    await node.create("owned", {
      ...once,
      securityContext: { runAsUser: 1000, fsGroup: 2000 },
      ...using("grouped"),
      containers: [shell("touch /data/x; stat -c %g,%a /data /data/x > /dev/termination-log", at("/data"))],
    });
    expect(says(await node.until("owned", isOver))).toMatch(/^2000,2777\n2000,/);
    await node.kubectl("delete", "pod/group", "pod/files", "pod/owned", "pvc/grouped", "--wait=true");
  },
  90_000,
);

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
  const known = async () => (await json<PersistentVolumeClaim>("pvc", "growing")).status;

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

test.skipIf(!canRun)(
  "a claim for one pod alone is not given to a second that came without a scheduler, until the first has gone",
  async () => {
    await node.apply(claim("alone", { accessModes: ["ReadWriteOncePod"] }));
    await node.create("first", { ...using("alone"), containers: [shell("sleep 1000", at("/data"))] });
    await node.until("first", isUp, 60_000);
    await node.create("second", { nodeName: node.host.name, ...using("alone"), containers: [shell("sleep 1000", at("/data"))] });
    const refusal = /^FailedMount: MountVolume\.SetUp failed for volume "pvc-[0-9a-f-]{36}" : volume uses the ReadWriteOncePod access mode and is already in use by another pod$/;
    await eventually(
      () => node.events("second"),
      (events) => events.some((event) => refusal.test(event)),
      30_000,
    );
    expect(container(await node.pod("second"))?.state?.waiting?.reason).toBe("ContainerCreating");
    await node.kubectl("delete", "pod", "first", "--wait=true");
    await node.until("second", isUp, 60_000);
    await node.kubectl("delete", "pod/second", "pvc/alone", "--wait=true");
  },
  150_000,
);

describe.skipIf(!canRun)("an image as a volume", () => {
  const snapshots = () => execFileSync("ctr", ["-a", containerdPaths(path.join(node.dataDir, "agent")).socket, "-n", "k8s.io", "snapshots", "ls"], { encoding: "utf8" });
  const image = (pullPolicy?: string, reference = IMAGE) => ({ volumes: [{ name: "v", image: { reference, ...(pullPolicy === undefined ? {} : { pullPolicy }) } }] });

  test("can be read, in whole and in part, and neither written nor run; it is let go with its pod", async () => {
    const script = "exec > /dev/termination-log 2>/dev/null; ls /whole /part | grep -c busybox; echo x > /whole/x || echo refused; /part/busybox true || echo not run";
    await node.create("image", {
      ...once,
      ...image(),
      containers: [
        shell(script, {
          volumeMounts: [
            { name: "v", mountPath: "/whole" },
            { name: "v", mountPath: "/part", subPath: "bin" },
          ],
        }),
      ],
    });
    expect(says(await node.until("image", isOver))).toBe("1\nrefused\nnot run");
    expect(await node.events("image")).toContainEqual(`Pulled: Container image "${IMAGE}" already present on machine and can be accessed by the pod`);
    await node.create("kept", { ...image(), containers: [shell("sleep 1000", at("/whole"))] });
    await node.until("kept", isUp);
    expect(snapshots()).toMatch(/mainstay\/\S+\/v /);
    await node.kubectl("delete", "pod/image", "pod/kept", "--wait=true");
    expect(snapshots()).not.toContain("mainstay/");
  }, 120_000);

  test("that is missing holds up the container that wants it, and no other", async () => {
    await node.create("lacking", { ...image("Never", "mainstay.local/none:1"), containers: [shell("sleep 1000", at("/v")), shell("sleep 1000", { name: "other" })] });
    const pod = await node.until("lacking", (seen) => container(seen)?.state?.waiting?.reason === "ErrImageNeverPull" && container(seen, "other")?.ready === true);
    expect(container(pod)?.state?.waiting?.message).toBe('Container image "mainstay.local/none:1" is not present with pull policy of Never');
    await node.kubectl("delete", "pod", "lacking", "--wait=true");
  }, 90_000);

  test("has no part that is not in it", async () => {
    await node.create("partless", { ...image(), containers: [shell("sleep 1000", at("/v", { subPath: "none" }))] });
    const pod = await node.until("partless", (seen) => container(seen)?.state?.waiting?.reason === "CreateContainerConfigError");
    expect(container(pod)?.state?.waiting?.message).toBe('subPath "none" is not in the volume "v", which cannot be written');
    await node.kubectl("delete", "pod", "partless", "--wait=true");
  }, 90_000);
});

test.skipIf(!canRun)(
  "a kind of volume that this node cannot provide is named",
  async () => {
    await node.create("odd", { containers: [shell("sleep 1", at("/x"))], volumes: [{ name: "v", fc: { targetWWNs: ["1"], lun: 0 } }] });
    const pod = await node.until("odd", (seen) => (container(seen)?.state?.waiting?.message ?? "") !== "");
    expect(container(pod)?.state?.waiting?.message).toContain('for volume "v" : volumes of type fc are not supported on this node');
    await node.kubectl("delete", "pod", "odd", "--wait=true");
  },
  60_000,
);

describe.skipIf(!canRun)("a CSI driver", () => {
  const NAME = "folders.example.com";
  let folder: string;
  let driver: CsiTestDriver;
  const rootDir = () => path.join(node.dataDir, "agent", "kubelet");
  const start = async () => {
    driver = new CsiTestDriver(folder, rootDir(), {
      name: NAME,
      nodeId: "machine-7",
      capabilities: ["STAGE_UNSTAGE_VOLUME", "EXPAND_VOLUME", "GET_VOLUME_STATS", "SINGLE_NODE_MULTI_WRITER"],
      volumesMax: 8,
      topology: { "topology.example.com/rack": "r1" },
    });
    await driver.start();
  };
  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), "csi-"));
    await start();
    await node.apply(
      {
        apiVersion: "storage.k8s.io/v1",
        kind: "CSIDriver",
        metadata: { name: NAME },
        spec: { attachRequired: true, podInfoOnMount: true, fsGroupPolicy: "File", volumeLifecycleModes: ["Persistent", "Ephemeral"], tokenRequests: [{ audience: "vault" }] },
      },
      { apiVersion: "v1", kind: "Secret", metadata: { name: "disk", namespace: "default" }, stringData: { password: "xyzzy" } },
    );
  });
  afterAll(() => {
    driver.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("that registers is in the node's CSINode, and its topology on the Node", async () => {
    await eventually(
      async () => driver.registrations,
      (said) => said.includes("registered"),
      30_000,
    );
    const { spec } = await json<CSINode>("csinode", node.host.name);
    expect(spec.drivers).toEqual([{ name: NAME, nodeID: "machine-7", topologyKeys: ["topology.example.com/rack"], allocatable: { count: 8 } }]);
    const { metadata } = await json<Node>("node", node.host.name);
    expect(metadata.annotations?.["csi.volume.kubernetes.io/nodeid"]).toBe(`{"${NAME}":"machine-7"}`);
    expect(metadata.labels?.["topology.example.com/rack"]).toBe("r1");
  }, 60_000);

  test("gives a pod a volume of its own, knows the pod and its secret, and takes the volume away again", async () => {
    const csi = { driver: NAME, volumeAttributes: { size: "small" }, nodePublishSecretRef: { name: "disk" } };
    await node.create("inline", {
      ...once,
      securityContext: { fsGroup: 3000 },
      volumes: [{ name: "v", csi }],
      containers: [shell("echo here > /data/file; stat -c %g /data > /dev/termination-log", at("/data"))],
    });
    const pod = await node.until("inline", isOver, 60_000);
    expect(says(pod)).toBe("3000");
    const [request] = driver.publishes;
    expect(request?.targetPath).toBe(path.join(rootDir(), "pods", pod.metadata.uid ?? "", "volumes", "kubernetes.io~csi", "v", "mount"));
    expect(request?.secrets).toEqual({ password: "xyzzy" });
    expect(request?.volumeContext).toMatchObject({
      size: "small",
      "csi.storage.k8s.io/pod.name": "inline",
      "csi.storage.k8s.io/ephemeral": "true",
      "csi.storage.k8s.io/serviceAccount.name": "default",
    });
    const tokens = JSON.parse(request?.volumeContext["csi.storage.k8s.io/serviceAccount.tokens"] ?? "{}") as Record<string, { token: string; expirationTimestamp: string }>;
    expect(JSON.parse(Buffer.from(tokens["vault"]?.token.split(".")[1] ?? "", "base64url").toString())).toMatchObject({ aud: ["vault"], "kubernetes.io": { pod: { name: "inline" } } });
    await eventually(
      async () => driver.calls,
      (calls) => calls.at(-1)?.startsWith("unpublish") === true,
      30_000,
    );
    expect(driver.calls.map((call) => call.split(" ")[0])).toEqual(["publish", "unpublish"]);
    expect(readFileSync(path.join(driver.content(request?.volumeId ?? ""), "file"), "utf8")).toBe("here\n");
    await node.kubectl("delete", "pod", "inline", "--wait=true");
  }, 120_000);

  /** As external-provisioner does it for a claim that has a node, or needs none. */
  const provision = async (name: string, spec: object = {}) => {
    const { metadata } = await eventually(
      () => json<PersistentVolumeClaim>("pvc", name),
      (seen) => seen.metadata.annotations?.["volume.kubernetes.io/storage-provisioner"] === NAME,
      30_000,
    );
    const csi = { driver: NAME, volumeHandle: `handle-${name}`, fsType: "ext4", volumeAttributes: { kind: "folder" }, nodeStageSecretRef: { name: "disk", namespace: "default" } };
    await node.apply({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: `pv-${name}`, annotations: { "pv.kubernetes.io/provisioned-by": NAME } },
      spec: {
        capacity: { storage: "1Gi" },
        accessModes: ["ReadWriteOnce"],
        storageClassName: "folders",
        claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace: "default", name, uid: metadata.uid },
        mountOptions: ["noatime"],
        csi,
        ...spec,
      },
    });
    return metadata;
  };
  /** As external-attacher does it. */
  const attach = async (volume: string) => {
    const all = await eventually(
      () => json<{ items: readonly VolumeAttachment[] }>("volumeattachments"),
      ({ items }) => items.some(({ spec }) => spec.source.persistentVolumeName === volume),
      30_000,
    );
    const { metadata } = all.items.find(({ spec }) => spec.source.persistentVolumeName === volume)!;
    await node.kubectl(
      "patch",
      "volumeattachment",
      metadata.name ?? "",
      "--subresource=status",
      "--type=merge",
      "-p",
      JSON.stringify({ status: { attached: true, attachmentMetadata: { slot: "3" } } }),
    );
  };
  const inUse = async () => (await json<Node>("node", node.host.name)).status?.volumesInUse ?? [];
  const calls = (volume: string) => driver.calls.filter((call) => call.endsWith(` ${volume}`)).map((call) => call.split(" ")[0]);

  test("serves a claim: provisioned for the pod's node, attached, staged once, published for each pod, and grown before a pod that has to wait for that", async () => {
    await node.apply(
      { apiVersion: "storage.k8s.io/v1", kind: "StorageClass", metadata: { name: "folders" }, provisioner: NAME, volumeBindingMode: "WaitForFirstConsumer", allowVolumeExpansion: true },
      claim("kept", { storageClassName: "folders" }),
    );
    await node.create("first", { ...using("kept"), containers: [shell("echo kept > /data/file; sleep 1000", at("/data"))] });
    expect((await provision("kept")).annotations?.["volume.kubernetes.io/selected-node"]).toBe(node.host.name);
    await attach("pv-kept");
    await node.until("first", isUp, 60_000);
    const stage = driver.stages.at(-1);
    expect(stage).toMatchObject({ volumeId: "handle-kept", publishContext: { slot: "3" }, secrets: { password: "xyzzy" }, volumeContext: { kind: "folder" } });
    expect(stage?.volumeCapability).toMatchObject({ accessMode: { mode: 7 }, accessType: { case: "mount", value: { fsType: "ext4", mountFlags: ["noatime"] } } });
    expect(stage?.stagingTargetPath).toBe(path.join(rootDir(), "plugins/kubernetes.io/csi", NAME, createHash("sha256").update("handle-kept").digest("hex"), "globalmount"));
    expect(await inUse()).toEqual([`kubernetes.io/csi/${NAME}^handle-kept`]);

    const { pods } = JSON.parse(await node.kubectl("get", "--raw", `/api/v1/nodes/${node.host.name}/proxy/stats/summary`)) as {
      pods: readonly { podRef: { name: string }; volume?: readonly object[] }[];
    };
    expect(pods.find(({ podRef }) => podRef.name === "first")?.volume).toMatchObject([
      { name: "v", pvcRef: { name: "kept", namespace: "default" }, capacityBytes: 1000, availableBytes: 750, usedBytes: 250 },
    ]);

    await node.kubectl("patch", "pvc", "kept", "-p", JSON.stringify({ spec: { resources: { requests: { storage: "2Gi" } } } }));
    await node.kubectl("patch", "pv", "pv-kept", "-p", JSON.stringify({ spec: { capacity: { storage: "2Gi" } } }));
    await node.kubectl(
      "patch",
      "pvc",
      "kept",
      "--subresource=status",
      "--type=merge",
      "-p",
      JSON.stringify({
        status: { allocatedResources: { storage: "2Gi" }, allocatedResourceStatuses: { storage: "NodeResizePending" }, conditions: [{ type: "FileSystemResizePending", status: "True" }] },
      }),
    );
    await node.create("second", { ...once, ...using("kept", { readOnly: false }), containers: [shell("cat /data/file > /dev/termination-log", at("/data"))] });
    expect(says(await node.until("second", isOver, 60_000))).toBe("kept");
    const grown = (await json<PersistentVolumeClaim>("pvc", "kept")).status;
    expect([grown?.capacity?.["storage"], grown?.allocatedResourceStatuses, grown?.conditions]).toEqual(["2Gi", undefined, undefined]);
    await node.kubectl("delete", "pod", "second", "--wait=true");
    expect(calls("handle-kept")).toEqual(["stage", "publish", "publish", "expand", "unpublish"]);
  }, 120_000);

  test("is asked to take away what an earlier agent had mounted, and only then the volume is detached", async () => {
    await node.host.exec("pkill", "-9", "-f", `agent .*--data-dir ${node.dataDir}/agent`);
    driver.stop();
    await node.kubectl("delete", "pod", "first", "--wait=false");
    await eventually(
      async () => readFileSync(path.join(node.dataDir, "agent", "agent.log"), "utf8"),
      (log) => log.includes(`driver name ${NAME} not found`),
      60_000,
    );
    expect((await node.pod("first")).metadata.deletionTimestamp).toBeDefined();
    expect(await inUse()).toEqual([`kubernetes.io/csi/${NAME}^handle-kept`]);
    await start();
    await node.kubectl("delete", "pod", "first", "--ignore-not-found", "--wait=true");
    expect(driver.calls).toEqual(["unpublish handle-kept", "unstage handle-kept"]);
    await eventually(
      () => node.kubectl("get", "volumeattachments", "--no-headers", "--ignore-not-found"),
      (text) => text.trim() === "",
      60_000,
    );
    expect(await inUse()).toEqual([]);
    expect(readFileSync(path.join(driver.content("handle-kept"), "file"), "utf8")).toBe("kept\n");
    expect(mountsBelow(path.join(rootDir(), "plugins"))).toEqual([]);
  }, 120_000);

  test("gives a device to who asks for one", async () => {
    await node.apply(claim("raw-disk", { storageClassName: "folders", volumeMode: "Block" }));
    await node.create("raw", {
      ...once,
      ...using("raw-disk"),
      containers: [
        shell("exec > /dev/termination-log; test -b /dev/raw && echo device; echo -n abc | dd of=/dev/raw bs=3 conv=fsync 2>/dev/null", { volumeDevices: [{ name: "v", devicePath: "/dev/raw" }] }),
      ],
    });
    await provision("raw-disk", { volumeMode: "Block" });
    await attach("pv-raw-disk");
    expect(says(await node.until("raw", isOver, 60_000))).toBe("device");
    await node.kubectl("delete", "pod", "raw", "--wait=true");
    await eventually(
      async () => calls("handle-raw-disk"),
      (asked) => asked.at(-1) === "unstage",
      30_000,
    );
    expect(calls("handle-raw-disk")).toEqual(["stage", "publish", "unpublish", "unstage"]);
    expect(readFileSync(driver.content("handle-raw-disk.img")).subarray(0, 3).toString()).toBe("abc");
  }, 120_000);

  test("that goes is taken out of the CSINode", async () => {
    driver.stop();
    await eventually(
      () => json<CSINode>("csinode", node.host.name),
      ({ spec }) => (spec.drivers ?? []).length === 0,
      30_000,
    );
    expect((await json<Node>("node", node.host.name)).metadata.annotations?.["csi.volume.kubernetes.io/nodeid"]).toBeUndefined();
  }, 60_000);
});
