import { gunzipSync, gzipSync } from "node:zlib";
import { createServer, request, type Server } from "node:https";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { KubeObject } from "../../engine/apimachinery/object-meta.ts";
import { validatingAdmissionPolicyBindingResource } from "../../engine/resources/admissionregistration/validating-admission-policy-binding.ts";
import { validatingAdmissionPolicyResource } from "../../engine/resources/admissionregistration/validating-admission-policy.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import { clusterRoleBindingResource } from "../../engine/resources/rbac/cluster-role-binding.ts";
import { clusterRoleResource } from "../../engine/resources/rbac/cluster-role.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

/** An agent that switches to whatever it is asked for and sends everything back. The real one is tested in test/node. */
let api: TestListener;
let agent: Server;
const asked: { readonly method: string; readonly url: string; readonly headers: IncomingMessage["headers"]; readonly body: string }[] = [];

beforeAll(async () => {
  api = await startTestListener({
    staticTokens: new Map([
      ["looker-token", { username: "looker", groups: ["system:authenticated"] }],
      ["doer-token", { username: "doer", groups: ["system:authenticated"] }],
    ]),
  });
  const { certificate, key } = await api.pki.certificate("agent", { commonName: "system:node:n1", usage: "serving", dnsNames: ["n1"], ipAddresses: ["127.0.0.1"] });
  agent = createServer({ cert: certificate, key, ca: api.pki.ca, requestCert: true, rejectUnauthorized: true }, async (incoming, response) => {
    let body = "";
    for await (const chunk of incoming) body += String(chunk);
    asked.push({ method: incoming.method ?? "", url: incoming.url ?? "", headers: incoming.headers, body });
    if (incoming.url === "/moved") return void response.writeHead(302, { location: "/elsewhere?x=1" }).end();
    if (incoming.url === "/page") return void response.writeHead(200, { "content-type": "text/html", "content-length": PAGE.length }).end(PAGE);
    if (incoming.url === "/packed") return void response.writeHead(200, { "content-type": "text/html; charset=UTF-8", "content-encoding": "gzip" }).end(gzipSync(PAGE));
    if (incoming.url === "/other") return void response.writeHead(200, { "content-type": "text/html; charset=latin1", "content-length": PAGE.length }).end(PAGE);
    response.writeHead(incoming.url === "/teapot" ? 418 : 200, { "x-agent": "yes" }).end(`${incoming.method} ${body.length}`);
  });
  agent.on("upgrade", (incoming: IncomingMessage, socket: Duplex) => {
    asked.push({ method: incoming.method ?? "", url: incoming.url ?? "", headers: incoming.headers, body: "" });
    if (incoming.url?.includes("refused")) return void socket.end("HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nnot there");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${incoming.headers.upgrade}\r\nX-Kept: As-It-Came\r\n\r\n`);
    socket.on("error", () => {}).once("close", () => agent.emit("stream-closed"));
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => agent.listen(0, "127.0.0.1", resolve));
  await createTestNamespace(api.client, "shop");
  await api.client.for(nodeResource).create({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n1" },
    status: { addresses: [{ type: "InternalIP", address: "127.0.0.1" }], daemonEndpoints: { kubeletEndpoint: { Port: (agent.address() as AddressInfo).port } } },
  });
  for (const name of ["web", "refused"])
    await api.client
      .for(podResource)
      .create({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "shop" }, spec: { nodeName: "n1", containers: [{ name: "c", image: "nginx" }] } } as KubeObject as never);
  for (const [user, verbs] of [
    ["looker", ["get"]],
    ["doer", ["get", "create"]],
  ] as const) {
    await api.client
      .for(clusterRoleResource)
      .create({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: user }, rules: [{ apiGroups: [""], resources: ["pods/exec"], verbs: [...verbs] }] });
    await api.client.for(clusterRoleBindingResource).create({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: user },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: user },
      subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: user }],
    });
  }
});
afterAll(async () => {
  agent.closeAllConnections();
  await new Promise((resolve) => agent.close(resolve));
  await api.stop();
});

/** Links to the page's own server beside relative ones, others', and what only looks like one. */
const PAGE = `<!doctype html><title>/t</title><p class=x>1 < 2 &hellip;<a href="/home">home</a><a href=next>next</a><IMG src='/logo.png?a=1&amp;b=2'><a href="https://else.where/x">out</a><script>let a = '<a href="/no">';</script>`;

interface Answer {
  readonly code: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  readonly socket?: Duplex;
}

async function send(
  path: string,
  { method = "GET", headers = {}, body, encoding = "utf8" }: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: Buffer; readonly encoding?: BufferEncoding } = {},
): Promise<Answer> {
  const { certificate, key } = await api.pki.certificate("admin", { commonName: "kubernetes-admin", organizations: ["system:masters"], usage: "client" });
  const isAdmin = headers["authorization"] === undefined && headers["sec-websocket-protocol"]?.startsWith("base64url.bearer") !== true;
  return new Promise((resolve, reject) => {
    const outgoing = request(`${api.url}${path}`, { method, headers, ca: api.pki.ca, agent: false, ...(isAdmin ? { cert: certificate, key } : {}) });
    outgoing.on("upgrade", (response, socket) => resolve({ code: 101, headers: response.headers, text: "", socket }));
    outgoing.on("response", async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve({ code: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString(encoding) });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

const websocket = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-protocol": "v5.channel.k8s.io" };
const exec = "/api/v1/namespaces/shop/pods/web/exec?command=a&command=b%20c&stdin=true&stdout=true&stderr=false&tty=1";

test("a request to switch protocols is passed on with the agent's names, and then every byte both ways", async () => {
  const { code, headers, socket } = await send(exec, { headers: websocket });
  expect(code).toBe(101);
  expect(headers["x-kept"]).toBe("As-It-Came");
  expect(asked.at(-1)).toMatchObject({
    method: "GET",
    url: "/exec/shop/web/c?input=1&output=1&tty=1&command=a&command=b+c",
    headers: { upgrade: "websocket", "sec-websocket-protocol": "v5.channel.k8s.io" },
  });
  const sent = Buffer.alloc(3 << 20, "0123456789");
  const echoed = new Promise<Buffer>((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    socket?.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if ((size += chunk.length) >= sent.length) resolve(Buffer.concat(chunks));
    });
  });
  socket?.write(sent);
  expect((await echoed).equals(sent)).toBe(true);
  const ended = new Promise<void>((resolve) => agent.once("stream-closed", resolve));
  socket?.destroy();
  await ended; // who goes away takes the other end along
});

test("without a switch of protocols, or by other methods, there is no stream", async () => {
  expect((await send(exec)).code).toBe(400);
  expect((await send(exec, { method: "PUT", body: Buffer.from("{}") })).code).toBe(405);
});

test("policies look at streams before anything else is wrong with them, and what they remark is told with the refusal", async () => {
  const admissionregistration = { apiVersion: "admissionregistration.k8s.io/v1" };
  const rules = [{ operations: ["CONNECT"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods/exec", "nodes/proxy"] }];
  // Connections have no options: what is asked of null is not there.
  const expression = "object.kind != '' && has(request.options.kind)";
  await api.client.for(validatingAdmissionPolicyResource).create({
    ...admissionregistration,
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "streams" },
    spec: { matchConstraints: { resourceRules: rules }, validations: [{ expression, message: "seen" }] },
  });
  await api.client
    .for(validatingAdmissionPolicyBindingResource)
    .create({ ...admissionregistration, kind: "ValidatingAdmissionPolicyBinding", metadata: { name: "streams" }, spec: { policyName: "streams", validationActions: ["Warn"] } });
  const warnings = [`299 - "Validation failed for ValidatingAdmissionPolicy 'streams' with binding 'streams': seen"`];
  for (const [path, headers, message] of [
    [exec, {}, "Upgrade request required"],
    ["/api/v1/namespaces/shop/pods/web/exec?stdout=true", websocket, "you must specify a command"],
    ["/api/v1/nodes/none/proxy/x", {}, "not found"],
  ] as const) {
    const answer = await send(path, { headers });
    expect([answer.text, answer.headers["warning"]]).toEqual([expect.stringContaining(message), warnings.join()]);
  }
  await api.client.for(validatingAdmissionPolicyBindingResource).delete("", "streams");
});

test("SPDY is passed on by POST as well, and what the caller proved itself with is not", async () => {
  const { code, socket } = await send("/api/v1/namespaces/shop/pods/web/portforward", { method: "POST", headers: { connection: "Upgrade", upgrade: "SPDY/3.1", authorization: "Bearer doer-token" } });
  expect(code).toBe(403);
  const admin = await send("/api/v1/namespaces/shop/pods/web/portforward?ports=80,81", { method: "POST", headers: { connection: "Upgrade", upgrade: "SPDY/3.1" } });
  expect(admin.code).toBe(101);
  expect(asked.at(-1)).toMatchObject({ method: "POST", url: "/portForward/shop/web?port=80&port=81", headers: { upgrade: "SPDY/3.1" } });
  expect(asked.at(-1)?.headers).not.toHaveProperty("authorization");
  admin.socket?.destroy();
  socket?.destroy();
});

test("a WebSocket begins with a GET but needs the right to create; its token may stand among the protocols", async () => {
  const looker = await send(exec, { headers: { ...websocket, authorization: "Bearer looker-token" } });
  expect(looker.code).toBe(403);
  expect(JSON.parse(looker.text)).toMatchObject({ kind: "Status", reason: "Forbidden", message: expect.stringContaining('User "looker" cannot create resource "pods/exec"') as unknown });
  const asking = await send(exec, { headers: { authorization: "Bearer looker-token" } });
  expect([asking.code, asking.text]).toEqual([403, expect.stringContaining("cannot create resource")]);
  const carrier = `base64url.bearer.authorization.k8s.io.${Buffer.from("doer-token").toString("base64url")}`;
  const doer = await send(exec, { headers: { ...websocket, "sec-websocket-protocol": `${carrier}, v5.channel.k8s.io` } });
  expect(doer.code).toBe(101);
  expect(asked.at(-1)?.headers["sec-websocket-protocol"]).toBe("v5.channel.k8s.io");
  doer.socket?.destroy();
});

test.each([
  ["without an upgrade", "/api/v1/namespaces/shop/pods/web/exec?command=a&stdout=true", {}, 400, "Upgrade request required"],
  ["without an upgrade, nor a command", "/api/v1/namespaces/shop/pods/web/exec", {}, 400, "Upgrade request required"],
  ["without an upgrade to a pod that does not exist", "/api/v1/namespaces/shop/pods/absent/exec?command=a&stdout=true", {}, 404, 'pods "absent" not found'],
  ["without an upgrade to a container that does not exist", "/api/v1/namespaces/shop/pods/web/attach?container=x", {}, 400, "container x is not valid for pod web"],
  ["without any stream", "/api/v1/namespaces/shop/pods/web/exec?command=a", websocket, 400, "at least 1 of stdin, stdout, stderr"],
  ["without a command", "/api/v1/namespaces/shop/pods/web/exec?stdout=true", websocket, 400, "you must specify a command"],
  ["to a container that does not exist", "/api/v1/namespaces/shop/pods/web/attach?stdout=true&container=x", websocket, 400, "container x is not valid for pod web"],
  ["to a pod that does not exist", "/api/v1/namespaces/shop/pods/absent/exec?command=a&stdout=true", websocket, 404, 'pods "absent" not found'],
  ["to a port that is none", "/api/v1/namespaces/shop/pods/web/portforward?ports=0", websocket, 400, "invalid port"],
  ["to what has no streams", "/api/v1/namespaces/shop/pods/web", websocket, 400, "this address cannot be upgraded"],
  ["that the agent refuses, in the agent's words", "/api/v1/namespaces/shop/pods/refused/exec?command=a&stdout=true", websocket, 404, "not there"],
])("a stream %s is refused", async (_what, path, headers, code, text) => {
  const answer = await send(path, { headers });
  expect(answer.code).toBe(code);
  expect(answer.text).toContain(text.replaceAll('"', answer.text.startsWith("{") ? '\\"' : '"'));
});

test("a watch comes over a WebSocket too, a message for each event, until its reader or its time ends it", async () => {
  const { certificate, key } = await api.pki.certificate("admin", { commonName: "kubernetes-admin", organizations: ["system:masters"], usage: "client" });
  const open = (query: string, protocols: string[] = [], credentials: object = { cert: certificate, key }) =>
    new WebSocket(`${api.url.replace("https", "wss")}/api/v1/namespaces/shop/configmaps${query}`, protocols, { ca: api.pki.ca, ...credentials });
  const maps = api.client.for(configMapResource);
  await maps.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "seen", namespace: "shop" } });
  const events: string[] = [];
  const watching = open("?watch=true&fieldSelector=metadata.name%3Dseen", ["v1.example"]);
  watching.on("message", (data: Buffer, isBinary) => {
    const { type, object } = JSON.parse(data.toString()) as { type: string; object: KubeObject };
    events.push(`${isBinary ? "bytes" : "text"} ${type} ${object.metadata.name}`);
  });
  await expect.poll(() => events).toEqual(["text ADDED seen"]);
  expect(watching.protocol).toBe("v1.example");
  await maps.delete("shop", "seen");
  await expect.poll(() => events).toEqual(["text ADDED seen", "text DELETED seen"]);
  watching.close();
  const ended = new Promise<number>((resolve) => open("?watch=true&timeoutSeconds=1").on("close", resolve));
  expect(await ended).toBe(1000);
  const refused = (socket: WebSocket) => new Promise<string>((resolve) => socket.on("error", ({ message }) => resolve(message)));
  expect(await refused(open("?watch=true&labelSelector=!!"))).toContain("400");
  expect(await refused(open("?watch=true", ["base64url.bearer.authorization.k8s.io.bG9va2VyLXRva2Vu", "v1.example"], {}))).toContain("403"); // looker-token may not watch
  expect(await refused(open(""))).toContain("400");
});

test("a proxy passes on any method, headers and bodies beyond what the API takes, and the answer as it is", async () => {
  const body = Buffer.alloc(5 << 20, "x");
  const answer = await send("/api/v1/nodes/n1/proxy/some%2Fpath?q=a%20b", { method: "PUT", body, headers: { "content-type": "text/plain", "x-own": "1" } });
  expect(answer).toMatchObject({ code: 200, text: `PUT ${body.length}`, headers: { "x-agent": "yes" } });
  expect(asked.at(-1)).toMatchObject({ url: "/some%2Fpath?q=a%20b", headers: { "x-own": "1", "content-type": "text/plain" } });
  expect((await send("/api/v1/nodes/n1/proxy/teapot")).code).toBe(418);
  // No verb stands for it, and whoever may use all verbs may use it.
  expect(await send("/api/v1/nodes/n1/proxy/options", { method: "OPTIONS" })).toMatchObject({ code: 200, text: "OPTIONS 0" });
});

test("a proxy's root ends with a slash, and its redirects stay within it", async () => {
  expect(await send("/api/v1/nodes/n1/proxy?x=1")).toMatchObject({ code: 301, headers: { location: "/api/v1/nodes/n1/proxy/?x=1" } });
  expect(await send("/api/v1/nodes/n1/proxy/moved")).toMatchObject({ code: 302, headers: { location: "/api/v1/nodes/n1/proxy/elsewhere?x=1" } });
});

test("links of a page stay within the proxy, and nothing else of it changes", async () => {
  const at = "/api/v1/nodes/n1/proxy";
  const shown = PAGE.replace("<IMG", "<img").replace('"/home"', `"${at}/home"`).replace("'/logo.png?a=1&amp;b=2'", `"${at}/logo.png?a=1&amp;b=2"`);
  expect(shown).not.toBe(PAGE);
  expect(await send(`${at}/page`)).toMatchObject({ code: 200, text: shown });
  const packed = await send(`${at}/packed`, { encoding: "base64" });
  expect(gunzipSync(Buffer.from(packed.text, "base64")).toString("utf8")).toBe(shown);
  expect((await send(`${at}/other`)).text).toBe(PAGE);
  expect((await send(`${at}/page`, { method: "HEAD" })).headers["content-length"]).toBe(String(PAGE.length));
});

test("a proxy reaches neither this machine nor what does not exist", async () => {
  expect(await send("/api/v1/nodes/n1:22/proxy/")).toMatchObject({ code: 400, text: expect.stringContaining("address not allowed") as unknown });
  expect((await send("/api/v1/nodes/absent/proxy/")).code).toBe(404);
  expect(await send("/api/v1/namespaces/shop/pods/web/proxy/")).toMatchObject({ code: 400, text: expect.stringContaining("address not allowed") as unknown });
  expect((await send("/api/v1/nodes/n1/proxy/", { headers: { authorization: "Bearer doer-token" } })).code).toBe(403);
});
