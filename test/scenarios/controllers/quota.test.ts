import { afterEach, beforeEach, expect, test } from "vitest";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { customResourceDefinitionResource } from "../../../engine/resources/apiextensions/custom-resource-definition.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { persistentVolumeClaimResource } from "../../../engine/resources/core/persistent-volume-claim.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { resourceQuotaResource } from "../../../engine/resources/core/resource-quota.ts";
import { deviceClassResource } from "../../../engine/resources/device/device-class.ts";
import { resourceClaimResource } from "../../../engine/resources/device/resource-claim.ts";
import type { PersistentVolumeClaim, Pod, ResourceClaim } from "../../../engine/resources/types.ts";
import { aDeviceClass } from "../../kit/devices.ts";
import { createTestNamespace } from "../../kit/test-api.ts";
import { startControlPlane, type ControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
  await createTestNamespace(plane.client, "bounded");
});
afterEach(() => plane.stop());

const pod = (name: string, cpu = "100m"): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "bounded" },
  spec: { containers: [{ name: "c", image: "i", resources: { requests: { cpu } } }] },
});
const quotaOf = async (hard: Record<string, string>) => {
  await plane.client.for(resourceQuotaResource).create({ apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q", namespace: "bounded" }, spec: { hard } });
  await plane.clock.settle();
};
const used = async () => (await plane.client.for(resourceQuotaResource).get("bounded", "q")).status?.used;
const create = (object: Pod) =>
  plane.client
    .for(podResource)
    .create(object)
    .then(
      () => "made",
      (error: unknown) => (error as StatusError).message,
    );

test("a namespace gets what its quota leaves, and what goes is given to the next", async () => {
  await quotaOf({ pods: "2", "requests.cpu": "250m", "count/configmaps": "5" });
  expect(await used()).toEqual({ pods: "0", "requests.cpu": "0", "count/configmaps": "1" }); // the root CA's ConfigMap
  expect(await create(pod("a"))).toBe("made");
  expect(await create(pod("b", "200m"))).toBe('pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=200m, used: requests.cpu=100m, limited: requests.cpu=250m');
  expect(await create(pod("b"))).toBe("made");
  expect(await create(pod("c", "10m"))).toContain("exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2");
  expect(await used()).toEqual({ pods: "2", "requests.cpu": "200m", "count/configmaps": "1" });
  await plane.client.for(podResource).delete("bounded", "a", { gracePeriodSeconds: 0 });
  await plane.clock.settle();
  expect(await used()).toEqual({ pods: "1", "requests.cpu": "100m", "count/configmaps": "1" });
  expect(await create(pod("c"))).toBe("made");
});

test("a pod that shrinks is counted with what it has until it has given it back", async () => {
  await quotaOf({ "requests.cpu": "1" });
  await create(pod("a", "600m"));
  const pods = plane.client.for(podResource);
  const has = async (cpu: string) => {
    await pods.patch(
      "bounded",
      "a",
      "merge",
      { status: { phase: "Running", containerStatuses: [{ name: "c", image: "i", imageID: "", ready: true, restartCount: 0, resources: { requests: { cpu } } }] } },
      { subresource: "status" },
    );
    await plane.clock.settle();
  };
  await has("600m");
  await pods.patch("bounded", "a", "strategic", { spec: { containers: [{ name: "c", resources: { requests: { cpu: "200m" } } }] } }, { subresource: "resize" });
  await plane.clock.settle();
  expect([await used(), await create(pod("b", "500m"))]).toEqual([{ "requests.cpu": "600m" }, expect.stringContaining("exceeded quota")]);
  await has("200m");
  expect([await used(), await create(pod("b", "500m"))]).toEqual([{ "requests.cpu": "200m" }, "made"]);
});

test("a pod that is given a deadline is charged to those who bound pods with one", async () => {
  await plane.client
    .for(resourceQuotaResource)
    .create({ apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q", namespace: "bounded" }, spec: { hard: { pods: "1" }, scopes: ["Terminating"] } });
  await plane.clock.settle();
  for (const name of ["a", "b"]) expect(await create(pod(name))).toBe("made");
  const end = (name: string) =>
    plane.client
      .for(podResource)
      .patch("bounded", name, "merge", { spec: { activeDeadlineSeconds: 600 } })
      .then(
        () => "ends",
        (error: unknown) => (error as StatusError).message,
      );
  expect(await end("a")).toBe("ends");
  expect(await used()).toEqual({ pods: "1" });
  expect(await end("b")).toBe('pods "b" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1');
});

test("of many writers at once no more get through than the quota allows", async () => {
  await quotaOf({ pods: "5" });
  const results = await Promise.all(Array.from({ length: 20 }, (_nothing, index) => create(pod(`p-${index}`))));
  expect(results.filter((result) => result === "made")).toHaveLength(5);
  expect(await used()).toEqual({ pods: "5" });
});

test("a dry run is judged and charges nothing", async () => {
  await quotaOf({ pods: "1" });
  await plane.client.for(podResource).create(pod("dry"), { dryRun: true });
  expect(await used()).toEqual({ pods: "0" });
  expect(await create(pod("real"))).toBe("made");
  await expect(plane.client.for(podResource).create(pod("dry"), { dryRun: true })).rejects.toThrow("exceeded quota");
});

test("a charge whose write failed is found by the next count", async () => {
  await quotaOf({ "count/configmaps": "9" });
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "twice", namespace: "bounded" } };
  await plane.client.for(configMapResource).create(map);
  await expect(plane.client.for(configMapResource).create(map)).rejects.toThrow("already exists");
  await plane.clock.advance(5 * 60_000 + 1_000);
  expect(await used()).toEqual({ "count/configmaps": "2" });
});

test("objects of custom kinds are counted as all others, from when their kind is there", async () => {
  await quotaOf({ "count/crontabs.stable.example.com": "1" });
  const names = { plural: "crontabs", singular: "crontab", kind: "CronTab", listKind: "CronTabList" };
  const schema = { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties: { cron: { type: "string" } } } } } } as const;
  await plane.client.for(customResourceDefinitionResource).create({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "crontabs.stable.example.com" },
    spec: { group: "stable.example.com", scope: "Namespaced", names, versions: [{ name: "v1", served: true, storage: true, schema }] },
  });
  await plane.clock.advance(5_000);
  const crontabs = plane.client.for({ group: "stable.example.com", version: "v1", resource: "crontabs", kind: "CronTab", namespaced: true });
  const make = (name: string) =>
    crontabs.create({ apiVersion: "stable.example.com/v1", kind: "CronTab", metadata: { name, namespace: "bounded" } }).then(
      () => "made",
      (error: unknown) => (error as StatusError).message,
    );
  expect(await make("a")).toBe("made");
  expect(await make("b")).toContain("exceeded quota: q, requested: count/crontabs.stable.example.com=1, used: count/crontabs.stable.example.com=1, limited: count/crontabs.stable.example.com=1");
  await plane.clock.advance(15_000);
  expect(await used()).toEqual({ "count/crontabs.stable.example.com": "1" });
  await crontabs.delete("bounded", "a");
  await plane.clock.advance(15_000);
  expect([await used(), await make("b")]).toEqual([{ "count/crontabs.stable.example.com": "0" }, "made"]);
});

test("a changed quota is counted anew", async () => {
  await quotaOf({ pods: "1" });
  await create(pod("a"));
  await plane.client.for(resourceQuotaResource).patch("bounded", "q", "merge", { spec: { hard: { pods: "3", "requests.cpu": "1" } } });
  await plane.clock.settle();
  expect((await plane.client.for(resourceQuotaResource).get("bounded", "q")).status).toEqual({ hard: { pods: "3", "requests.cpu": "1" }, used: { pods: "1", "requests.cpu": "100m" } });
  expect(plane.warnings).toEqual([]);
});

test("a claim counts for the class that its volume has until the volume has another, and for what its volume was to grow to until that is given up", async () => {
  const claims = plane.client.for(persistentVolumeClaimResource);
  const bound: PersistentVolumeClaim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", namespace: "bounded" },
    spec: { accessModes: ["ReadWriteOnce"], volumeAttributesClassName: "silver", volumeName: "pv", storageClassName: "", resources: { requests: { storage: "1Gi" } } },
  };
  await claims.create(bound);
  const tell = async (status: NonNullable<PersistentVolumeClaim["status"]>) => {
    await claims.updateStatus({ ...(await claims.get("bounded", "data")), status: { phase: "Bound", accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, ...status } });
    await plane.clock.settle();
  };
  await tell({ currentVolumeAttributesClassName: "gold", allocatedResources: { storage: "3Gi" } });
  const scopeSelector = { matchExpressions: [{ scopeName: "VolumeAttributesClass", operator: "In", values: ["gold"] }] };
  await plane.client
    .for(resourceQuotaResource)
    .create({ apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q", namespace: "bounded" }, spec: { hard: { persistentvolumeclaims: "2", "requests.storage": "9Gi" }, scopeSelector } });
  await plane.clock.settle();
  expect(await used()).toEqual({ persistentvolumeclaims: "1", "requests.storage": "3Gi" });
  await tell({ currentVolumeAttributesClassName: "gold", allocatedResources: { storage: "1Gi" } });
  expect(await used()).toEqual({ persistentvolumeclaims: "1", "requests.storage": "1Gi" });
  await tell({ currentVolumeAttributesClassName: "silver", allocatedResources: { storage: "1Gi" } });
  expect(await used()).toEqual({ persistentvolumeclaims: "0", "requests.storage": "0" });
});

test("devices count against the extended resource that their class stands behind, whoever asks for them", async () => {
  await plane.client.for(deviceClassResource).create(aDeviceClass("cards", { extendedResourceName: "example.com/card" }));
  const [chosen, own] = ["requests.example.com/card", "requests.deviceclass.resource.kubernetes.io/cards"];
  await quotaOf({ [chosen]: "3", [own]: "9" });
  const claim = (name: string, count: number): ResourceClaim => ({
    apiVersion: "resource.k8s.io/v1",
    kind: "ResourceClaim",
    metadata: { name, namespace: "bounded" },
    spec: { devices: { requests: [{ name: "a", exactly: { deviceClassName: "cards", count } }] } },
  });
  const claims = plane.client.for(resourceClaimResource);
  await claims.create(claim("two", 2));
  expect(await used()).toEqual({ [chosen]: "2", [own]: "2" });
  const wanting = (name: string) => ({ ...pod(name), spec: { containers: [{ name: "c", image: "i", resources: { requests: { "example.com/card": "1" }, limits: { "example.com/card": "1" } } }] } });
  expect(await create(wanting("a"))).toBe("made");
  expect(await create(wanting("b"))).toContain(`exceeded quota: q, requested: ${chosen}=1, used: ${chosen}=3, limited: ${chosen}=3`);
  await expect(claims.create(claim("one", 1))).rejects.toThrow(`exceeded quota: q, requested: ${chosen}=1, used: ${chosen}=3, limited: ${chosen}=3`);
  // What the scheduler makes for the pod has been charged to it.
  const {
    metadata: { uid = "" },
  } = await plane.client.for(podResource).get("bounded", "a");
  await claims.create({
    ...claim("for-a", 1),
    metadata: {
      name: "for-a",
      namespace: "bounded",
      annotations: { "resource.kubernetes.io/extended-resource-claim": "true" },
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "a", uid, controller: true }],
    },
  });
  expect(await used()).toEqual({ [chosen]: "3", [own]: "3" });
  await claims.delete("bounded", "two");
  await plane.clock.settle();
  expect(await used()).toEqual({ [chosen]: "1", [own]: "1" });
});
