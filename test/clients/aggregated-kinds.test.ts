import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { findCondition } from "../../engine/apimachinery/conditions.ts";
import { CertificateVerifier } from "../../engine/auth/authentication/client-certificate.ts";
import { CONTROLLER_USER } from "../../engine/apimachinery/known-users.ts";
import { ConsistencyStore } from "../../engine/client/consistency-store.ts";
import { EventRecorder } from "../../engine/client/event-recorder.ts";
import { InformerFactory } from "../../engine/client/informer-factory.ts";
import type { ControllerContext } from "../../engine/controllers/controller-context.ts";
import { garbageCollector } from "../../engine/controllers/garbage/garbage-collector.ts";
import { namespaceController } from "../../engine/controllers/namespace.ts";
import { RemoteKinds } from "../../engine/controllers/custom-kinds/remote-kinds.ts";
import { runController } from "../../engine/controllers/run-controller.ts";
import { DEFAULT_TIMINGS } from "../../engine/controllers/timings.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { seededRandom } from "../../engine/lib/random.ts";
import { runServices } from "../../engine/lib/service.ts";
import { apiServiceResource } from "../../engine/resources/apiregistration/api-service.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../engine/resources/core/namespace.ts";
import { serviceResource } from "../../engine/resources/core/service.ts";
import type { ConfigMap } from "../../engine/resources/types.ts";
import { availabilityService } from "../../engine/server/aggregation/availability.ts";
import { cronTab, cronTabs, establish, tabs, type CronTab } from "../kit/custom-kinds.ts";
import { findKubectls, runKubectl } from "../kit/kubectl.ts";
import { rawClient } from "../kit/raw-https.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

/** An API server behind another one: itself a whole server, which trusts the front proxy of the first and keeps one kind. */
const SECONDS = { timeout: 20_000 };
const schema = { type: "object", properties: { spec: { type: "object", properties: { cronSpec: { type: "string", description: "When it runs." } } } } };
let api: TestListener;
let behind: TestListener;
let running: AbortController;
let ended: Promise<void>;

beforeAll(async () => {
  api = await startTestListener();
  const proxied = {
    verifier: new CertificateVerifier(api.pki.ca),
    allowedNames: ["front-proxy-client"],
    usernameHeaders: ["x-remote-user"],
    uidHeaders: ["x-remote-uid"],
    groupHeaders: ["x-remote-group"],
    extraHeaderPrefixes: ["x-remote-extra-"],
  };
  behind = await startTestListener({ clientCa: api.pki.ca, authentication: { frontProxy: proxied }, admissionChoice: { enabled: [], disabled: ["NamespaceLifecycle"] } });
  await establish(behind.client, cronTabs(schema));
  const client = api.as(CONTROLLER_USER, [], "kube-controller-manager");
  const base = { client, clock: systemClock, random: seededRandom(1), logger: silentLogger };
  const informers = new InformerFactory(base);
  const context: ControllerContext = {
    ...base,
    informers,
    events: new EventRecorder({ ...base, component: "test" }),
    consistency: new ConsistencyStore(),
    metrics: new MetricsRegistry(),
    timings: { ...DEFAULT_TIMINGS, namespacePeriodMs: 100 },
  };
  const remoteKinds = new RemoteKinds(context);
  running = new AbortController();
  ended = runServices(
    [
      availabilityService({ aggregator: api.server.parts.aggregator, store: api.store, client: api.client, clock: systemClock, logger: silentLogger }),
      remoteKinds.asService(),
      runController(garbageCollector(context, remoteKinds), context),
      runController(namespaceController(context), context),
      informers.asService(),
    ],
    running.signal,
  );
  await register();
});
afterAll(async () => {
  running.abort();
  await ended;
  await behind.stop();
  await api.stop();
});

async function register(): Promise<void> {
  const port = Number(new URL(behind.url).port);
  await api.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "behind" } });
  await api.client
    .for(serviceResource)
    .create({ apiVersion: "v1", kind: "Service", metadata: { name: "api", namespace: "behind" }, spec: { type: "ExternalName", externalName: "localhost", ports: [{ port }] } });
  const spec = { group: "stable.example.com", version: "v1", groupPriorityMinimum: 2000, versionPriority: 200, insecureSkipTLSVerify: true, service: { namespace: "behind", name: "api", port } };
  await api.client.for(apiServiceResource).create({ apiVersion: "apiregistration.k8s.io/v1", kind: "APIService", metadata: { name: "v1.stable.example.com" }, spec });
  await vi.waitFor(async () => expect(await availability()).toBe("True"), SECONDS);
}
const availability = async () => findCondition((await api.client.for(apiServiceResource).get("", "v1.stable.example.com")).status?.conditions, "Available")?.status;
const remote = () => api.client.for(tabs);
const maps = () => api.client.for(configMapResource);
const owner = ({ apiVersion, kind, metadata }: CronTab | ConfigMap) => ({ apiVersion, kind, name: metadata.name ?? "", uid: metadata.uid ?? "", blockOwnerDeletion: true });
const map = (name: string, metadata: object = {}): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default", ...metadata } });
const names = async () => (await remote().list("default")).items.map(({ metadata }) => metadata.name);

test("clients in the process read, write and watch what another server keeps", async () => {
  const created = await remote().create(cronTab("first", { cronSpec: "* * * * *" }), { fieldManager: "me" });
  expect(created).toMatchObject({ kind: "CronTab", metadata: { name: "first", managedFields: [{ manager: "me" }] } });
  const { items, resourceVersion } = await remote().list("default");
  expect(items).toMatchObject([{ kind: "CronTab", apiVersion: "stable.example.com/v1", metadata: { name: "first" } }]);
  await expect(remote().create(cronTab("first"))).rejects.toMatchObject({ status: { reason: "AlreadyExists" } });
  const seen: string[] = [];
  const reading = new AbortController();
  const watching = (async () => {
    for await (const { type, object } of remote().watch("default", { resourceVersion }, reading.signal)) seen.push(`${type} ${object.metadata.name} ${String(object.spec?.["cronSpec"])}`);
  })();
  await remote().patch("default", "first", "merge", { spec: { cronSpec: "@daily" } });
  await remote().delete("default", "first");
  await expect.poll(() => seen, SECONDS).toEqual(["MODIFIED first @daily", "DELETED first @daily"]);
  reading.abort();
  await watching;
  await expect(remote().get("default", "first")).rejects.toMatchObject({ status: { reason: "NotFound" } });
});

test("rights are asked for here, and the user's name goes along", async () => {
  await expect(api.as("jane").for(tabs).list("default")).rejects.toThrow('User "jane" cannot list resource "crontabs"');
  await expect(api.as("jane").read("/apis/stable.example.com/v1/namespaces/default/crontabs")).rejects.toThrow('User "jane" cannot list resource "crontabs"');
  await expect(api.client.read("/apis/apps/v1")).rejects.toMatchObject({ status: { reason: "NotFound" } });
});

test("what is kept elsewhere cannot be written in one commit with what is kept here", async () => {
  await expect(api.client.transaction?.(() => remote().create(cronTab("part")))).rejects.toThrow("cannot be written in one commit");
  expect(await names()).toEqual([]);
});

test("its types are in both forms of OpenAPI, and kubectl explains them", async () => {
  const admin = await rawClient(api.url, api.pki, { commonName: "boss", organizations: ["system:masters"] });
  const v2 = JSON.parse((await admin.send("/openapi/v2")).text) as { paths: Record<string, unknown>; definitions: Record<string, { properties?: Record<string, unknown> }> };
  admin.close();
  expect(v2.paths).toHaveProperty(["/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}"]);
  expect(v2.definitions["com.example.stable.v1.CronTab"]?.properties).toHaveProperty("spec");
  const broken = [...JSON.stringify(v2).matchAll(/"#\/definitions\/([^"]+)"/g)].filter(([, name = ""]) => !(name in v2.definitions));
  expect(broken).toEqual([]);
  for (const kubectl of await findKubectls()) expect((await runKubectl(kubectl, api.kubeconfig, ["explain", "crontabs.spec.cronSpec"])).stdout).toContain("When it runs.");
});

test("an owner elsewhere takes with it what it owns here, and one here what it owns there", async () => {
  const there = await remote().create(cronTab("owner"));
  await maps().create(map("owned", { ownerReferences: [owner(there)] }));
  const here = await maps().create(map("owner"));
  await remote().create(cronTab("owned", {}, { metadata: { name: "owned", namespace: "default", ownerReferences: [owner(here)] } }));
  await remote().create(cronTab("stale", {}, { metadata: { name: "stale", namespace: "default", ownerReferences: [{ ...owner(here), uid: "of-another" }] } }));
  await expect.poll(names, SECONDS).toEqual(["owned", "owner"]);
  await remote().delete("default", "owner");
  await maps().delete("default", "owner");
  await expect.poll(async () => (await maps().list("default")).items.map(({ metadata }) => metadata.name), SECONDS).not.toContain("owned");
  await expect.poll(names, SECONDS).toEqual([]);
});

test("foreground and orphan deletions of it are carried out", async () => {
  const front = await remote().create(cronTab("front"));
  const dependent = await remote().create(cronTab("dependent", {}, { metadata: { name: "dependent", namespace: "default", finalizers: ["example.com/hold"], ownerReferences: [owner(front)] } }));
  await remote().delete("default", "front", { propagationPolicy: "Foreground" });
  await expect.poll(async () => (await remote().get("default", "dependent")).metadata.deletionTimestamp, SECONDS).toBeDefined();
  expect(await names()).toContain("front");
  await remote().patch("default", "dependent", "merge", { metadata: { uid: dependent.metadata.uid, finalizers: null } });
  await expect.poll(names, SECONDS).toEqual([]);

  const parent = await remote().create(cronTab("parent"));
  await remote().create(cronTab("child", {}, { metadata: { name: "child", namespace: "default", ownerReferences: [owner(parent)] } }));
  await remote().delete("default", "parent", { propagationPolicy: "Orphan" });
  await expect.poll(names, SECONDS).toEqual(["child"]);
  expect((await remote().get("default", "child")).metadata.ownerReferences).toBeUndefined();
  await remote().delete("default", "child");
});

test("a namespace ends with what is kept of it elsewhere, and not before that is known", async () => {
  const namespaces = api.client.for(namespaceResource);
  await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "tidal" } });
  await remote().create(cronTab("left", {}, { metadata: { name: "left", namespace: "tidal" } }));
  const [service] = (await api.client.for(serviceResource).list("behind")).items;
  if (service === undefined) throw new Error("the Service was made before");
  await api.client.for(serviceResource).delete("behind", "api");
  await expect.poll(availability, SECONDS).toBe("False");
  await namespaces.delete("", "tidal");
  const failing = {
    type: "NamespaceDeletionDiscoveryFailure",
    status: "True",
    reason: "DiscoveryFailed",
    message: expect.stringContaining("Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: stable.example.com/v1: ") as unknown,
  };
  await expect.poll(async () => (await namespaces.get("", "tidal")).status?.conditions, SECONDS).toContainEqual(expect.objectContaining(failing));
  await api.client.for(serviceResource).create({ apiVersion: "v1", kind: "Service", metadata: { name: "api", namespace: "behind" }, spec: service.spec ?? {} });
  await expect.poll(availability, SECONDS).toBe("True");
  await expect.poll(async () => (await namespaces.list("")).items.map(({ metadata }) => metadata.name), SECONDS).not.toContain("tidal");
  expect((await remote().list("tidal")).items).toEqual([]);
});
