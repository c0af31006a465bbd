import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CSINode, Node, PersistentVolumeClaim, VolumeAttachment } from "../../engine/resources/types.ts";
import { mountsBelow } from "../../node-agent/volumes/mounts.ts";
import { CsiTestDriver } from "../kit/csi-driver.ts";
import { eventually, requireRoot } from "../kit/mainstay.ts";
import { shell, startRealNode, type RealNode } from "./real-node.ts";
import { at, claim, isOver, isUp, once, says, using } from "./volume-shapes.ts";

const canRun = requireRoot();
let node: RealNode;
beforeAll(async () => {
  if (canRun) node = await startRealNode("vp");
}, 180_000);
afterAll(() => node?.stop(), 120_000);

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
    const { spec } = await node.json<CSINode>("csinode", node.host.name);
    expect(spec.drivers).toEqual([{ name: NAME, nodeID: "machine-7", topologyKeys: ["topology.example.com/rack"], allocatable: { count: 8 } }]);
    const { metadata } = await node.json<Node>("node", node.host.name);
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
      () => node.json<PersistentVolumeClaim>("pvc", name),
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
      () => node.json<{ items: readonly VolumeAttachment[] }>("volumeattachments"),
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
  const inUse = async () => (await node.json<Node>("node", node.host.name)).status?.volumesInUse ?? [];
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
    const grown = (await node.json<PersistentVolumeClaim>("pvc", "kept")).status;
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
      () => node.json<CSINode>("csinode", node.host.name),
      ({ spec }) => (spec.drivers ?? []).length === 0,
      30_000,
    );
    expect((await node.json<Node>("node", node.host.name)).metadata.annotations?.["csi.volume.kubernetes.io/nodeid"]).toBeUndefined();
  }, 60_000);
});
