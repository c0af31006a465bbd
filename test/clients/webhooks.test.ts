import { writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import path from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ClusterPki } from "../../engine/auth/cluster-pki.ts";
import type { KubeconfigUser } from "../../engine/client/kubeconfig.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { mutatingWebhookConfigurationResource } from "../../engine/resources/admissionregistration/mutating-webhook-configuration.ts";
import { validatingWebhookConfigurationResource } from "../../engine/resources/admissionregistration/validating-webhook-configuration.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import { serviceResource } from "../../engine/resources/core/service.ts";
import type { AdmissionregistrationV1WebhookClientConfig, MutatingWebhook } from "../../engine/resources/types.ts";
import { makeNamesakes } from "../kit/namesakes.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

/** A webhook over real TLS; the rules of asking are tested in test/unit/admission. */
let api: TestListener;
let hook: Server;
let port: number;
let caBundle: string;
/** As whom webhooks are called. */
const users = new Map<string, KubeconfigUser>();
const asked: {
  readonly trace: readonly unknown[];
  readonly authorization: string;
  readonly caller: string;
  readonly url: string;
  readonly host: string;
  readonly servername: string;
  readonly review: { readonly request: Readonly<Record<string, unknown>> & { readonly uid: string } };
}[] = [];

beforeAll(async () => {
  api = await startTestListener({ webhookUsers: { mutating: { byName: users, current: undefined } } });
  const { certificate, key } = await api.pki.certificate("hook", { commonName: "hook", usage: "serving", dnsNames: ["hook.shop.svc", "localhost"], ipAddresses: ["127.0.0.1"] });
  caBundle = Buffer.from(api.pki.ca).toString("base64");
  hook = createServer({ cert: certificate, key, ca: api.pki.ca, requestCert: true, rejectUnauthorized: false }, async (incoming, response) => {
    let text = "";
    for await (const chunk of incoming) text += String(chunk);
    const url = new URL(incoming.url ?? "/", "https://unused");
    const review = JSON.parse(text) as (typeof asked)[number]["review"];
    asked.push({
      trace: [incoming.headers["traceparent"], incoming.headers["baggage"]],
      authorization: incoming.headers.authorization ?? "",
      caller: callerOf(incoming.socket as TLSSocket),
      url: incoming.url ?? "",
      host: incoming.headers.host ?? "",
      servername: String((incoming.socket as { readonly servername?: unknown }).servername),
      review,
    });
    const answer = (body: object) =>
      void response.setHeader("content-type", "application/json").end(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid: review.request.uid, ...body } }));
    if (url.pathname === "/hang") return;
    if (url.pathname === "/broken") return void response.writeHead(500).end("out of order");
    if (url.pathname === "/nowhere") return void response.writeHead(404).end("404");
    if (url.pathname === "/text") return void response.end("no json");
    if (url.pathname === "/deep") return void response.end(`{"response":${"[".repeat(2_000)}${"]".repeat(2_000)}}`);
    if (url.pathname === "/long") return void response.end(JSON.stringify({ response: "x".repeat(8 << 20) }));
    if (url.pathname === "/cut") return void incoming.socket.destroy();
    if (url.pathname === "/deny") return answer({ allowed: false, status: { message: "no exec here", code: 403, reason: "Forbidden" }, warnings: ['a "quoted" wärning'] });
    answer({
      allowed: true,
      warnings: ["mind the gap"],
      patchType: "JSONPatch",
      patch: Buffer.from(JSON.stringify([{ op: "add", path: "/metadata/labels", value: { hooked: "yes" } }])).toString("base64"),
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
  port = (hook.address() as AddressInfo).port;
  await createTestNamespace(api.client, "shop");
  await api.client.for(serviceResource).create({ apiVersion: "v1", kind: "Service", metadata: { name: "hook", namespace: "shop" }, spec: { type: "ExternalName", externalName: "localhost" } });
});

afterAll(async () => {
  hook.closeAllConnections();
  await new Promise((resolve) => hook.close(resolve));
  await api.stop();
});

function callerOf(socket: TLSSocket): string {
  const { subject } = socket.getPeerCertificate() as { readonly subject?: { readonly CN?: string } };
  return subject?.CN ?? "";
}

const RULE = { operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] };
const webhook = (clientConfig: AdmissionregistrationV1WebhookClientConfig, more: Partial<MutatingWebhook> = {}): MutatingWebhook => ({
  name: "hook.example.com",
  clientConfig: { caBundle, ...clientConfig },
  rules: [RULE],
  sideEffects: "None",
  admissionReviewVersions: ["v1"],
  ...more,
});

/** A create while the webhook is configured; its answer's status, warnings and body. */
async function createWith(
  hooked: MutatingWebhook,
  kind: "mutating" | "validating" = "mutating",
  headers: Readonly<Record<string, string>> = {},
  timeout = "1m",
): Promise<{ readonly code: number; readonly warnings: readonly string[]; readonly body: Readonly<Record<string, unknown>> }> {
  const [resource, name] =
    kind === "mutating" ? ([mutatingWebhookConfigurationResource, "MutatingWebhookConfiguration"] as const) : ([validatingWebhookConfigurationResource, "ValidatingWebhookConfiguration"] as const);
  const configuration = { apiVersion: "admissionregistration.k8s.io/v1", kind: name, metadata: { name: "a" }, webhooks: [hooked] };
  await api.client.for(resource as typeof mutatingWebhookConfigurationResource).create(configuration);
  try {
    return await post(`/api/v1/namespaces/shop/configmaps?dryRun=All&timeout=${timeout}`, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m" } }, headers);
  } finally {
    await api.client.for(resource as typeof mutatingWebhookConfigurationResource).delete("", "a");
  }
}

function post(
  path: string,
  body: object | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number; readonly warnings: readonly string[]; readonly body: Readonly<Record<string, unknown>> }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${api.url}${path}`,
      { method: "POST", ca: api.pki.ca, cert: admin.certificate, key: admin.key, headers: { ...headers, "content-type": "application/json" } },
      async (response) => {
        let text = "";
        for await (const chunk of response) text += String(chunk);
        const warnings = response.rawHeaders.flatMap((name, index) => (index % 2 === 0 && name.toLowerCase() === "warning" ? [response.rawHeaders[index + 1] ?? ""] : []));
        resolve({ code: response.statusCode ?? 0, warnings, body: JSON.parse(text) as Readonly<Record<string, unknown>> });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

let admin: { readonly certificate: string; readonly key: string };
beforeAll(async () => {
  admin = await api.pki.certificate("caller", { commonName: "caller", organizations: ["system:masters"], usage: "client" });
});

test("a webhook is asked at its address, and its warnings are in the answer's header", async () => {
  const { code, body, warnings } = await createWith(webhook({ url: `https://127.0.0.1:${port}/ok` }));
  expect([code, body["metadata"]]).toMatchObject([201, { labels: { hooked: "yes" } }]);
  expect(warnings).toEqual(['299 - "mind the gap"']);
  expect(asked.at(-1)).toMatchObject({ url: "/ok?timeout=10s", host: `127.0.0.1:${port}` });
});

test.each([
  ["9s", 20, "9s"],
  ["3500ms", 20, "4s"],
  ["9s", 5, "5s"],
])("within a request that may take %s, a webhook that may take %d seconds is told %s", async (timeout, timeoutSeconds, told) => {
  expect((await createWith(webhook({ url: `https://127.0.0.1:${port}/ok` }, { timeoutSeconds }), "mutating", {}, timeout)).code).toBe(201);
  expect(asked.at(-1)).toMatchObject({ url: `/ok?timeout=${told}` });
});

test("a webhook is told of the trace that a request belongs to, also where nothing is recorded", async () => {
  const trace = { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", baggage: "userId=alice" };
  await createWith(webhook({ url: `https://127.0.0.1:${port}/ok` }), "mutating", trace);
  expect(asked.at(-1)?.trace).toEqual(Object.values(trace));
  await createWith(webhook({ url: `https://127.0.0.1:${port}/ok` }), "mutating", { baggage: trace.baggage });
  expect(asked.at(-1)?.trace).toEqual([undefined, trace.baggage]);
  await createWith(webhook({ url: `https://127.0.0.1:${port}/ok` }));
  expect(asked.at(-1)?.trace).toEqual([undefined, undefined]);
});

test("a webhook is called as the user whom the operator's kubeconfig names for it", async () => {
  const tokenFile = path.join(api.directory, "hook.token");
  users.set("hook.shop.svc:" + port, { tokenFile });
  users.set("127.0.0.1:" + port, await api.pki.certificate("asking", { commonName: "asking", usage: "client" }));
  const service = { service: { namespace: "shop", name: "hook", path: "/ok", port } };
  for (const token of ["first", "second"]) {
    writeFileSync(tokenFile, `${token}\n`);
    expect((await createWith(webhook(service))).code).toBe(201);
    expect(asked.at(-1)).toMatchObject({ authorization: `Bearer ${token}`, caller: "" });
  }
  await createWith(webhook({ url: `https://127.0.0.1:${port}/ok` }));
  expect(asked.at(-1)).toMatchObject({ authorization: "", caller: "asking" });
  expect((await createWith(webhook({ url: `https://127.0.0.1:${port}/deny` }), "validating")).code).toBe(403);
  expect(asked.at(-1)).toMatchObject({ authorization: "", caller: "" });
  users.clear();
});

test("a webhook behind a Service is asked under the Service's name", async () => {
  const { code } = await createWith(webhook({ service: { namespace: "shop", name: "hook", path: "/ok", port } }, { timeoutSeconds: 7 }));
  expect(code).toBe(201);
  expect(asked.at(-1)).toMatchObject({ url: "/ok?timeout=7s", servername: "hook.shop.svc" });
});

test("a refusal tells its warnings too", async () => {
  const { code, body, warnings } = await createWith(webhook({ url: `https://127.0.0.1:${port}/deny` }), "validating");
  expect([code, body["message"], body["reason"]]).toEqual([403, 'admission webhook "hook.example.com" denied the request: no exec here', "Forbidden"]);
  // Headers are bytes, UTF-8 as upstream writes them; Node shows each as a character.
  expect(warnings.map((text) => Buffer.from(text, "latin1").toString("utf8"))).toEqual(['299 - "a \\"quoted\\" wärning"']);
});

const failures: readonly (readonly [string, (at: number) => AdmissionregistrationV1WebhookClientConfig, string])[] = [
  ["no time", (at) => ({ url: `https://127.0.0.1:${at}/hang` }), 'Post "https://127.0.0.1:PORT/hang?timeout=1s": context deadline exceeded'],
  ["an error", (at) => ({ url: `https://127.0.0.1:${at}/broken` }), 'an error on the server ("out of order") has prevented the request from succeeding'],
  ["no such path", (at) => ({ url: `https://127.0.0.1:${at}/nowhere` }), "the server could not find the requested resource"],
  ["a text", (at) => ({ url: `https://127.0.0.1:${at}/text` }), "couldn't get version/kind; json parse error: "],
  ["what is nested too deep", (at) => ({ url: `https://127.0.0.1:${at}/deep` }), "couldn't get version/kind; json parse error: exceeded max depth"],
  ["more than anybody reads", (at) => ({ url: `https://127.0.0.1:${at}/long` }), "the answer is longer than 8388608 bytes"],
  ["a cut connection", (at) => ({ url: `https://127.0.0.1:${at}/cut` }), 'Post "https://127.0.0.1:PORT/cut?timeout=10s": EOF'],
  ["nobody at its address", (at) => ({ url: `https://127.0.0.2:${at}/ok` }), 'Post "https://127.0.0.2:PORT/ok?timeout=10s": dial tcp 127.0.0.2:PORT: connect: connection refused'],
  ["nobody at its port", () => ({ url: "https://127.0.0.1:1/ok" }), 'Post "https://127.0.0.1:1/ok?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused'],
  ["no such Service", () => ({ service: { namespace: "shop", name: "gone" } }), 'Post "https://gone.shop.svc:443?timeout=10s": service "gone" not found'],
];

test.each(failures)("what a webhook that answers with %s means is told in words that people search for", async (name, clientConfig, why) => {
  const timeoutSeconds = name === "no time" ? 1 : 10;
  const { code, body } = await createWith(webhook(clientConfig(port), { timeoutSeconds }));
  expect(code).toBe(500);
  const message = String(body["message"]).replaceAll(`:${port}`, ":PORT");
  expect(message.slice(0, `Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: ${why}`.length)).toBe(
    `Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: ${why}`,
  );
  expect((await createWith(webhook(clientConfig(port), { timeoutSeconds, failurePolicy: "Ignore" }))).code).toBe(201);
});

test("a certificate of somebody else is not trusted", async () => {
  const other = await ClusterPki.open(`${api.directory}/other`, systemClock);
  const { body } = await createWith(webhook({ url: `https://127.0.0.1:${port}/ok`, caBundle: Buffer.from(other.ca).toString("base64") }));
  expect(body["message"]).toContain(`Post "https://127.0.0.1:${port}/ok?timeout=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority`);
});

test("a certificate that bears its authority's name is trusted if that has signed it, also after both were made anew", async () => {
  const service = { namespace: "shop", name: "hook", path: "/ok", port };
  const bundle = (...authorities: string[]) => Buffer.from(authorities.join("\n")).toString("base64");
  const [first, second, expired] = [await makeNamesakes("hook.shop.svc"), await makeNamesakes("hook.shop.svc"), await makeNamesakes("hook.shop.svc", { notAfterMs: Date.now() - 3_600_000 })];
  const before = await api.pki.certificate("hook", { commonName: "hook", usage: "serving", dnsNames: ["hook.shop.svc", "localhost"], ipAddresses: ["127.0.0.1"] });
  const show = ({ certificate, key }: { readonly certificate: string; readonly key: string }) => {
    hook.setSecureContext({ cert: certificate, key, ca: api.pki.ca });
    hook.closeAllConnections();
  };
  const ask = async (caBundle: string) => (await createWith(webhook({ service, caBundle }))).body;
  const untrusted = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
  try {
    show(first);
    expect(await ask(bundle(first.authority))).toMatchObject({ metadata: { labels: { hooked: "yes" } } });
    expect((await ask(bundle(second.authority)))["message"]).toContain(untrusted);
    const both = bundle(api.pki.ca, first.authority, second.authority);
    expect(await ask(both)).toMatchObject({ kind: "ConfigMap" });
    show(second);
    expect(await ask(both)).toMatchObject({ kind: "ConfigMap" });
    expect((await ask(bundle(first.authority)))["message"]).toContain(untrusted);
    show(before);
    expect(await ask(both)).toMatchObject({ kind: "ConfigMap" });
    show(expired);
    expect((await ask(bundle(expired.authority)))["message"]).toContain("tls: failed to verify certificate: x509: certificate");
  } finally {
    show(before);
  }
});

test("connections to a pod are asked about before they are made", async () => {
  await api.client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
  await api.client.for(podResource).create({ apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "shop" }, spec: { nodeName: "n1", containers: [{ name: "c", image: "nginx" }] } });
  const rules = [{ operations: ["CONNECT"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods/exec", "pods/attach"] }];
  await api.client.for(validatingWebhookConfigurationResource).create({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: "exec" },
    webhooks: [webhook({ url: `https://127.0.0.1:${port}/deny` }, { rules })],
  });
  const refused = await new Promise<{ readonly code: number; readonly text: string }>((resolve, reject) => {
    const outgoing = request(
      `${api.url}/api/v1/namespaces/shop/pods/web/exec?command=sh&command=-c&stdout=1&container=c`,
      {
        ca: api.pki.ca,
        cert: admin.certificate,
        key: admin.key,
        headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-protocol": "v4.channel.k8s.io" },
      },
      async (response) => {
        let text = "";
        for await (const chunk of response) text += String(chunk);
        resolve({ code: response.statusCode ?? 0, text });
      },
    );
    outgoing.on("error", reject);
    outgoing.end();
  });
  expect(refused.code).toBe(403);
  expect(refused.text).toContain("no exec here");
  expect(asked.at(-1)?.review.request).toMatchObject({
    operation: "CONNECT",
    name: "web",
    namespace: "shop",
    subResource: "exec",
    kind: { group: "", version: "v1", kind: "PodExecOptions" },
    resource: { resource: "pods" },
    object: { kind: "PodExecOptions", apiVersion: "v1", stdout: true, container: "c", command: ["sh", "-c"] },
    oldObject: null,
    options: null,
  });
  await api.client.for(validatingWebhookConfigurationResource).delete("", "exec");
  expect((await api.client.for(configMapResource).list("shop")).items).toHaveLength(0);
});
