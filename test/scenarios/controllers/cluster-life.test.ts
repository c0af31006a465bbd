import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { replicaSetResource } from "../../../engine/resources/apps/replica-set.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { serviceAccountResource } from "../../../engine/resources/core/service-account.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { endpointSliceResource } from "../../../engine/resources/discovery/endpoint-slice.ts";
import type { Deployment } from "../../../engine/resources/types.ts";
import { startControlPlane, telling, type ControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
});
afterEach(() => plane.stop());

const web = (replicas: number, namespace = "default"): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace },
  spec: { replicas, selector: { matchLabels: { app: "web" } }, template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "app", image: "app:1" }] } } },
});
const pods = async (namespace = "default") => (await plane.client.for(podResource).list(namespace)).items;
const createMap = (name: string, owners: readonly KubeObject[] = [], more: object = {}) =>
  plane.client.for(configMapResource).create({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name,
      namespace: "default",
      ownerReferences: owners.map(({ apiVersion, kind, metadata }) => ({ apiVersion, kind, name: metadata.name ?? "", uid: metadata.uid ?? "", blockOwnerDeletion: true })),
      ...more,
    },
  });
const hasMap = async (name: string) => (await plane.client.for(configMapResource).list("default")).items.some(({ metadata }) => metadata.name === name);

describe("a node that falls silent", () => {
  beforeEach(async () => {
    await plane.kubelets.up("n1");
    await plane.kubelets.up("n2");
    await plane.client.for(deploymentResource).create(web(4));
    await plane.client.for(serviceResource).create({ apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "default" }, spec: { selector: { app: "web" }, ports: [{ port: 80 }] } });
    await plane.clock.advance(10_000);
  });
  const readyEndpoints = async () =>
    (await plane.client.for(endpointSliceResource).list("default", { labelSelector: "kubernetes.io/service-name=web" })).items
      .flatMap((slice) => slice.endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready === true)
      .map(({ nodeName }) => nodeName);
  const taints = async (name: string) => ((await plane.client.for(nodeResource).get("", name)).spec?.taints ?? []).map(({ key, effect }) => `${key.replace("node.kubernetes.io/", "")}:${effect}`);

  test("is out of service within a minute, loses its pods after five more, and gets them no earlier", async () => {
    expect((await readyEndpoints()).sort()).toEqual(["n1", "n1", "n2", "n2"]);
    plane.kubelets.down("n2");
    await plane.clock.advance(40_000);
    expect(await taints("n2")).toEqual([]);
    await plane.clock.advance(25_000);
    expect(await taints("n2")).toEqual(["unreachable:NoSchedule", "unreachable:NoExecute"]);
    expect(await readyEndpoints()).toEqual(["n1", "n1"]);
    expect((await pods()).filter(({ metadata }) => metadata.deletionTimestamp !== undefined)).toEqual([]);
    await plane.clock.advance(300_000);
    const now = await pods();
    // Its agent cannot say that they have ended, so they stay, terminating, beside their replacements.
    expect(now.filter(({ metadata, spec }) => metadata.deletionTimestamp !== undefined && spec.nodeName === "n2")).toHaveLength(2);
    expect(now.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ spec }) => spec.nodeName)).toEqual(["n1", "n1", "n1", "n1"]);
    expect(now.find(({ spec }) => spec.nodeName === "n2")?.status?.conditions).toContainEqual(expect.objectContaining({ type: "DisruptionTarget", reason: "DeletionByTaintManager" }));
    await plane.kubelets.up("n2");
    await plane.clock.advance(10_000);
    expect(await taints("n2")).toEqual([]);
    expect(await pods()).toHaveLength(4);
  });

  test("loses nothing when it comes back in time", async () => {
    const before = (await pods()).map(({ metadata }) => metadata.uid).sort();
    plane.kubelets.down("n2");
    await plane.clock.advance(200_000);
    await plane.kubelets.up("n2");
    await plane.clock.advance(400_000);
    expect((await pods()).map(({ metadata }) => metadata.uid).sort()).toEqual(before);
  });

  test("loses nothing when all others are silent too: then it is not the nodes", async () => {
    plane.kubelets.down("n1");
    plane.kubelets.down("n2");
    await plane.clock.advance(900_000);
    expect(await taints("n1")).toEqual(["unreachable:NoSchedule"]);
    expect((await pods()).filter(({ metadata }) => metadata.deletionTimestamp !== undefined)).toEqual([]);
  });

  test("and is removed takes its pods with it after the quarantine", async () => {
    plane.kubelets.down("n2");
    await plane.client.for(nodeResource).delete("", "n2");
    await plane.clock.advance(30_000);
    expect((await pods()).filter(({ spec }) => spec.nodeName === "n2")).toHaveLength(2);
    await plane.clock.advance(60_000);
    expect((await pods()).map(({ spec }) => spec.nodeName)).toEqual(["n1", "n1", "n1", "n1"]);
  });

  test("nodes have ranges of their own", async () => {
    const { items } = await plane.client.for(nodeResource).list("");
    expect(items.map(({ spec }) => spec?.podCIDR).sort()).toEqual(["10.42.0.0/24", "10.42.1.0/24"]);
  });
});

describe("garbage", () => {
  test("follows its owner, through generations", async () => {
    const a = await createMap("a");
    const b = await createMap("b", [a]);
    await createMap("c", [b]);
    await plane.client.for(configMapResource).delete("default", "a");
    await plane.clock.settle();
    expect([await hasMap("b"), await hasMap("c")]).toEqual([false, false]);
  });

  test("in the foreground goes before its owner, while what has another owner stays", async () => {
    const a = await createMap("a");
    const other = await createMap("other");
    await createMap("blocked", [a], { finalizers: ["acme.example/hold"] });
    await createMap("shared", [a, other]);
    await plane.client.for(configMapResource).delete("default", "a", { propagationPolicy: "Foreground" });
    await plane.clock.advance(5_000);
    expect([await hasMap("a"), await hasMap("blocked"), await hasMap("shared")]).toEqual([true, true, true]);
    await plane.client.for(configMapResource).patch("default", "blocked", "merge", { metadata: { finalizers: null } });
    await plane.clock.advance(5_000);
    expect([await hasMap("a"), await hasMap("blocked"), await hasMap("shared")]).toEqual([false, false, true]);
    expect((await plane.client.for(configMapResource).get("default", "shared")).metadata.ownerReferences?.map(({ name }) => name)).toEqual(["other"]);
  });

  test("that owns itself in a circle goes in the foreground too", async () => {
    const a = await createMap("a");
    const b = await createMap("b", [a]);
    await plane.client
      .for(configMapResource)
      .patch("default", "a", "merge", { metadata: { ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "b", uid: b.metadata.uid, blockOwnerDeletion: true }] } });
    await plane.clock.settle();
    await plane.client.for(configMapResource).delete("default", "a", { propagationPolicy: "Foreground" });
    await plane.clock.advance(5_000);
    expect([await hasMap("a"), await hasMap("b")]).toEqual([false, false]);
  });

  test("whose owner never was goes, and that of a kind nobody serves stays", async () => {
    const ghost = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "ghost", uid: "no-such-uid" } };
    await createMap("haunted", [ghost]);
    await createMap("foreign", [{ ...ghost, apiVersion: "acme.example/v1", kind: "Rocket" }]);
    await plane.clock.settle();
    expect([await hasMap("haunted"), await hasMap("foreign")]).toEqual([false, true]);
  });
});

describe("a namespace", () => {
  test("has its account and CA from the beginning, and gets them back", async () => {
    await plane.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
    await plane.clock.settle();
    await plane.client.for(serviceAccountResource).delete("shop", "default");
    await plane.client.for(configMapResource).patch("shop", "kube-root-ca.crt", "merge", { data: { "ca.crt": "forged" } });
    await plane.clock.settle();
    await plane.client.for(serviceAccountResource).get("shop", "default");
    expect((await plane.client.for(configMapResource).get("shop", "kube-root-ca.crt")).data).toEqual({ "ca.crt": "test CA" });
  });

  test("is gone when it is deleted, with everything in it, once its pods have ended", async () => {
    await plane.kubelets.up("n1");
    plane.kubelets.stopMs = 3_000;
    await plane.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
    await plane.clock.settle();
    await plane.client.for(deploymentResource).create(web(2, "shop"));
    await plane.clock.advance(5_000);
    await plane.client.for(namespaceResource).delete("", "shop");
    await plane.clock.advance(1_500);
    expect((await plane.client.for(namespaceResource).get("", "shop")).status?.conditions).toContainEqual(expect.objectContaining({ type: "NamespaceContentRemaining", status: "True" }));
    await plane.clock.advance(10_000);
    expect((await plane.client.for(namespaceResource).list("")).items.map(({ metadata }) => metadata.name)).not.toContain("shop");
    for (const resource of [deploymentResource, replicaSetResource, podResource, configMapResource, serviceAccountResource])
      expect((await plane.client.for<KubeObject>(resource).list("shop")).items).toEqual([]);
    expect(plane.warnings).toEqual([]);
  });

  test("that is ending refuses one of a ReplicaSet's pods at each look, not all of them", async () => {
    let creations = 0;
    const counted = telling((verb, kind) => {
      if (verb === "create" && kind === "Pod") creations++;
    });
    await using own = await startControlPlane({}, { seenThrough: counted });
    await own.kubelets.up("n1");
    await own.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
    await own.clock.settle();
    await own.client.for(deploymentResource).create(web(30, "shop"));
    await own.clock.advance(5_000);
    expect(creations).toBe(30);
    await own.client.for(namespaceResource).delete("", "shop");
    await own.clock.runUntil(async () => (await own.client.for(namespaceResource).list("")).items.every(({ metadata }) => metadata.name !== "shop"), 30_000, "no namespace");
    expect(creations - 30).toBeLessThan(200);
    expect(own.warnings).toEqual([]);
  });
});
