import { afterEach, beforeEach, expect, test } from "vitest";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { persistentVolumeClaimResource } from "../../../engine/resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../../engine/resources/core/persistent-volume.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { attachmentName } from "../../../engine/resources/storage/attachment-name.ts";
import { csiDriverResource } from "../../../engine/resources/storage/csi-driver.ts";
import { volumeAttachmentResource } from "../../../engine/resources/storage/volume-attachment.ts";
import type { NodeStatus, Pod } from "../../../engine/resources/types.ts";
import { startControlPlane, type ControlPlane } from "./control-plane.ts";

const DRIVER = "disks.example.com";
const NAME = `kubernetes.io/csi/${DRIVER}^handle-1`;
const FINALIZER = "external-attacher/disks-example-com";

let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
  for (const name of ["n1", "n2"]) await plane.client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name } });
  await plane.clock.settle();
});
afterEach(() => plane.stop());

const attachments = () => plane.client.for(volumeAttachmentResource);
const nodes = () => plane.client.for(nodeResource);
const listed = async () => (await attachments().list("")).items.map(({ spec, metadata }) => `${spec.nodeName}${metadata.deletionTimestamp === undefined ? "" : " (deleted)"}`);
const attached = async (name: string) => (await nodes().get("", name)).status?.volumesAttached?.map((volume) => volume.name) ?? [];

async function makeVolume(accessModes: readonly string[] = ["ReadWriteOnce"]): Promise<void> {
  await plane.client.for(persistentVolumeResource).create({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "pv" },
    spec: { capacity: { storage: "1Gi" }, accessModes: [...accessModes], storageClassName: "", csi: { driver: DRIVER, volumeHandle: "handle-1" } },
  });
  await plane.client.for(persistentVolumeClaimResource).create({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", namespace: "default" },
    spec: { accessModes: [...accessModes], storageClassName: "", resources: { requests: { storage: "1Gi" } } },
  });
  await plane.clock.settle();
}

async function place(name: string, nodeName: string): Promise<void> {
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: { nodeName, containers: [{ name: "c", image: "i" }], volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] },
  };
  await plane.client.for(podResource).create(pod);
  await plane.clock.settle();
}

async function end(name: string): Promise<void> {
  await plane.client.for(podResource).delete("default", name, { gracePeriodSeconds: 0 });
  await plane.clock.settle();
}

/** What external-attacher does: holds the object by a finalizer, and says what became of it. */
async function attach(nodeName: string, status: object = { attached: true }): Promise<void> {
  const name = attachmentName("handle-1", DRIVER, nodeName);
  await attachments().patch("", name, "merge", { metadata: { finalizers: [FINALIZER] } });
  await attachments().patch("", name, "merge", { status }, { subresource: "status" });
  await plane.clock.settle();
}

async function detach(nodeName: string): Promise<void> {
  await attachments().patch("", attachmentName("handle-1", DRIVER, nodeName), "merge", { metadata: { finalizers: null } });
  await plane.clock.settle();
}

async function say(nodeName: string, status: NodeStatus): Promise<void> {
  await nodes().patch("", nodeName, "merge", { status }, { subresource: "status" });
  await plane.clock.settle();
}

test("a volume is attached where its pod is, the node is told, and it is detached when the pod has gone and the node no longer uses it", async () => {
  await makeVolume();
  expect(await listed()).toEqual([]);
  await place("web", "n1");
  expect((await attachments().list("")).items[0]).toMatchObject({
    metadata: { name: attachmentName("handle-1", DRIVER, "n1") },
    spec: { attacher: DRIVER, nodeName: "n1", source: { persistentVolumeName: "pv" } },
  });
  expect(await attached("n1")).toEqual([]);
  await attach("n1");
  expect(await attached("n1")).toEqual([NAME]);
  expect(await plane.stories("web")).toContain('SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume "pv" ');

  await say("n1", { volumesInUse: [NAME] });
  await end("web");
  expect([await listed(), await attached("n1")]).toEqual([["n1"], [NAME]]);
  await say("n1", { volumesInUse: [] });
  expect([await listed(), await attached("n1")]).toEqual([["n1 (deleted)"], []]);
  await detach("n1");
  expect(await listed()).toEqual([]);
});

test("a volume of one node at a time goes to the second only when the first has let it go, and the second pod is told why it waits", async () => {
  await makeVolume();
  await place("first", "n1");
  await attach("n1");
  await place("second", "n2");
  expect(await listed()).toEqual(["n1"]);
  expect(await plane.stories("second")).toContain('FailedAttachVolume: Multi-Attach error for volume "pv" Volume is already used by pod(s) first');
  await end("first");
  expect(await listed()).toEqual(["n1 (deleted)"]);
  await detach("n1");
  expect(await listed()).toEqual(["n2"]);
});

test("a volume of many nodes is attached to all of its pods' nodes at once", async () => {
  await makeVolume(["ReadWriteMany"]);
  await place("first", "n1");
  await place("second", "n2");
  expect((await listed()).sort()).toEqual(["n1", "n2"]);
});

test("a driver that attaches nothing has no attachments, and one that fails to is quoted to the pod", async () => {
  await plane.client.for(csiDriverResource).create({ apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: DRIVER }, spec: { attachRequired: false } });
  await makeVolume();
  await place("web", "n1");
  expect(await listed()).toEqual([]);
  await plane.client.for(csiDriverResource).delete("", DRIVER);
  await plane.clock.settle();
  await place("other", "n1");
  expect(await listed()).toEqual(["n1"]);
  await attach("n1", { attached: false, attachError: { message: "the rack is on fire" } });
  expect(await plane.stories("other")).toContain('FailedAttachVolume: AttachVolume.Attach failed for volume "pv" : the rack is on fire');
});

test("a node that is silent keeps its volume for six minutes, and one that is out of service loses it at once", async () => {
  await makeVolume();
  for (const [pod, isOut] of [
    ["slow", false],
    ["quick", true],
  ] as const) {
    await place(pod, "n1");
    await attach("n1");
    await say("n1", { volumesInUse: [NAME], conditions: [{ type: "Ready", status: "Unknown" }] });
    if (isOut) await nodes().patch("", "n1", "merge", { spec: { taints: [{ key: "node.kubernetes.io/out-of-service", value: "nodeshutdown", effect: "NoExecute" }] } });
    await end(pod);
    if (!isOut) {
      await plane.clock.advance(5 * 60_000);
      expect(await listed()).toEqual(["n1"]);
      await plane.clock.advance(61_000);
    }
    expect(await listed()).toEqual(["n1 (deleted)"]);
    await detach("n1");
  }
});

test("an attachment that somebody else has made under a name of his own stays", async () => {
  await attachments().create({
    apiVersion: "storage.k8s.io/v1",
    kind: "VolumeAttachment",
    metadata: { name: "by-hand" },
    spec: { attacher: DRIVER, nodeName: "n1", source: { persistentVolumeName: "pv" } },
  });
  await plane.clock.settle();
  await makeVolume();
  await plane.clock.advance(15 * 60_000);
  expect(await listed()).toEqual(["n1"]);
});
