import { afterEach, beforeEach, expect, test } from "vitest";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { resourceQuotaResource } from "../../../engine/resources/core/resource-quota.ts";
import type { Pod } from "../../../engine/resources/types.ts";
import { createTestNamespace } from "../../kit/test-api.ts";
import { startControlPlane, type ControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
  await createTestNamespace(plane.client, "bounded");
});
afterEach(() => plane.stop());

const pod = (name: string, cpu = "100m"): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "bounded" }, spec: { containers: [{ name: "c", image: "i", resources: { requests: { cpu } } }] } });
const quotaOf = async (hard: Record<string, string>) => {
  await plane.client.for(resourceQuotaResource).create({ apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q", namespace: "bounded" }, spec: { hard } });
  await plane.clock.settle();
};
const used = async () => (await plane.client.for(resourceQuotaResource).get("bounded", "q")).status?.used;
const create = (object: Pod) => plane.client.for(podResource).create(object).then(() => "made", (error: unknown) => (error as StatusError).message);

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

test("a changed quota is counted anew", async () => {
  await quotaOf({ pods: "1" });
  await create(pod("a"));
  await plane.client.for(resourceQuotaResource).patch("bounded", "q", "merge", { spec: { hard: { pods: "3", "requests.cpu": "1" } } });
  await plane.clock.settle();
  expect((await plane.client.for(resourceQuotaResource).get("bounded", "q")).status).toEqual({ hard: { pods: "3", "requests.cpu": "1" }, used: { pods: "1", "requests.cpu": "100m" } });
  expect(plane.warnings).toEqual([]);
});
