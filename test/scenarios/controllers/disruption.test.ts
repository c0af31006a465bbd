import { afterEach, beforeEach, expect, test } from "vitest";
import { hasReason } from "../../../engine/apimachinery/status-error.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { customResourceDefinitionResource } from "../../../engine/resources/apiextensions/custom-resource-definition.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { cronJobResource } from "../../../engine/resources/batch/cron-job.ts";
import { jobResource } from "../../../engine/resources/batch/job.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { replicationControllerResource } from "../../../engine/resources/core/replication-controller.ts";
import { podDisruptionBudgetResource } from "../../../engine/resources/policy/pod-disruption-budget.ts";
import { startControlPlane, type ControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
  await plane.kubelets.up("n1");
});
afterEach(() => plane.stop());

const template = (app: string) => ({ metadata: { labels: { app } }, spec: { containers: [{ name: "app", image: "app:1" }] } });
const metadata = (name: string) => ({ name, namespace: "default" });
const pods = async () => (await plane.client.for(podResource).list("default")).items;
const alive = async () => (await pods()).filter((pod) => pod.metadata.deletionTimestamp === undefined);

/** An eviction's answer: 201, or the code it was refused with. */
async function evict(name: string): Promise<number> {
  const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: metadata(name) };
  try {
    await plane.client.for(podResource).createSubresource("default", name, "eviction", body as never); // an Eviction, which no kind of the catalog types
    return 201;
  } catch (error) {
    if (!hasReason(error, "TooManyRequests")) throw error;
    return error.status.code;
  }
}

test("a budget lets pods be evicted one by one, as fast as others take their place", async () => {
  await plane.client
    .for(deploymentResource)
    .create({ apiVersion: "apps/v1", kind: "Deployment", metadata: metadata("web"), spec: { replicas: 3, selector: { matchLabels: { app: "web" } }, template: template("web") } });
  await plane.client
    .for(podDisruptionBudgetResource)
    .create({ apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: metadata("web"), spec: { maxUnavailable: 1, selector: { matchLabels: { app: "web" } } } });
  await plane.clock.advance(3_000);
  const budget = async () => (await plane.client.for(podDisruptionBudgetResource).get("default", "web")).status;
  expect(await budget()).toMatchObject({ disruptionsAllowed: 1, currentHealthy: 3, desiredHealthy: 2, expectedPods: 3 });
  const [first, second] = (await pods()).map((pod) => pod.metadata.name ?? "");
  expect(await evict(first ?? "")).toBe(201);
  expect(await evict(second ?? "")).toBe(429);
  const leaving = (await pods()).find((pod) => pod.metadata.name === first);
  expect(leaving?.status?.conditions).toContainEqual(expect.objectContaining({ type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI" }));
  await plane.clock.advance(3_000);
  expect(await budget()).toMatchObject({ disruptionsAllowed: 1, currentHealthy: 3 });
  expect(await evict(second ?? "")).toBe(201);
  expect(plane.warnings).toEqual([]);
});

test("a ReplicationController keeps its number, adopts what it selects and is scaled", async () => {
  const controllers = plane.client.for(replicationControllerResource);
  await plane.client.for(podResource).create({ apiVersion: "v1", kind: "Pod", metadata: { ...metadata("early"), labels: { app: "rc" } }, spec: { containers: [{ name: "app", image: "app:1" }] } });
  await controllers.create({ apiVersion: "v1", kind: "ReplicationController", metadata: metadata("rc"), spec: { replicas: 2, template: template("rc") } });
  await plane.clock.advance(3_000);
  expect((await alive()).map((pod) => pod.metadata.ownerReferences?.[0]?.kind)).toEqual(["ReplicationController", "ReplicationController"]);
  expect((await controllers.get("default", "rc")).status).toEqual({ replicas: 2, fullyLabeledReplicas: 2, readyReplicas: 2, availableReplicas: 2, observedGeneration: 1 });
  await controllers.patch("default", "rc", "merge", { spec: { replicas: 1 } }, { subresource: "scale" });
  await plane.clock.advance(3_000);
  expect(await alive()).toHaveLength(1);
  expect(await plane.stories("rc")).toContainEqual(expect.stringMatching(/^SuccessfulDelete: Deleted pod: /));
  expect(plane.warnings).toEqual([]);
});

test("a CronJob starts a Job every minute, replaces it when told to, and its Jobs go with it", async () => {
  const jobs = async () => (await plane.client.for(jobResource).list("default")).items;
  const spec = { schedule: "* * * * *", concurrencyPolicy: "Replace", jobTemplate: { spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "app", image: "app:1" }] } } } } };
  await plane.client.for(cronJobResource).create({ apiVersion: "batch/v1", kind: "CronJob", metadata: metadata("tick"), spec });
  await plane.clock.advance(65_000);
  const [first] = await jobs();
  expect(first?.metadata).toMatchObject({ name: `tick-${Date.UTC(2030, 0, 1, 0, 1) / 60_000}`, annotations: { "batch.kubernetes.io/cronjob-scheduled-timestamp": "2030-01-01T00:01:00Z" } });
  expect((await plane.client.for(cronJobResource).get("default", "tick")).status).toMatchObject({
    lastScheduleTime: "2030-01-01T00:01:00Z",
    active: [{ name: first?.metadata.name, uid: first?.metadata.uid }],
  });
  await plane.clock.advance(60_000);
  expect((await jobs()).filter((job) => job.metadata.deletionTimestamp === undefined).map((job) => job.metadata.name)).toEqual([`tick-${Date.UTC(2030, 0, 1, 0, 2) / 60_000}`]);
  await plane.client.for(cronJobResource).delete("default", "tick", { propagationPolicy: "Background" });
  await plane.clock.advance(5_000);
  expect(await jobs()).toEqual([]);
  expect(plane.warnings).toEqual([]);
});

test("a budget counts what owners of kinds that users define want, by their scale", async () => {
  const names = { plural: "fleets", singular: "fleet", kind: "Fleet", listKind: "FleetList" };
  const schema = {
    openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties: { size: { type: "integer" } } }, status: { type: "object", properties: { size: { type: "integer" } } } } },
  };
  const scale = { specReplicasPath: ".spec.size", statusReplicasPath: ".status.size" };
  await plane.client.for(customResourceDefinitionResource).create({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "fleets.example.com" },
    spec: { group: "example.com", scope: "Namespaced", names, versions: [{ name: "v1", served: true, storage: true, schema, subresources: { scale } }] },
  });
  await plane.clock.advance(1_000);
  const fleets = plane.client.for<KubeObject>({ group: "example.com", version: "v1", resource: "fleets", kind: "Fleet", namespaced: true });
  const fleet = await fleets.create({ apiVersion: "example.com/v1", kind: "Fleet", metadata: metadata("f"), spec: { size: 4 } } as KubeObject);
  const owner = { apiVersion: "example.com/v1", kind: "Fleet", name: "f", uid: fleet.metadata.uid ?? "", controller: true };
  for (const name of ["a", "b", "c", "d"])
    await plane.client
      .for(podResource)
      .create({ apiVersion: "v1", kind: "Pod", metadata: { ...metadata(name), labels: { app: "f" }, ownerReferences: [owner] }, spec: { containers: [{ name: "app", image: "app:1" }] } });
  await plane.client
    .for(podDisruptionBudgetResource)
    .create({ apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: metadata("f"), spec: { maxUnavailable: "25%", selector: { matchLabels: { app: "f" } } } });
  await plane.clock.advance(3_000);
  expect((await plane.client.for(podDisruptionBudgetResource).get("default", "f")).status).toMatchObject({ expectedPods: 4, desiredHealthy: 3, currentHealthy: 4, disruptionsAllowed: 1 });
});
