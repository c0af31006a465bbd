import https from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findCondition } from "../../engine/apimachinery/conditions.ts";
import type { KubeObject } from "../../engine/apimachinery/object-meta.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { validatingWebhookConfigurationResource } from "../../engine/resources/admissionregistration/validating-webhook-configuration.ts";
import { apiServiceResource } from "../../engine/resources/apiregistration/api-service.ts";
import { clusterRoleBindingResource } from "../../engine/resources/rbac/cluster-role-binding.ts";
import { clusterRoleResource } from "../../engine/resources/rbac/cluster-role.ts";
import { namespaceResource } from "../../engine/resources/core/namespace.ts";
import { serviceResource } from "../../engine/resources/core/service.ts";
import type { APIService } from "../../engine/resources/types.ts";
import { availabilityService } from "../../engine/server/aggregation/availability.ts";
import { findKubectls, runKubectl } from "../kit/kubectl.ts";
import { makeNamesakes } from "../kit/namesakes.ts";
import { rawClient } from "../kit/raw-https.ts";
import { recordSpans } from "../kit/recorded-spans.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

/** A server like upstream's sample: one group, one kind, over HTTPS, which trusts who shows the front proxy's certificate. */
const FLUNDERS = "/apis/wardle.example.com/v1alpha1";
const seen: { readonly method: string; readonly url: string; readonly user: string; readonly groups: string; readonly proxy: string | undefined; readonly authorization: string | undefined }[] = [];
/** What it was told of the traces that its requests belong to, in the same order. */
const traceparents: unknown[] = [];
const { tracer, spans } = recordSpans();
const objects = new Map<string, Record<string, unknown>>();
/** What it tells of all that it serves, or the code of a failure; undefined where it knows lists of resources only. */
let told: object | number | undefined;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { headers, method = "", url = "" } = request;
  const certificate = (request.socket as TLSSocket).getPeerCertificate();
  seen.push({
    method,
    url,
    user: String(headers["x-remote-user"]),
    groups: String(headers["x-remote-group"]),
    proxy: certificate.subject === undefined ? undefined : String(certificate.subject.CN),
    authorization: headers.authorization,
  });
  traceparents.push(headers["traceparent"]);
  const send = (code: number, body: object) => response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
  const path = url.split("?")[0] ?? "";
  if (path.endsWith("/flunders/moved")) return void response.writeHead(307, { location: "https://elsewhere.example/" }).end();
  if (path === "/apis" && told !== undefined)
    return void response.writeHead(typeof told === "number" ? told : 200, { "content-type": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" }).end(JSON.stringify(told));
  if (path === FLUNDERS)
    return void send(200, {
      kind: "APIResourceList",
      apiVersion: "v1",
      groupVersion: "wardle.example.com/v1alpha1",
      resources: [{ name: "flunders", singularName: "flunder", namespaced: true, kind: "Flunder", verbs: ["create", "delete", "get", "list", "watch"], shortNames: ["fl"] }],
    });
  if (path === `/openapi/v3${FLUNDERS}`) return void send(200, { openapi: "3.0.0", info: { title: "Wardle", version: "1" }, paths: {}, components: { schemas: {} } });
  const meta = { apiVersion: "wardle.example.com/v1alpha1" };
  if (method === "POST") {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { metadata: { name: string }; request?: { uid: string } };
    if (path === `${FLUNDERS}/reviews`)
      return void send(200, { kind: "AdmissionReview", apiVersion: "admission.k8s.io/v1", response: { uid: body.request?.uid, allowed: false, status: { message: "not today" } } });
    objects.set(body.metadata.name, { ...meta, kind: "Flunder", ...body });
    return void send(201, objects.get(body.metadata.name) ?? {});
  }
  const name = path.split("/flunders/")[1];
  const found = name === undefined ? undefined : objects.get(name);
  if (name !== undefined)
    return void (found === undefined ? send(404, { kind: "Status", apiVersion: "v1", status: "Failure", reason: "NotFound", message: "no such flunder", code: 404 }) : send(200, found));
  send(200, { ...meta, kind: "FlunderList", metadata: { resourceVersion: "1" }, items: [...objects.values()] });
}

let api: TestListener;
let server: https.Server;
let port: number;
const running = new AbortController();
let checking: Promise<void>;
let admin: Awaited<ReturnType<typeof rawClient>>;

beforeAll(async () => {
  api = await startTestListener({ tracer });
  const { certificate, key } = await api.pki.certificate("wardle", { commonName: "wardle", organizations: [], usage: "serving", dnsNames: ["api.wardle.svc"] });
  server = https.createServer({ cert: certificate, key, ca: api.pki.ca, requestCert: true, rejectUnauthorized: false }, (request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
  const { parts } = api.server;
  checking = availabilityService({ aggregator: parts.aggregator, store: api.store, client: api.client, clock: systemClock, logger: silentLogger }).run(running.signal);
  admin = await rawClient(api.url, api.pki, { commonName: "boss", organizations: ["system:masters"] });
});
afterAll(async () => {
  running.abort();
  await checking;
  admin.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await api.stop();
});

const wardle = (spec: object = {}): APIService & KubeObject => ({
  apiVersion: "apiregistration.k8s.io/v1",
  kind: "APIService",
  metadata: { name: "v1alpha1.wardle.example.com" },
  spec: {
    group: "wardle.example.com",
    version: "v1alpha1",
    groupPriorityMinimum: 2000,
    versionPriority: 200,
    caBundle: Buffer.from(api.pki.ca).toString("base64"),
    service: { namespace: "wardle", name: "api", port },
    ...spec,
  },
});
/** What users asked; the aggregator looks at the server, and fetches what it describes, whenever it likes. */
const asked = () => seen.filter(({ user }) => user !== "system:kube-aggregator");
/** What discovery tells of it. */
const versions = async () => {
  const { text } = await admin.send("/apis", { headers: { accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" } });
  return (JSON.parse(text) as { readonly items: readonly { readonly metadata: { readonly name: string }; readonly versions: readonly object[] }[] }).items.find(
    ({ metadata }) => metadata.name === "wardle.example.com",
  )?.versions;
};
const condition = async () => findCondition((await api.client.for(apiServiceResource).get("", "v1alpha1.wardle.example.com")).status?.conditions, "Available");
const until = async (reason: string) => {
  await expect.poll(async () => (await condition())?.reason, { timeout: 20_000 }).toBe(reason);
};

test("a server behind the API is checked, asked with the user's name, and shown among the groups", async () => {
  await api.client.for(apiServiceResource).create(wardle());
  await until("ServiceNotFound");
  expect(await condition()).toMatchObject({ status: "False", message: 'service/api in "wardle" is not present' });
  expect((await admin.send(`${FLUNDERS}/namespaces/default/flunders`)).text).toBe("service unavailable\n");
  expect((await admin.send("/apis")).text).toContain("wardle.example.com");

  await api.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "wardle" } });
  await api.client
    .for(serviceResource)
    .create({ apiVersion: "v1", kind: "Service", metadata: { name: "api", namespace: "wardle" }, spec: { type: "ExternalName", externalName: "localhost", ports: [{ port }] } });
  await until("Passed");
  expect(seen).toContainEqual(expect.objectContaining({ url: FLUNDERS, user: "system:kube-aggregator", groups: "system:masters", proxy: "front-proxy-client" }));

  const created = await admin.send(`${FLUNDERS}/namespaces/default/flunders?fieldManager=x`, {
    method: "POST",
    body: JSON.stringify({ metadata: { name: "one" } }),
    headers: { "content-type": "application/json" },
  });
  expect([created.code, JSON.parse(created.text)]).toMatchObject([201, { kind: "Flunder" }]);
  expect(asked().at(-1)).toEqual({
    method: "POST",
    url: `${FLUNDERS}/namespaces/default/flunders?fieldManager=x`,
    user: "boss",
    groups: "system:masters, system:authenticated",
    proxy: "front-proxy-client",
    authorization: undefined,
  });
  expect((await admin.send(`${FLUNDERS}/namespaces/default/flunders/none`)).code).toBe(404);

  expect((JSON.parse((await admin.send("/")).text) as { readonly paths: readonly string[] }).paths).toEqual(expect.arrayContaining(["/apis/wardle.example.com", FLUNDERS, "/apis/apps/v1", "/api/v1"]));
  await expect.poll(versions).toEqual([
    {
      version: "v1alpha1",
      freshness: "Current",
      resources: [
        {
          resource: "flunders",
          responseKind: { group: "wardle.example.com", version: "v1alpha1", kind: "Flunder" },
          scope: "Namespaced",
          singularResource: "flunder",
          verbs: ["create", "delete", "get", "list", "watch"],
          shortNames: ["fl"],
        },
      ],
    },
  ]);
  await expect.poll(async () => (await admin.send(`/openapi/v3${FLUNDERS}`)).text).toContain("Wardle");
  expect((await admin.send("/openapi/v3")).text).toContain(`/openapi/v3${FLUNDERS}?hash=`);
});

test("a server behind the API may be a webhook by the API's own Service, and is asked in the API server's name", async () => {
  const webhook = {
    name: "review.wardle.example.com",
    clientConfig: { service: { namespace: "default", name: "kubernetes", path: `${FLUNDERS}/reviews` } },
    rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }],
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
  } as const;
  await api.client
    .for(validatingWebhookConfigurationResource)
    .create({ apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingWebhookConfiguration", metadata: { name: "own" }, webhooks: [webhook] });
  try {
    const refused = await admin.send("/api/v1/namespaces/default/configmaps", { method: "POST", body: JSON.stringify({ metadata: { name: "a" } }), headers: { "content-type": "application/json" } });
    expect(refused.text).toContain('admission webhook \\"review.wardle.example.com\\" denied the request: not today');
    expect(asked().at(-1)).toMatchObject({
      method: "POST",
      url: `${FLUNDERS}/reviews?timeout=10s`,
      user: "system:apiserver",
      groups: "system:masters, system:authenticated",
      proxy: "front-proxy-client",
    });
  } finally {
    await api.client.for(validatingWebhookConfigurationResource).delete("", "own");
  }
});

test("what a server serves is what it last told of itself, which is stale while it does not tell", async () => {
  /** Whoever changes the registration has the server asked anew. */
  const askAnew = (versionPriority: number) => api.client.for(apiServiceResource).patch("", "v1alpha1.wardle.example.com", "merge", { spec: { versionPriority } });
  const boats = { resource: "boats", responseKind: { group: "wardle.example.com", version: "v1alpha1", kind: "Boat" }, scope: "Cluster", singularResource: "boat", verbs: ["get"] };
  told = 503;
  await askAnew(199);
  await expect.poll(versions).toMatchObject([{ version: "v1alpha1", freshness: "Stale", resources: [{ resource: "flunders" }] }]);
  expect((await condition())?.reason).toBe("Passed");
  told = {
    kind: "APIGroupDiscoveryList",
    apiVersion: "apidiscovery.k8s.io/v2",
    items: [{ metadata: { name: "wardle.example.com" }, versions: [{ version: "v1alpha1", resources: [boats], freshness: "Current" }] }],
  };
  await expect.poll(versions).toEqual([{ version: "v1alpha1", freshness: "Current", resources: [boats] }]);
  told = undefined;
  await askAnew(200);
  await expect.poll(versions).toMatchObject([{ freshness: "Current", resources: [{ resource: "flunders" }] }]);
});

test("a server behind the API is told of the trace that a request belongs to, and its call is in it", async () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const path = `${FLUNDERS}/namespaces/default/flunders/none?pretty=true`;
  expect((await admin.send(path, { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } })).code).toBe(404);
  // The answer is there a moment before the span ends.
  await expect.poll(() => spans.map(({ name }) => name)).toEqual(["priorityandfairness", "HTTP GET", "GET /apis/wardle.example.com/v1alpha1/namespaces/{:namespace}/flunders/{:name}"]);
  const [, call, request] = spans;
  expect(call).toMatchObject({
    kind: "client",
    parentId: request?.context.spanId,
    failure: "",
    attributes: { "url.full": expect.stringMatching(/^https:\/\/.+\/flunders\/none\?pretty=true$/) as unknown, "http.response.status_code": 404, "error.type": "404" },
  });
  expect(traceparents[seen.findIndex(({ url }) => url === path)]).toBe(`00-${traceId}-${call?.context.spanId}-01`);
});

test("only those who may are passed on", async () => {
  const user = await rawClient(api.url, api.pki, { commonName: "jane", organizations: ["staff"] });
  const before = asked().length;
  expect(JSON.parse((await user.send(`${FLUNDERS}/namespaces/default/flunders`)).text)).toMatchObject({
    reason: "Forbidden",
    message: 'flunders.wardle.example.com is forbidden: User "jane" cannot list resource "flunders" in API group "wardle.example.com" in the namespace "default"',
  });
  expect(asked()).toHaveLength(before);
  await api.client.for(clusterRoleResource).create({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "flunders" },
    rules: [{ apiGroups: ["wardle.example.com"], resources: ["flunders"], verbs: ["list"] }],
  });
  await api.client.for(clusterRoleBindingResource).create({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "flunders" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "flunders" },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "jane" }],
  });
  expect((await user.send(`${FLUNDERS}/namespaces/default/flunders`, { headers: { "x-remote-user": "boss" } })).code).toBe(200);
  expect(asked().at(-1)).toMatchObject({ user: "jane", groups: "staff, system:authenticated" });
  user.close();
});

test("clients are not sent elsewhere by it, whether they ask or want another protocol", async () => {
  const moved = `${FLUNDERS}/namespaces/default/flunders/moved`;
  const refusal = "the backend attempted to redirect this request, which is not permitted";
  expect(await admin.send(moved)).toMatchObject({ code: 502, text: refusal });
  const { certificate, key } = await api.pki.certificate("boss", { commonName: "boss", organizations: ["system:masters"], usage: "client" });
  const answered = await new Promise<IncomingMessage>((resolve, reject) => {
    https.get(`${api.url}${moved}`, { ca: api.pki.ca, cert: certificate, key, agent: false, headers: { connection: "upgrade", upgrade: "SPDY/3.1" } }, resolve).on("error", reject);
  });
  expect([answered.statusCode, Buffer.concat((await answered.toArray()) as Buffer[]).toString()]).toEqual([502, refusal]);
});

test("kubectl lists its objects and its APIService", async () => {
  for (const kubectl of await findKubectls()) {
    expect((await runKubectl(kubectl, api.kubeconfig, ["get", "flunders", "-o", "name"])).stdout).toContain("flunder.wardle.example.com/one");
    expect((await runKubectl(kubectl, api.kubeconfig, ["get", "apiservice", "v1alpha1.wardle.example.com", "--no-headers"])).stdout).toMatch(/^v1alpha1\.wardle\.example\.com +wardle\/api +True /);
  }
});

test("a server whose certificate bears its authority's name is trusted, as that has signed it", async () => {
  const { authority, certificate, key } = await makeNamesakes("api.wardle.svc");
  server.setSecureContext({ cert: certificate, key, ca: api.pki.ca });
  await api.client.for(apiServiceResource).patch("", "v1alpha1.wardle.example.com", "merge", { spec: { caBundle: Buffer.from(authority).toString("base64") } });
  await expect.poll(async () => (await admin.send(`${FLUNDERS}/namespaces/default/flunders/one`)).text, { timeout: 20_000 }).toContain('"Flunder"');
  await until("Passed");
});

test("a server whose certificate is not known is not trusted, and one that is gone is said to be", async () => {
  const services = api.client.for(apiServiceResource);
  const other = await api.pki.certificate("other", { commonName: "other", organizations: [], usage: "serving" });
  await services.patch("", "v1alpha1.wardle.example.com", "merge", { spec: { caBundle: Buffer.from(other.certificate).toString("base64") } });
  await until("FailedDiscoveryCheck");
  expect((await admin.send(`${FLUNDERS}/namespaces/default/flunders`)).code).toBe(503);
  await services.delete("", "v1alpha1.wardle.example.com");
  expect((await admin.send(FLUNDERS)).code).toBe(404);
  expect((await admin.send("/apis")).text).not.toContain("wardle.example.com");
});

test("what cannot be registered is refused in upstream's words", async () => {
  const services = api.client.for(apiServiceResource);
  await expect(services.create({ ...wardle({ versionPriority: 0 }), metadata: { name: "wrong" } })).rejects.toThrow(
    'metadata.name: Invalid value: "wrong": must be `spec.version+"."+spec.group`: "v1alpha1.wardle.example.com"',
  );
  await expect(services.create(wardle({ insecureSkipTLSVerify: true }))).rejects.toThrow("spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present");
});
