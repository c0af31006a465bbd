import { expect, test } from "vitest";
import { RequestNotes } from "../../../engine/apimachinery/request-notes.ts";
import { MetricsRegistry } from "../../../engine/lib/metrics.ts";
import { meterProcess } from "../../../engine/lib/process-metrics.ts";
import { apiServiceResource } from "../../../engine/resources/apiregistration/api-service.ts";
import { customResourceDefinitionResource } from "../../../engine/resources/apiextensions/custom-resource-definition.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { meterStorageSize, withStorageMetrics } from "../../../engine/storage/metered-storage.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { cronTabs, establish, tabs } from "../../kit/custom-kinds.ts";
import { adminUser, startTestApi } from "../../kit/test-api.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const map = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" } });

test("requests are counted by what they did, to what, where, and how it ended", async () => {
  await using api = await startTestApi();
  const maps = api.client.for(configMapResource);
  await maps.create(map("a"));
  await maps.create(map("b"), { dryRun: true });
  await maps.apply(map("c"), { fieldManager: "me" });
  await expect(maps.get("default", "none")).rejects.toThrow();
  await maps.list("");
  await api.store.caughtUp();
  const text = api.server.metrics.render();
  const line = (verb: string, scope: string, code: number, dryRun = "") =>
    `apiserver_request_total{code="${code}",component="apiserver",dry_run="${dryRun}",group="",resource="configmaps",scope="${scope}",subresource="",system_client="",verb="${verb}",version="v1"} 1`;
  for (const expected of [line("POST", "resource", 201), line("POST", "resource", 201, "All"), line("APPLY", "resource", 201), line("GET", "resource", 404), line("LIST", "cluster", 200)])
    expect(text).toContain(expected);
  expect(text).toMatch(/apiserver_request_duration_seconds_count\{component="apiserver",dry_run="",group="",resource="configmaps",scope="cluster",subresource="",verb="LIST",version="v1"\} 1/);
  expect(text).toContain('apiserver_current_inflight_requests{request_kind="readOnly"} 0');
  expect(text).toContain('apiserver_resource_objects{group="",resource="configmaps"} 2');
  expect(text).toContain('apiserver_storage_objects{resource="flowschemas.flowcontrol.apiserver.k8s.io"} 0');
  expect(text).toMatch(/kubernetes_build_info\{git_version="v1\.\d+\.\d+/);
});

test("the store is counted and timed by operation and kind, failures too", async () => {
  const clock = new VirtualClock();
  const registry = new MetricsRegistry();
  const storage = withStorageMetrics(openMemoryStorage(), registry, clock);
  const key = "/registry/apps/deployments/default/web";
  await storage.commit([{ key, modRevision: 0 }], [{ do: "put", key, value: Buffer.from("{}") }]);
  await storage.commit([], [{ do: "delete", key }]);
  await storage.list("/registry/core/pods/");
  await expect(storage.list("/registry/core/pods/", { revision: 99 })).rejects.toThrow("in the future");
  const text = registry.render();
  expect(text).toContain('etcd_requests_total{group="apps",operation="create",resource="deployments"} 1');
  expect(text).toContain('etcd_requests_total{group="apps",operation="delete",resource="deployments"} 1');
  expect(text).toContain('etcd_request_duration_seconds_count{group="",operation="list",resource="pods"} 2');
  expect(text).toContain('etcd_request_errors_total{group="",operation="list",resource="pods"} 1');
});

test("upstream's components are told apart from other clients, by the beginning of their user agents", async () => {
  await using api = await startTestApi();
  await api.as("system:kube-scheduler", ["system:masters"], "kube-scheduler/v1.36.2 (linux/amd64)").for(configMapResource).list("default");
  await api.as("ann", ["system:masters"], "kube-scheduler-of-mine/1").for(configMapResource).list("default");
  const text = api.server.metrics.render();
  const line = (client: string, count: number) =>
    `apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="configmaps",scope="namespace",subresource="",system_client="${client}",verb="LIST",version="v1"} ${count}`;
  expect(text).toContain(line("kube-scheduler", 1));
  expect(text).toContain(line("", 1));
});

test("what is deprecated and has been asked for is told, to the audit log as well", async () => {
  await using api = await startTestApi();
  expect(api.server.metrics.render()).not.toContain("apiserver_requested_deprecated_apis{");
  const notes = new RequestNotes();
  const ask = (resource: string, username = "kubernetes-admin", groups: readonly string[] = ["system:masters"]) =>
    api.server.handle({ verb: "list", options: {}, namespace: "default", user: { username, groups }, userAgent: "test", resource: { group: "", version: "v1", resource }, notes });
  await expect(ask("endpoints", "eve", [])).rejects.toThrow("forbidden");
  await ask("configmaps");
  expect(api.server.metrics.render()).not.toContain("apiserver_requested_deprecated_apis{");
  await ask("endpoints");
  expect(api.server.metrics.render()).toContain('apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",subresource="",version="v1"} 1');
  expect(notes.annotations.get("k8s.io/deprecated")).toBe("true");
});

test("what the store tells of is counted by kind", async () => {
  const registry = new MetricsRegistry();
  const storage = withStorageMetrics(openMemoryStorage(), registry, new VirtualClock());
  const put = (key: string) => ({ do: "put" as const, key, value: Buffer.from("{}") });
  await storage.commit([], [put("/registry/apps/deployments/default/web"), put("/registry/core/pods/default/a"), put("/registry/core/pods/default/b")]);
  const last = await storage.commit([], [{ do: "delete", key: "/registry/core/pods/default/a" }]);
  const stop = new AbortController();
  for await (const { revision } of storage.watch("/registry/", 0, stop.signal)) if (revision === last.revision) stop.abort();
  // What a kind's cache has forgotten is read again.
  for await (const { revision } of storage.watch("/registry/core/pods/", 0, new AbortController().signal)) if (revision === last.revision) break;
  expect(registry.render()).toContain('apiserver_storage_events_received_total{group="apps",resource="deployments"} 1');
  expect(registry.render()).toContain('apiserver_storage_events_received_total{group="",resource="pods"} 3');
});

test("who looks at what the store tells of no longer ends its watch", async () => {
  let isEnded = false;
  const told = async function* () {
    try {
      for (let revision = 1; ; revision++) yield { revision, events: [] };
    } finally {
      isEnded = true;
    }
  };
  const storage = withStorageMetrics({ ...openMemoryStorage(), watch: told }, new MetricsRegistry(), new VirtualClock());
  for await (const { revision } of storage.watch("/registry/", 0, new AbortController().signal)) if (revision === 3) break;
  expect(isEnded).toBe(true);
});

test("how large the store is, is asked when somebody reads the page, and left out when nobody can tell", async () => {
  const registry = new MetricsRegistry();
  let bytes: number | undefined = 4096;
  meterStorageSize(registry, { sizeBytes: async () => bytes ?? Promise.reject(new Error("away")) });
  expect(registry.render()).not.toContain("apiserver_storage_size_bytes{");
  expect(await registry.page()).toContain('apiserver_storage_size_bytes{storage_cluster_id="etcd-0"} 4096');
  bytes = undefined;
  expect(await registry.page()).not.toContain("apiserver_storage_size_bytes{");
});

test("the process tells what it uses", () => {
  const registry = new MetricsRegistry();
  meterProcess(registry, new VirtualClock());
  expect(Number(/process_resident_memory_bytes (\d+)/.exec(registry.render())?.[1])).toBeGreaterThan(1_000_000);
});

test("who calls, what they may, and what admission makes of it is counted, by kind of user and not by name", async () => {
  const ann = { username: "ann@example.com", groups: ["system:authenticated"] };
  await using api = await startTestApi({ authentication: { staticTokens: new Map([["good", ann]]), anonymous: { isEnabled: false } } });
  const { authenticator } = api.server.parts;
  await authenticator.authenticate({ bearer: "good" });
  await expect(authenticator.authenticate({ bearer: "bad" })).rejects.toThrow();
  await expect(authenticator.authenticate({})).rejects.toThrow();
  await expect(api.as("ann@example.com").for(configMapResource).list("default")).rejects.toThrow();
  await api.client.for(configMapResource).create(map("a"));
  await expect(api.client.for(configMapResource).create({ ...map("b"), metadata: { name: "b", namespace: "none" } })).rejects.toThrow();
  const text = api.server.metrics.render();
  for (const expected of [
    'authenticated_user_requests{username="email_id"} 1',
    'authentication_attempts{result="success"} 1',
    'authentication_attempts{result="error"} 1',
    'authentication_attempts{result="failure"} 1',
    'authentication_duration_seconds_count{result="success"} 1',
    'authorization_attempts_total{result="no-opinion"} 1',
    'authorization_duration_seconds_count{result="no-opinion"} 1',
    'apiserver_admission_step_admission_duration_seconds_count{operation="CREATE",rejected="false",type="validate"}',
    'apiserver_admission_controller_admission_duration_seconds_count{name="NamespaceLifecycle",operation="CREATE",rejected="true",type="validate"} 1',
  ])
    expect(text).toContain(expected);
  expect(text).toMatch(/authorization_attempts_total\{result="allowed"\} \d+/);
  await expect(
    api.server.handle({
      verb: "get",
      name: "n1",
      namespace: "",
      user: { username: "system:node:n1", groups: ["system:nodes", "system:authenticated"] },
      userAgent: "test",
      resource: { group: "", version: "v1", resource: "nodes" },
    }),
  ).rejects.toThrow("not found");
  expect(api.server.metrics.render()).toContain('apiserver_authorization_decisions_total{decision="allowed",name="node",type="Node"} 1');
});

test("what was counted of a custom kind is forgotten with it, and begins anew when it comes back", async () => {
  await using api = await startTestApi();
  const define = async () => {
    await establish(api.client, cronTabs({ type: "object", "x-kubernetes-preserve-unknown-fields": true }));
    await api.store.caughtUp();
    await expect.poll(() => api.client.for(tabs).list("")).toMatchObject({ items: [] });
  };
  const counted = (text: string) => text.split("\n").filter((line) => line.includes('resource="crontabs"') && /(?:request_total|duration_seconds_count)\{/.test(line));
  await define();
  const before = counted(await api.server.metrics.page());
  expect(before.length).toBeGreaterThan(1);
  const definitions = api.client.for(customResourceDefinitionResource);
  const name = "crontabs.stable.example.com";
  await definitions.delete("", name);
  // A controller would do so once its objects are gone.
  const { metadata, ...definition } = await definitions.get("", name);
  await definitions.update({ ...definition, metadata: { ...metadata, finalizers: [] } });
  await expect.poll(() => definitions.list("").then(({ items }) => items.length)).toBe(0);
  await api.store.caughtUp();
  await expect.poll(async () => counted(await api.server.metrics.page())).toEqual([]);
  await define();
  expect(counted(await api.server.metrics.page()).length).toBeGreaterThan(1);
});

test("what was counted of kinds that other servers answer for is forgotten with their servers, and not with kinds of ours", async () => {
  await using api = await startTestApi();
  const services = api.client.for(apiServiceResource);
  const [group, version] = ["remote.example.com", "v1"];
  await services.create({
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: `${version}.${group}` },
    spec: { group, version, groupPriorityMinimum: 100, versionPriority: 10, insecureSkipTLSVerify: true, service: { namespace: "default", name: "remote" } },
  });
  await api.store.caughtUp();
  await api.server.metrics.page();
  api.server.requests.begin({ verb: "list", user: adminUser, userAgent: "test", resource: { group, version, resource: "flunders" }, namespace: "", options: {} })(200, 0.1);
  const counted = async () => (await api.server.metrics.page()).split("\n").filter((line) => line.includes('resource="flunders"') && line.includes("request_total{"));
  await establish(api.client, cronTabs({ type: "object" }));
  await expect.poll(() => api.client.for(tabs).list("")).toMatchObject({ items: [] });
  expect(await counted()).toHaveLength(1);
  await services.delete("", `${version}.${group}`);
  await api.store.caughtUp();
  await expect.poll(counted).toEqual([]);
});
