import { createServer, type Server } from "node:https";
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../engine/lib/clock.ts";
import { openGrpcChannel } from "../../engine/lib/grpc/grpc.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { systemRandom } from "../../engine/lib/random.ts";
import type { Service } from "../../engine/lib/service.ts";
import { SpanExporter } from "../../engine/lib/tracing/span-exporter.ts";
import { Tracer } from "../../engine/lib/tracing/tracer.ts";
import { mutatingWebhookConfigurationResource } from "../../engine/resources/admissionregistration/mutating-webhook-configuration.ts";
import { validatingWebhookConfigurationResource } from "../../engine/resources/admissionregistration/validating-webhook-configuration.ts";
import { clusterRoleBindingResource } from "../../engine/resources/rbac/cluster-role-binding.ts";
import { rawClient, type RawAnswer, type RawOptions } from "../kit/raw-https.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";
import { TraceCollector, type CollectedSpan } from "../kit/trace-collector.ts";

/** Spans of requests over HTTPS, as a collector gets them over gRPC. Only those are recorded that a sender who may wants to be. */
let api: TestListener;
let collector: TraceCollector;
let admin: Awaited<ReturnType<typeof rawClient>>;
let eve: Awaited<ReturnType<typeof rawClient>>;
let sent: Promise<void>;
const running = new AbortController();

/** Sends spans a moment after they are there, and not after seconds. */
const impatientClock = { ...systemClock, after: (ms: number, callback: () => void) => systemClock.after(Math.min(ms, 20), callback) };

beforeAll(async () => {
  collector = new TraceCollector();
  await collector.start();
  const exporter = new SpanExporter({
    channel: openGrpcChannel(collector.address),
    resource: { "service.name": "apiserver" },
    clock: impatientClock,
    logger: silentLogger,
    metrics: new MetricsRegistry(),
  });
  const exporting: Service = exporter.asService();
  sent = exporting.run(running.signal);
  api = await startTestListener({ tracer: new Tracer({ clock: systemClock, random: systemRandom, sampledShare: 0, ended: (span) => exporter.add(span) }) });
  admin = await rawClient(api.url, api.pki, { commonName: "root", organizations: ["system:masters"] });
  eve = await rawClient(api.url, api.pki, { commonName: "eve", organizations: ["devs"] });
  await createTestNamespace(api.client, "shop");
  await api.client.for(clusterRoleBindingResource).create({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "eve" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "eve" }],
  });
});
afterAll(async () => {
  admin.close();
  eve.close();
  await api.stop();
  running.abort();
  await sent;
  collector.stop();
});

const SPAN = "00f067aa0ba902b7";
const PATH = "/api/v1/namespaces/shop/configmaps";
const newTraceId = () => systemRandom.uuid().replaceAll("-", "");
const map = (name: string, data: object = {}) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });

interface Traced {
  readonly answer: RawAnswer;
  readonly traceId: string;
  /** The span of the request. */
  readonly root: CollectedSpan;
  readonly spans: readonly CollectedSpan[];
}

/** A request that the administrator wants to be recorded, and its spans: they have all ended before that of the request. */
async function traced(
  path: string,
  { method = "GET", body, headers = {} }: { readonly method?: string; readonly body?: object | string; readonly headers?: RawOptions["headers"] } = {},
): Promise<Traced> {
  const traceId = newTraceId();
  const answer = await admin.send(path, {
    method,
    headers: { "user-agent": "probe/1 (x)", "content-type": "application/json", traceparent: `00-${traceId}-${SPAN}-01`, ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const root = await collector.until((spans) => spans.find((span) => span.traceId === traceId && span.kind === 2));
  return { answer, traceId, root, spans: collector.spans.filter((span) => span.traceId === traceId) };
}

/** `name`, and what is below it. */
function treeOf({ spans }: Traced, parentId = SPAN): readonly unknown[] {
  return spans
    .filter((span) => span.parentId === parentId)
    .sort((a, b) => a.startMs - b.startMs)
    .map(({ name, spanId }) => {
      const below = treeOf({ spans } as Traced, spanId);
      return below.length === 0 ? name : [name, ...below];
    });
}
const spanNamed = ({ spans }: Traced, name: string) => {
  const found = spans.find((span) => span.name === name);
  if (found === undefined) throw new Error(`no span ${name} among ${spans.map((span) => span.name).join(", ")}`);
  return found;
};
const eventsOf = (trace: Traced, name: string) => spanNamed(trace, name).events.map((event) => event.name);

describe("the spans of", () => {
  test("a create", async () => {
    const trace = await traced(`${PATH}?fieldManager=probe`, { method: "POST", body: map("a") });
    expect(trace.answer.code).toBe(201);
    expect(treeOf(trace)).toEqual([["POST /api/v1/namespaces/{:namespace}/configmaps", "priorityandfairness", "authorization", ["Create", "Create etcd3", "SerializeObject"]]]);
    const auditId = String(trace.answer.headers["audit-id"]);
    const { port } = new URL(api.url);
    expect(trace.root).toMatchObject({ parentId: SPAN, flags: 0x301, failure: undefined, links: [] });
    expect(trace.root.attributes).toEqual({
      "server.address": "127.0.0.1",
      "server.port": Number(port),
      "http.request.method": "POST",
      "url.scheme": "https",
      "url.path": PATH,
      "http.target": `${PATH}?fieldManager=probe`,
      "network.peer.address": "127.0.0.1",
      "network.peer.port": expect.any(Number),
      "client.address": "127.0.0.1",
      "network.protocol.version": "1.1",
      "user_agent.original": "probe/1 (x)",
      "audit-id": auditId,
      "http.request.body.size": JSON.stringify(map("a")).length,
      "http.response.body.size": trace.answer.body.length,
      "http.response.status_code": 201,
    });
    expect(spanNamed(trace, "Create").attributes).toEqual({
      accept: "",
      client: "127.0.0.1",
      "api-group": "",
      "api-version": "v1",
      name: "",
      subresource: "",
      namespace: "shop",
      protocol: "HTTP/1.1",
      resource: "configmaps",
      scope: "resource",
      url: PATH,
      "user-agent": "probe/1 (x)",
      verb: "POST",
      "audit-id": auditId,
    });
    expect(eventsOf(trace, "Create")).toEqual([
      "About to convert to expected version",
      "Conversion done",
      "About to store object in database",
      "Write to database call succeeded",
      "About to write a response",
      "Writing http response done",
    ]);
    expect(spanNamed(trace, "Create etcd3").attributes).toMatchObject({ key: "/registry/core/configmaps/shop/a", group: "", resource: "configmaps", "audit-id": auditId });
    expect(eventsOf(trace, "Create etcd3")).toEqual(["About to Encode", "Encode succeeded", "Txn call succeeded"]);
    expect(spanNamed(trace, "SerializeObject")).toMatchObject({
      attributes: { method: "POST", url: PATH, protocol: "HTTP/1.1", mediaType: "application/json" },
      events: [{ name: "About to start writing response", attributes: { size: trace.answer.body.length } }, { name: "Write call succeeded" }],
    });
    for (const { startMs, endMs } of trace.spans) {
      expect(startMs).toBeGreaterThanOrEqual(trace.root.startMs);
      expect(endMs).toBeLessThanOrEqual(trace.root.endMs);
    }
    expect(Math.abs(trace.root.endMs - systemClock.now())).toBeLessThan(60_000);
  });

  test("a get and a list", async () => {
    await admin.send(PATH, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(map("b")) });
    const get = await traced(`${PATH}/b`);
    expect(treeOf(get)).toEqual([["GET /api/v1/namespaces/{:namespace}/configmaps/{:name}", "priorityandfairness", "authorization", ["Get", "cacher.Get", "SerializeObject"]]]);
    expect(eventsOf(get, "Get")).toEqual(["About to Get from storage", "About to write a response", "Writing http response done"]);
    expect(spanNamed(get, "Get").attributes).toMatchObject({ name: "b", scope: "resource", verb: "GET" });
    expect(spanNamed(get, "cacher.Get").attributes).toMatchObject({ key: "/registry/core/configmaps/shop/b", "resource-version": "" });
    const list = await traced("/apis/apps/v1/deployments");
    expect(treeOf(list)).toEqual([["GET /apis/apps/v1/deployments", "priorityandfairness", "authorization", ["List", "cacher.GetList", "SerializeObject"]]]);
    expect(spanNamed(list, "List").attributes).toMatchObject({ "api-group": "apps", scope: "cluster", verb: "LIST" });
    expect(spanNamed(list, "cacher.GetList")).toMatchObject({
      attributes: { type: "deployments.apps" },
      events: [{ name: "watchCache fresh enough" }, { name: "Filtered items", attributes: { count: 0 } }],
    });
  });

  test("a list of the past", async () => {
    const first = JSON.parse((await admin.send(`${PATH}?limit=1`)).text) as { readonly metadata: { readonly continue?: string; readonly resourceVersion: string } };
    await admin.send(PATH, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(map("later")) });
    const past = await traced(`${PATH}?resourceVersion=${first.metadata.resourceVersion}&resourceVersionMatch=Exact`);
    expect(treeOf(past)).toMatchObject([[expect.any(String), "priorityandfairness", "authorization", ["List", ["cacher.GetList", "List(recursive=true) etcd3"], "SerializeObject"]]]);
    expect(spanNamed(past, "List(recursive=true) etcd3").attributes).toMatchObject({
      key: "/registry/core/configmaps/shop/",
      resourceVersion: first.metadata.resourceVersion,
      resourceVersionMatch: "Exact",
      limit: 0,
      continue: "",
    });
  });

  test("an update, a patch and an apply", async () => {
    await admin.send(PATH, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(map("c")) });
    const update = await traced(`${PATH}/c`, { method: "PUT", body: map("c", { a: "1" }) });
    expect(treeOf(update)).toEqual([["PUT /api/v1/namespaces/{:namespace}/configmaps/{:name}", "priorityandfairness", "authorization", ["Update", "GuaranteedUpdate etcd3", "SerializeObject"]]]);
    expect(eventsOf(update, "Update")).toEqual([
      "About to convert to expected version",
      "Conversion done",
      "About to store object in database",
      "Write to database call succeeded",
      "About to write a response",
      "Writing http response done",
    ]);
    expect(eventsOf(update, "GuaranteedUpdate etcd3")).toEqual(["initial value restored", "About to Encode", "Encode succeeded", "Transaction prepared", "Txn call succeeded"]);
    const patch = await traced(`${PATH}/c`, { method: "PATCH", body: { data: { a: "2" } }, headers: { "content-type": "application/merge-patch+json" } });
    expect(eventsOf(patch, "Patch")).toEqual(["About to apply patch", "About to check admission control", "Object stored in database", "About to write a response", "Writing http response done"]);
    expect(spanNamed(patch, "Patch").attributes["verb"]).toBe("PATCH");
    const apply = await traced(`${PATH}/c?fieldManager=me&force=true`, { method: "PATCH", body: map("c", { b: "3" }), headers: { "content-type": "application/apply-patch+yaml" } });
    expect(spanNamed(apply, "Patch").attributes["verb"]).toBe("APPLY");
  });

  test("a delete, and one of a collection", async () => {
    await admin.send(PATH, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(map("d")) });
    const remove = await traced(`${PATH}/d`, { method: "DELETE", body: { apiVersion: "v1", kind: "DeleteOptions" } });
    expect(eventsOf(remove, "Delete")).toEqual([
      "Decoded delete options",
      "About to delete object from database",
      "Object deleted from database",
      "About to write a response",
      "Writing http response done",
    ]);
    const collection = await traced(`${PATH}?labelSelector=none=such`, { method: "DELETE" });
    expect(spanNamed(collection, "Delete").attributes["verb"]).toBe("DELETECOLLECTION");
  });

  test("a write that fails, and of what is not allowed", async () => {
    const twice = await traced(PATH, { method: "POST", body: map("kube-root-ca.crt") }).then(() => traced(PATH, { method: "POST", body: map("kube-root-ca.crt") }));
    expect(twice.answer.code).toBe(409);
    expect(twice.root).toMatchObject({ failure: undefined, attributes: { "http.response.status_code": 409 } });
    expect(spanNamed(twice, "Create").events.at(-1)).toMatchObject({ name: "Write to database call failed", attributes: { err: expect.stringContaining("already exists") as unknown } });
    const refused = await traced("/api/v1/nodes", { headers: { "impersonate-user": "mallory" } });
    expect(refused.answer.code).toBe(403);
    expect(treeOf(refused)).toEqual([["GET /api/v1/nodes", "priorityandfairness", "authorization"]]);
  });

  test("a page and a watch, which have none for a verb", async () => {
    expect(treeOf(await traced("/version"))).toEqual([["GET", "priorityandfairness"]]);
    const watch = await traced(`${PATH}?watch=1&timeoutSeconds=1`);
    expect(treeOf(watch)).toEqual([["GET /api/v1/namespaces/{:namespace}/configmaps", "priorityandfairness", "authorization", "cacher.Watch"]]);
    expect(watch.root.endMs - watch.root.startMs).toBeGreaterThan(900);
    expect(watch.root.attributes["http.response.body.size"]).toBe(watch.answer.body.length);
  });

  test("a watch that begins with a list, until that is written; its time is a metric as well", async () => {
    const watch = await traced(`${PATH}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1`);
    expect(watch.answer.text).toContain("k8s.io/initial-events-end");
    expect(treeOf(watch)).toEqual([["GET /api/v1/namespaces/{:namespace}/configmaps", "priorityandfairness", "authorization", ["WatchList", "cacher.Watch"]]]);
    const { startMs, endMs, attributes } = spanNamed(watch, "WatchList");
    expect(endMs - startMs).toBeLessThan(900);
    expect(attributes["verb"]).toBe("WATCH");
    expect((await admin.send("/metrics")).text).toContain('apiserver_watch_list_duration_seconds_count{group="",resource="configmaps",scope="namespace",version="v1"} 1');
  });

  test("a namespace, which lies in itself as upstream has it", async () => {
    expect((await traced("/api/v1/namespaces/shop")).root.name).toBe("GET /api/v1/namespaces/{:namespace}/namespaces/{:name}");
  });

  test("a request over HTTP/2, with a method that nobody knows", async () => {
    const { certificate, key } = await api.pki.certificate("raw-root", { commonName: "root", organizations: ["system:masters"], usage: "client" });
    const session: ClientHttp2Session = connectHttp2(api.url, { ca: api.pki.ca, cert: certificate, key });
    const traceId = newTraceId();
    const stream = session.request({ ":method": "BREW", ":path": "/version", traceparent: `00-${traceId}-${SPAN}-01`, "x-forwarded-for": "192.0.2.9, 192.0.2.1" });
    stream.resume().end();
    await new Promise((resolve) => stream.on("close", resolve));
    session.close();
    const span = await collector.until((spans) => spans.find((one) => one.traceId === traceId && one.kind === 2));
    expect(span).toMatchObject({
      name: "BREW",
      attributes: { "http.request.method": "GET", "http.request.method_original": "BREW", "network.protocol.version": "2.0", "client.address": "192.0.2.9", "network.peer.address": "127.0.0.1" },
    });
  });

  test("a request to switch protocols", async () => {
    const trace = await traced("/api/v1/namespaces/shop/pods/absent/exec?command=ls", {
      headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": "13" },
    });
    expect(trace.root).toMatchObject({ name: "GET /api/v1/namespaces/{:namespace}/pods/{:name}/exec", attributes: { "http.response.status_code": trace.answer.code } });
    expect(trace.answer.code).toBe(404);
  });
});

describe("who sends a request", () => {
  beforeEach(() => void collector.exports.splice(0));

  test("has it recorded only as an administrator: of others it would be a trace of its own, by the server's choice", async () => {
    const traceId = newTraceId();
    await eve.send(PATH, { headers: { traceparent: `00-${traceId}-${SPAN}-01` } });
    await admin.send(PATH, { headers: { traceparent: `00-${newTraceId()}-${SPAN}-00` } });
    await admin.send(PATH);
    await traced("/version");
    expect(collector.spans.map(({ name }) => name)).toEqual(["priorityandfairness", "GET"]);
  });

  test("or as one who monitors", async () => {
    const monitor = await rawClient(api.url, api.pki, { commonName: "prometheus", organizations: ["system:monitoring"] });
    const traceId = newTraceId();
    await monitor.send("/metrics", { headers: { traceparent: `00-${traceId}-${SPAN}-01` } });
    monitor.close();
    expect((await collector.until((spans) => spans.find((span) => span.kind === 2))).traceId).toBe(traceId);
  });

  test("and never before he has proven who he is", async () => {
    const stranger = await rawClient(api.url, api.pki, undefined);
    const answer = await stranger.send("/version", { headers: { authorization: "Bearer nonsense", traceparent: `00-${newTraceId()}-${SPAN}-01` } });
    stranger.close();
    expect(answer.code).toBe(401);
    await traced("/version");
    expect(collector.spans.map(({ name }) => name)).toEqual(["priorityandfairness", "GET"]);
  });

  test("is answered as always, health included", async () => {
    for (const path of ["/livez", "/readyz", "/healthz", "/livez/ping"]) {
      const plain = await admin.send(path);
      const { answer } = await traced(path);
      expect([answer.code, answer.text, Object.keys(answer.headers)]).toEqual([200, plain.text, Object.keys(plain.headers)]);
    }
  });
});

describe("a webhook that is asked because of a request", () => {
  const asked: { readonly url: string; readonly headers: Readonly<Record<string, string | string[] | undefined>> }[] = [];
  let hook: Server;
  let isAngry = false;

  beforeAll(async () => {
    const { certificate, key } = await api.pki.certificate("hook", { commonName: "hook", usage: "serving", ipAddresses: ["127.0.0.1"] });
    hook = createServer({ cert: certificate, key }, async (incoming, response) => {
      asked.push({ url: incoming.url ?? "", headers: incoming.headers });
      let text = "";
      for await (const chunk of incoming) text += String(chunk);
      const { request } = JSON.parse(text) as { readonly request: { readonly uid: string } };
      if (isAngry) return void response.writeHead(500).end("out of order");
      response.setHeader("content-type", "application/json").end(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid: request.uid, allowed: true } }));
    });
    await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
    const url = `https://127.0.0.1:${(hook.address() as AddressInfo).port}/judge`;
    const rule = { operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] };
    await api.client.for(validatingWebhookConfigurationResource).create({
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingWebhookConfiguration",
      metadata: { name: "judges" },
      webhooks: [{ name: "judge.example.com", clientConfig: { url, caBundle: Buffer.from(api.pki.ca).toString("base64") }, rules: [rule], sideEffects: "None", admissionReviewVersions: ["v1"] }],
    });
  });
  afterAll(async () => {
    await api.client.for(validatingWebhookConfigurationResource).delete("", "judges");
    hook.closeAllConnections();
    await new Promise((resolve) => hook.close(resolve));
  });
  beforeEach(() => void asked.splice(0));

  test("is told of the trace, and its call is in it", async () => {
    const trace = await traced(PATH, { method: "POST", body: map("hooked"), headers: { tracestate: "rojo=1", baggage: "userId=alice" } });
    expect(trace.answer.code).toBe(201);
    expect(treeOf(trace)).toEqual([
      ["POST /api/v1/namespaces/{:namespace}/configmaps", "priorityandfairness", "authorization", ["Create", ["Call validating webhook", "HTTP POST"], "Create etcd3", "SerializeObject"]],
    ]);
    const [call, post] = [spanNamed(trace, "Call validating webhook"), spanNamed(trace, "HTTP POST")];
    expect(call).toMatchObject({
      attributes: { configuration: "judges", webhook: "judge.example.com", resource: "/v1, Resource=configmaps", subresource: "", operation: "CREATE", UID: expect.any(String) as unknown },
      events: [{ name: "Request completed" }],
    });
    expect(post).toMatchObject({
      kind: 3,
      failure: undefined,
      traceState: "rojo=1",
      attributes: {
        "http.request.method": "POST",
        "url.full": expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+\/judge\?timeout=10s$/) as unknown,
        "server.address": "127.0.0.1",
        "http.response.status_code": 200,
      },
    });
    expect(asked[0]?.headers).toMatchObject({ traceparent: `00-${trace.traceId}-${post.spanId}-01`, tracestate: "rojo=1", baggage: "userId=alice" });
  });

  test("is called by what it does", async () => {
    const { webhooks = [] } = await api.client.for(validatingWebhookConfigurationResource).get("", "judges");
    await api.client
      .for(mutatingWebhookConfigurationResource)
      .create({ apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration", metadata: { name: "menders" }, webhooks: [...webhooks] });
    const trace = await traced(PATH, { method: "POST", body: map("mended") });
    await api.client.for(mutatingWebhookConfigurationResource).delete("", "menders");
    expect(spanNamed(trace, "Call mutating webhook").attributes).toMatchObject({ configuration: "menders", webhook: "judge.example.com" });
    expect(trace.spans.filter(({ name }) => name === "HTTP POST")).toHaveLength(2);
  });

  test("that fails is shown as a failure, of the request as well", async () => {
    isAngry = true;
    const trace = await traced(PATH, { method: "POST", body: map("angry") });
    isAngry = false;
    expect(trace.answer.code).toBe(500);
    expect(trace.root.failure).toBe("");
    expect(spanNamed(trace, "HTTP POST")).toMatchObject({ failure: "", attributes: { "http.response.status_code": 500, "error.type": "500" } });
    expect(spanNamed(trace, "Call validating webhook").events).toEqual([]);
  });

  test("learns of a trace that is not recorded, and of none from inside", async () => {
    const traceId = newTraceId();
    const headers = { "content-type": "application/json", traceparent: `00-${traceId}-${SPAN}-00`, baggage: "userId=alice" };
    expect((await admin.send(PATH, { method: "POST", headers, body: JSON.stringify(map("unrecorded")) })).code).toBe(201);
    expect(asked[0]?.headers["traceparent"]).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    expect(asked[0]?.headers["baggage"]).toBe("userId=alice");
    // A trace of another sender is not his any more.
    expect((await eve.send(PATH, { method: "POST", headers: { ...headers, traceparent: `00-${traceId}-${SPAN}-01` }, body: JSON.stringify(map("hers")) })).code).toBe(201);
    expect(asked[1]?.headers["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(asked[1]?.headers["traceparent"]).not.toContain(traceId);
  });
});
