import { afterEach, beforeEach, expect, test } from "vitest";
import { controllerRevisionResource } from "../../../engine/resources/apps/controller-revision.ts";
import { daemonSetResource } from "../../../engine/resources/apps/daemon-set.ts";
import { statefulSetResource } from "../../../engine/resources/apps/stateful-set.ts";
import { persistentVolumeClaimResource } from "../../../engine/resources/core/persistent-volume-claim.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { Pod } from "../../../engine/resources/types.ts";
import { startControlPlane, type ControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
});
afterEach(() => plane.stop());

const metadata = (name: string) => ({ name, namespace: "default" });
const template = (image: string) => ({ metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "app", image }] } });
const selector = { matchLabels: { app: "web" } };
const setImage = (image: string) => ({ spec: { template: { spec: { containers: [{ name: "app", image }] } } } });
const pods = async () => (await plane.client.for(podResource).list("default")).items;
const isReady = (pod: Pod) => pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true && pod.metadata.deletionTimestamp === undefined;
/** `db-0 app:1`, by name; unready ones with a question mark. */
const view = async () => (await pods()).map((pod) => `${pod.metadata.name} ${pod.spec.containers[0]?.image}${isReady(pod) ? "" : "?"}`).sort();

test("a StatefulSet starts its pods in order with their claims, rolls from the top, goes back, and shrinks from the top", async () => {
  await plane.kubelets.up("n1");
  const sets = plane.client.for(statefulSetResource);
  const claims = [{ metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } }] as never; // kind and version go without saying
  await sets.create({
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: metadata("db"),
    spec: {
      replicas: 3,
      serviceName: "db",
      selector,
      template: template("app:1"),
      volumeClaimTemplates: claims,
      persistentVolumeClaimRetentionPolicy: { whenScaled: "Delete", whenDeleted: "Retain" },
    },
  });
  await plane.clock.advance(500);
  expect(await view()).toEqual(["db-0 app:1?"]);
  await plane.clock.advance(5_000);
  expect(await view()).toEqual(["db-0 app:1", "db-1 app:1", "db-2 app:1"]);
  const first = (await sets.get("default", "db")).status;
  expect(first).toMatchObject({ observedGeneration: 1, replicas: 3, readyReplicas: 3, availableReplicas: 3, updatedReplicas: 3, currentReplicas: 3 });
  expect(first?.currentRevision).toBe(first?.updateRevision);

  await sets.patch("default", "db", "strategic", setImage("app:2"));
  const seen: string[] = [];
  for (let step = 0; step < 80; step++) {
    await plane.clock.advance(100);
    const all = await pods();
    expect(all.filter(isReady).length).toBeGreaterThanOrEqual(2);
    const updated = all.filter((pod) => pod.spec.containers[0]?.image === "app:2").map((pod) => pod.metadata.name ?? "");
    for (const name of updated) if (!seen.includes(name)) seen.push(name);
  }
  expect(seen).toEqual(["db-2", "db-1", "db-0"]);
  const second = (await sets.get("default", "db")).status;
  expect(second).toMatchObject({ observedGeneration: 2, currentRevision: second?.updateRevision, updatedReplicas: 3 });
  expect(second?.currentRevision).not.toBe(first?.currentRevision);

  await sets.patch("default", "db", "strategic", setImage("app:1"));
  await plane.clock.advance(10_000);
  expect(await view()).toEqual(["db-0 app:1", "db-1 app:1", "db-2 app:1"]);
  const revisions = (await plane.client.for(controllerRevisionResource).list("default")).items;
  expect(revisions.map((revision) => [revision.metadata.name, revision.revision]).sort()).toEqual(
    [
      [first?.currentRevision, 3],
      [second?.currentRevision, 2],
    ].sort(),
  );

  await sets.patch("default", "db", "merge", { spec: { replicas: 1 } }, { subresource: "scale" });
  await plane.clock.advance(10_000);
  expect(await view()).toEqual(["db-0 app:1"]);
  const left = (await plane.client.for(persistentVolumeClaimResource).list("default")).items;
  expect(left.filter((claim) => claim.metadata.deletionTimestamp === undefined).map((claim) => claim.metadata.name)).toEqual(["data-db-0"]);
  expect(plane.warnings).toEqual([]);
});

test("a parallel StatefulSet starts all its pods at once, and one that fails is replaced under its name", async () => {
  await plane.kubelets.up("n1");
  await plane.client
    .for(statefulSetResource)
    .create({ apiVersion: "apps/v1", kind: "StatefulSet", metadata: metadata("db"), spec: { replicas: 2, serviceName: "db", podManagementPolicy: "Parallel", selector, template: template("app:1") } });
  await plane.clock.advance(3_000);
  expect(await view()).toEqual(["db-0 app:1", "db-1 app:1"]);
  const before = (await pods()).find((pod) => pod.metadata.name === "db-1")?.metadata.uid;
  await plane.client.for(podResource).patch("default", "db-1", "strategic", { status: { phase: "Failed" } }, { subresource: "status" });
  await plane.clock.advance(5_000);
  const after = (await pods()).find((pod) => pod.metadata.name === "db-1");
  expect(after?.metadata.uid).not.toBe(before);
  expect(isReady(after as Pod)).toBe(true);
  expect(await plane.stories("db")).toContain("RecreatingTerminatedPod: StatefulSet default/db is recreating terminated Pod db-1");
});

test("a DaemonSet follows its nodes, rolls one by one, surges when told to, and leaves nodes that drive it away", async () => {
  const sets = plane.client.for(daemonSetResource);
  await plane.kubelets.up("n1");
  await plane.kubelets.up("n2");
  await sets.create({ apiVersion: "apps/v1", kind: "DaemonSet", metadata: metadata("agent"), spec: { selector, template: template("app:1") } });
  await plane.clock.advance(3_000);
  await plane.kubelets.up("n3");
  await plane.clock.advance(3_000);
  const places = async () => (await pods()).map((pod) => `${pod.spec.nodeName} ${pod.spec.containers[0]?.image}${isReady(pod) ? "" : "?"}`).sort();
  expect(await places()).toEqual(["n1 app:1", "n2 app:1", "n3 app:1"]);
  expect((await sets.get("default", "agent")).status).toMatchObject({
    desiredNumberScheduled: 3,
    currentNumberScheduled: 3,
    numberReady: 3,
    numberAvailable: 3,
    updatedNumberScheduled: 3,
    observedGeneration: 1,
  });

  await sets.patch("default", "agent", "strategic", setImage("app:2"));
  for (let step = 0; step < 80; step++) {
    await plane.clock.advance(100);
    expect((await pods()).filter(isReady).length).toBeGreaterThanOrEqual(2);
  }
  expect(await places()).toEqual(["n1 app:2", "n2 app:2", "n3 app:2"]);

  await sets.patch("default", "agent", "strategic", { spec: { updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }, ...setImage("app:3").spec } });
  for (let step = 0; step < 80; step++) {
    await plane.clock.advance(100);
    expect((await pods()).filter(isReady).length).toBeGreaterThanOrEqual(3);
  }
  expect(await places()).toEqual(["n1 app:3", "n2 app:3", "n3 app:3"]);
  expect((await plane.client.for(controllerRevisionResource).list("default")).items.map(({ revision }) => revision).sort()).toEqual([1, 2, 3]);

  await plane.client.for(nodeResource).patch("", "n3", "strategic", { spec: { taints: [{ key: "away", effect: "NoExecute" }] } });
  await plane.clock.advance(3_000);
  expect(await places()).toEqual(["n1 app:3", "n2 app:3"]);
  expect(plane.warnings).toEqual([]);
});
