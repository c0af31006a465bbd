import { describe, expect, test } from "vitest";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { clusterRoleBindingResource } from "../../../engine/resources/rbac/cluster-role-binding.ts";
import { clusterRoleResource } from "../../../engine/resources/rbac/cluster-role.ts";
import type { ConfigMap, PolicyRule, Service } from "../../../engine/resources/types.ts";
import { startTestApi, type TestApi } from "../../kit/test-api.ts";

const on = (...enabled: string[]): Promise<TestApi> => startTestApi({ admissionChoice: { enabled, disabled: [] } });
const map = (name: string, namespace = "default", metadata: object = {}): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, ...metadata } });

test("a Service takes over no address that it has not had before", async () => {
  await using open = await on();
  const service = (name: string, externalIPs?: readonly string[]): Service => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default" },
    spec: { ports: [{ port: 80 }], ...(externalIPs === undefined ? {} : { externalIPs }) },
  });
  await open.client.for(serviceResource).create(service("free", ["192.0.2.1"]));
  await using api = await on("DenyServiceExternalIPs");
  const services = api.client.for(serviceResource);
  await expect(services.create(service("a", ["192.0.2.1"]))).rejects.toThrow('services "a" is forbidden: Use of external IPs is denied by admission control');
  await services.create(service("a"));
  await expect(services.patch("default", "a", "merge", { spec: { externalIPs: ["192.0.2.1"] } })).rejects.toThrow("Use of external IPs is denied");
  await services.patch("default", "a", "merge", { metadata: { labels: { a: "b" } } });
});

describe("namespaces", () => {
  test("come with their first object where that is wanted, but not by a dry run", async () => {
    await using api = await on("NamespaceAutoProvision");
    await expect(api.client.for(configMapResource).create(map("a", "new"), { dryRun: true })).rejects.toThrow('namespaces "new" not found');
    await api.client.for(configMapResource).create(map("a", "new"));
    await api.client.for(configMapResource).create(map("b", "new"));
    expect((await api.client.for(namespaceResource).get("", "new")).status?.phase).toBe("Active");
  });

  test("must be there for whatever is written", async () => {
    await using api = await on("NamespaceExists");
    await expect(api.client.for(configMapResource).create(map("a", "none"))).rejects.toThrow('namespaces "none" not found');
    await api.client.for(configMapResource).create(map("a"));
    await api.client.for(configMapResource).patch("default", "a", "merge", { data: { a: "b" } });
    await api.client.for(configMapResource).delete("default", "a");
  });
});

describe("owners of objects", () => {
  const owner = (more: object = {}) => ({ ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "1", ...more }] });

  async function withRights(...rules: PolicyRule[]): Promise<TestApi> {
    const api = await on("OwnerReferencesPermissionEnforcement");
    await api.client.for(clusterRoleResource).create({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "some" },
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "create", "update", "patch"] }, ...rules],
    });
    await api.client.for(clusterRoleBindingResource).create({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "some" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "some" },
      subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "ann" }],
    });
    await api.store.caughtUp();
    return api;
  }
  const maps = (api: TestApi) => api.as("ann").for(configMapResource);

  test("may be given at the beginning, and later by whoever might delete the object", async () => {
    await using api = await withRights();
    await maps(api).create(map("born", "default", owner()));
    await maps(api).create(map("late"));
    await expect(maps(api).patch("default", "late", "merge", { metadata: owner() })).rejects.toThrow('configmaps "late" is forbidden: cannot set an ownerRef on a resource you can\'t delete: ');
    await maps(api).patch("default", "late", "merge", { data: { a: "b" } });
    await using able = await withRights({ apiGroups: [""], resources: ["configmaps"], verbs: ["delete"] });
    await maps(able).create(map("late"));
    await maps(able).patch("default", "late", "merge", { metadata: owner() });
  });

  test("are kept from ending only by those who may change their finalizers", async () => {
    const blocking = owner({ blockOwnerDeletion: true });
    await using api = await withRights();
    await expect(maps(api).create(map("a", "default", blocking))).rejects.toThrow("cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ");
    await expect(maps(api).create(map("a", "default", owner({ kind: "Ship", blockOwnerDeletion: true })))).rejects.toThrow(
      'cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion apps/v1 Kind Ship: no matches for kind "Ship" in version "apps/v1"',
    );
    await using able = await withRights({ apiGroups: ["apps"], resources: ["deployments/finalizers"], verbs: ["update"] });
    await maps(able).create(map("a", "default", blocking));
    await using all = await withRights({ apiGroups: ["*"], resources: ["*/finalizers"], verbs: ["update"] });
    await maps(all).create(map("a", "default", owner({ kind: "Ship", blockOwnerDeletion: true })));
  });

  test("are nobody's business where the plugin is off", async () => {
    await using api = await startTestApi({ authorization: ["RBAC"] });
    await api.client.for(configMapResource).create(map("a", "default", owner({ blockOwnerDeletion: true })));
  });
});

test("AlwaysAdmit changes nothing, and AlwaysDeny lets nothing change", async () => {
  await using open = await on("AlwaysAdmit");
  await open.client.for(configMapResource).create(map("a"));
  const { storage } = open;
  await using closed = await startTestApi({ storage, defaultAccounts: false, admissionChoice: { enabled: ["AlwaysDeny"], disabled: [] } });
  const maps = closed.client.for(configMapResource);
  await expect(maps.create(map("b"))).rejects.toThrow('configmaps "b" is forbidden: admission control is denying all modifications');
  await expect(maps.patch("default", "a", "merge", { data: { a: "b" } })).rejects.toThrow("admission control is denying all modifications");
  await expect(maps.delete("default", "a")).rejects.toThrow("admission control is denying all modifications");
  expect((await maps.get("default", "a")).metadata.name).toBe("a");
  await expect(closed.client.for(podResource).get("default", "none")).rejects.toThrow("not found");
});
