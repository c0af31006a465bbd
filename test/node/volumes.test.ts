import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PersistentVolume, PersistentVolumeClaim } from "../../engine/resources/types.ts";
import { containerdPaths } from "../../node-agent/cri/containerd.ts";
import { mountsBelow } from "../../node-agent/volumes/mounts.ts";
import { eventually, requireRoot } from "../kit/mainstay.ts";
import { container, IMAGE, shell, startRealNode, type RealNode } from "./real-node.ts";
import { at, claim, isOver, isUp, once, says, using } from "./volume-shapes.ts";

const canRun = requireRoot();
let node: RealNode;
beforeAll(async () => {
  // Volumes that are in use are looked at again as often as this; a minute, where nobody says otherwise.
  if (canRun) node = await startRealNode("vo", undefined, { MAINSTAY_SYNC_FREQUENCY: "10s" });
}, 180_000);
afterAll(() => node?.stop(), 120_000);

describe.skipIf(!canRun)("a claim", () => {
  test("gets a folder of the node that its first pod runs on, keeps it for the next, and takes it along", async () => {
    await node.apply(claim("data"));
    expect(await node.kubectl("get", "pvc", "data", "--no-headers")).toMatch(/^data\s+Pending\s+local-path\s+<unset>/);
    await node.create("writer", { ...once, ...using("data"), containers: [shell("echo kept > /data/file; id -u > /dev/termination-log", { ...at("/data"), securityContext: { runAsUser: 1234 } })] });
    expect(says(await node.until("writer", isOver))).toBe("1234");
    expect(await node.kubectl("get", "pvc", "data", "--no-headers")).toMatch(/^data\s+Bound\s+pvc-\S+\s+1Mi\s+RWO\s+local-path/);
    const volume = (await node.json<PersistentVolumeClaim>("pvc", "data")).spec?.volumeName ?? "";
    const folder = (await node.json<PersistentVolume>("pv", volume)).spec?.local?.path ?? "";
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

describe.skipIf(!canRun)("an image as a volume", () => {
  const snapshots = () => execFileSync("ctr", ["-a", containerdPaths(path.join(node.dataDir, "agent")).socket, "-n", "k8s.io", "snapshots", "ls"], { encoding: "utf8" });
  const image = (pullPolicy?: string, reference = IMAGE) => ({ volumes: [{ name: "v", image: { reference, ...(pullPolicy === undefined ? {} : { pullPolicy }) } }] });

  test("can be read, in whole and in part, and run, and not written; it is let go with its pod", async () => {
    const script = "exec > /dev/termination-log 2>/dev/null; ls /whole /part | grep -c busybox; echo x > /whole/x || echo refused; /part/busybox echo run";
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
    expect(says(await node.until("image", isOver))).toBe("1\nrefused\nrun");
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
