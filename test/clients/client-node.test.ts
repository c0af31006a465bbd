import { AppsV1Api, CoordinationV1Api, CoreV1Api, KubeConfig, KubernetesObjectApi, makeInformer, PatchStrategy, setHeaderOptions, V1MicroTime, Watch, type V1ConfigMap } from "@kubernetes/client-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

let api: TestListener;
let config: KubeConfig;
let core: CoreV1Api;
beforeAll(async () => {
  api = await startTestListener();
  await createTestNamespace(api.client, "js");
  config = new KubeConfig();
  config.loadFromFile(api.kubeconfig);
  core = config.makeApiClient(CoreV1Api);
});
afterAll(() => api.stop());

const namespace = "js";
const map = (name: string, data: Record<string, string>): V1ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data });

test("the official JavaScript client creates, reads, replaces and deletes", async () => {
  const made = await core.createNamespacedConfigMap({ namespace, body: map("crud", { a: "1" }) });
  expect(made.metadata?.creationTimestamp).toBeInstanceOf(Date);
  const read = await core.readNamespacedConfigMap({ namespace, name: "crud" });
  expect(read.data).toEqual({ a: "1" });
  const replaced = await core.replaceNamespacedConfigMap({ namespace, name: "crud", body: { ...read, data: { a: "2" } } });
  expect(replaced.data).toEqual({ a: "2" });
  expect((await core.listNamespacedConfigMap({ namespace, labelSelector: "none=such" })).items).toEqual([]);
  expect((await core.deleteNamespacedConfigMap({ namespace, name: "crud" })).status).toBe("Success");
  await expect(core.readNamespacedConfigMap({ namespace, name: "crud" })).rejects.toMatchObject({ code: 404 });
});

test("it patches in the four ways", async () => {
  const apps = config.makeApiClient(AppsV1Api);
  const template = { metadata: { labels: { app: "x" } }, spec: { containers: [{ name: "c", image: "nginx" }] } };
  await apps.createNamespacedDeployment({ namespace, body: { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x" }, spec: { selector: { matchLabels: { app: "x" } }, template } } });
  const merged = await apps.patchNamespacedDeployment({ namespace, name: "x", body: { spec: { replicas: 2 } } }, setHeaderOptions("Content-Type", PatchStrategy.MergePatch));
  expect(merged.spec?.replicas).toBe(2);
  const json = await apps.patchNamespacedDeployment(
    { namespace, name: "x", body: [{ op: "add", path: "/metadata/labels", value: { a: "b" } }] },
    setHeaderOptions("Content-Type", PatchStrategy.JsonPatch),
  );
  expect(json.metadata?.labels).toEqual({ a: "b" });
  const strategic = await apps.patchNamespacedDeployment(
    { namespace, name: "x", body: { spec: { template: { spec: { containers: [{ name: "d", image: "busybox" }] } } } } },
    setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch),
  );
  expect(strategic.spec?.template.spec?.containers).toHaveLength(2);
  const body = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x", annotations: { by: "ssa" } } };
  const applied = await apps.patchNamespacedDeployment({ namespace, name: "x", body, fieldManager: "js", force: true }, setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply));
  expect(applied.metadata?.annotations).toMatchObject({ by: "ssa" });
  const scale = await apps.readNamespacedDeploymentScale({ namespace, name: "x" });
  expect(scale).toMatchObject({ kind: "Scale", spec: { replicas: 2 }, status: { selector: "app=x" } });
  const scaled = await apps.replaceNamespacedDeploymentScale({ namespace, name: "x", body: { ...scale, spec: { replicas: 5 } } });
  expect(scaled.spec?.replicas).toBe(5);
});

test("its watch delivers events, and its informer follows changes", async () => {
  const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`, () => core.listNamespacedConfigMap({ namespace }));
  const seen: string[] = [];
  const waiting: (() => void)[] = [];
  const note = (what: string) => (object: V1ConfigMap) => {
    if (object.metadata?.name === "informed") seen.push(what);
    for (const wake of waiting.splice(0)) wake();
  };
  const until = async (length: number) => {
    while (seen.length < length) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  informer.on("add", note("add"));
  informer.on("update", note("update"));
  informer.on("delete", note("delete"));
  await informer.start();
  await core.createNamespacedConfigMap({ namespace, body: map("informed", { a: "1" }) });
  await until(1);
  await core.replaceNamespacedConfigMap({ namespace, name: "informed", body: map("informed", { a: "2" }) });
  await until(2);
  await core.deleteNamespacedConfigMap({ namespace, name: "informed" });
  await until(3);
  expect(seen).toEqual(["add", "update", "delete"]);
  await informer.stop();
});

test("a raw watch ends when the server says so", async () => {
  await core.createNamespacedConfigMap({ namespace, body: map("seen", {}) });
  const types: string[] = [];
  await new Promise<void>((resolve, reject) => {
    void new Watch(config).watch(
      `/api/v1/namespaces/${namespace}/configmaps`,
      { timeoutSeconds: 1, fieldSelector: "metadata.name=seen" },
      (type) => types.push(type),
      (error: unknown) => (error instanceof Error && !/aborted/.test(error.message) ? reject(error) : resolve()),
    );
  });
  expect(types).toEqual(["ADDED"]);
});

test("it reads kinds it does not know, by discovery", async () => {
  const objects = KubernetesObjectApi.makeApiClient(config);
  const made = await objects.create({ apiVersion: "mainstay.dev/v1alpha1", kind: "Application", metadata: { name: "shop" } });
  expect(made.metadata).toHaveProperty("uid");
  expect((await objects.list("mainstay.dev/v1alpha1", "Application")).items).toHaveLength(1);
});

test("leases are created by PUT and renewed", async () => {
  const leases = config.makeApiClient(CoordinationV1Api);
  const body = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "leader", namespace },
    spec: { holderIdentity: "a", renewTime: new V1MicroTime("2026-01-01T00:00:00.123456Z") },
  };
  const made = await leases.replaceNamespacedLease({ namespace, name: "leader", body });
  expect(made.spec?.holderIdentity).toBe("a");
  const renewed = await leases.replaceNamespacedLease({ namespace, name: "leader", body: { ...made, spec: { ...made.spec, holderIdentity: "b" } } });
  expect(renewed.spec?.holderIdentity).toBe("b");
  await expect(leases.replaceNamespacedLease({ namespace, name: "leader", body: made })).rejects.toMatchObject({ code: 409 });
});
