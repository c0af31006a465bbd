import { afterEach, beforeEach, expect, test } from "vitest";
import { persistentVolumeClaimResource } from "../../../engine/resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../../engine/resources/core/persistent-volume.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { storageClassResource } from "../../../engine/resources/storage/storage-class.ts";
import type { PersistentVolumeClaim, Pod } from "../../../engine/resources/types.ts";
import { startScheduledPlane, type ScheduledPlane } from "./running-scheduler.ts";

let plane: ScheduledPlane;
beforeEach(async () => {
  plane = await startScheduledPlane(
    ["n1", "n2"].map((name) => ({ metadata: { name, labels: { "kubernetes.io/hostname": name }, annotations: { "mainstay.dev/volumes-folder": `/data/${name}` } }, cpu: "1" })),
  );
});
afterEach(async () => {
  await plane.stop();
  expect(plane.warnings).toEqual([]);
});

const claim = (name: string, storageClassName = "local-path", accessModes = ["ReadWriteOnce"]): PersistentVolumeClaim => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name, namespace: "default" },
  spec: { accessModes, storageClassName, resources: { requests: { storage: "1Gi" } } },
});
const pod = (name: string, claimName: string, cpu = "100m"): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default" },
  spec: { containers: [{ name: "c", image: "i", resources: { requests: { cpu } } }], volumes: [{ name: "v", persistentVolumeClaim: { claimName } }] },
});
const makeClaim = (made: PersistentVolumeClaim) => plane.client.for(persistentVolumeClaimResource).create(made);
const makePod = (made: Pod) => plane.makePod(made);
const nodeOf = (name: string) => plane.nodeOf(name);
const claimOf = (name: string) => plane.client.for(persistentVolumeClaimResource).get("default", name);

test("a pod, its claim and its new volume end up on one node, and later pods follow the volume", async () => {
  await makeClaim(claim("data"));
  await makePod(pod("first", "data"));
  const where = await nodeOf("first");
  expect(["n1", "n2"]).toContain(where);
  const { spec, status, metadata } = await claimOf("data");
  expect([status?.phase, metadata.annotations?.["volume.kubernetes.io/selected-node"]]).toEqual(["Bound", where]);
  expect((await plane.client.for(persistentVolumeResource).get("", spec?.volumeName ?? "")).spec?.local?.path).toBe(`/data/${where}/${spec?.volumeName}`);
  for (const name of ["second", "third", "fourth"]) await makePod(pod(name, "data"));
  expect(await Promise.all(["second", "third", "fourth"].map(nodeOf))).toEqual([where, where, where]);
});

test("a pod waits for its claim, and says so, and goes when it is there", async () => {
  await makePod(pod("early", "late"));
  expect(await nodeOf("early")).toBe("");
  expect((await plane.client.for(podResource).get("default", "early")).status?.conditions?.find(({ type }) => type === "PodScheduled")?.message).toBe(
    '0/2 nodes are available: persistentvolumeclaim "late" not found. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  );
  await makeClaim(claim("late"));
  await plane.clock.advance(11_000);
  expect(await nodeOf("early")).not.toBe("");
});

test("pods that come at once with claims of their own share out the volumes that there are", async () => {
  await plane.client
    .for(storageClassResource)
    .create({ apiVersion: "storage.k8s.io/v1", kind: "StorageClass", metadata: { name: "static" }, provisioner: "kubernetes.io/no-provisioner", volumeBindingMode: "WaitForFirstConsumer" });
  for (const [name, host] of [
    ["a", "n1"],
    ["b", "n2"],
  ] as const) {
    await plane.client.for(persistentVolumeResource).create({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name },
      spec: {
        capacity: { storage: "1Gi" },
        accessModes: ["ReadWriteOnce"],
        storageClassName: "static",
        local: { path: "/mnt/x" },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [host] }] }] } },
      },
    });
  }
  await plane.clock.settle();
  await Promise.all(["x", "y", "z"].map((name) => makeClaim(claim(name, "static"))));
  await Promise.all(["x", "y", "z"].map((name) => plane.client.for(podResource).create(pod(name, name))));
  await plane.clock.advance(30_000);
  const places = await Promise.all(["x", "y", "z"].map(nodeOf));
  expect([...places].sort()).toEqual(["", "n1", "n2"]);
  for (const [index, name] of ["x", "y", "z"].entries()) expect((await claimOf(name)).spec?.volumeName ?? "").toBe({ "": "", n1: "a", n2: "b" }[places[index] ?? ""]);
});

test("a claim for one pod alone goes from hand to hand", async () => {
  await makeClaim(claim("mine", "local-path", ["ReadWriteOncePod"]));
  await makePod(pod("first", "mine"));
  await makePod(pod("second", "mine"));
  expect([(await nodeOf("first")) !== "", await nodeOf("second")]).toEqual([true, ""]);
  await plane.client.for(podResource).delete("default", "first", { gracePeriodSeconds: 0 });
  await plane.clock.advance(11_000);
  expect(await nodeOf("second")).not.toBe("");
});

test("a pod that is deleted while its volume is made leaves the room to others", async () => {
  await plane.client
    .for(storageClassResource)
    .create({ apiVersion: "storage.k8s.io/v1", kind: "StorageClass", metadata: { name: "never" }, provisioner: "csi.example.com", volumeBindingMode: "WaitForFirstConsumer" });
  for (const name of ["w1", "w2"]) {
    await makeClaim(claim(name, "never"));
    await makePod(pod(name, name, "800m"));
  }
  await makeClaim(claim("ok"));
  await makePod(pod("third", "ok", "800m"));
  expect(await nodeOf("third")).toBe("");
  await plane.client.for(podResource).delete("default", "w1", { gracePeriodSeconds: 0 });
  await plane.clock.advance(15_000);
  expect(await nodeOf("third")).not.toBe("");
});
