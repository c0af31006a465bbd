import { createServer, type Server } from "node:https";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { KubeObject } from "../../engine/apimachinery/object-meta.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import { createNodeTransport } from "../../engine/server/nodes/node-proxy.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { rawClient } from "../kit/raw-https.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";
import { VirtualClock } from "../kit/virtual-clock.ts";

/** An agent that answers with what it was asked. The real one is tested where it lives; this is about the way to it. */
let api: TestListener;
let agent: Server;
let admin: Awaited<ReturnType<typeof rawClient>>;
const asked: string[] = [];
let begin = () => {};
const begun = new Promise<void>((resolve) => (begin = resolve));

beforeAll(async () => {
  api = await startTestListener();
  const { certificate, key } = await api.pki.certificate("agent", { commonName: "system:node:n1", usage: "serving", dnsNames: ["n1"], ipAddresses: ["127.0.0.1"] });
  agent = createServer({ cert: certificate, key, ca: api.pki.ca, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    asked.push(request.url ?? "");
    const peer = (request.socket as TLSSocket).getPeerCertificate();
    if (/\/waiting(\?|$)/.test(request.url ?? "")) return void response.writeHead(400).end('container "waiting" in pod "web" is waiting to start: ContainerCreating');
    if (request.url === "/endless") return void response.writeHead(400).write("it is because ", () => begin());
    response.write(`log for ${String(peer.subject.CN)}\n`);
    if (request.url?.includes("follow=true") !== true) response.end();
  });
  await new Promise<void>((resolve) => agent.listen(0, "127.0.0.1", resolve));
  await createTestNamespace(api.client, "shop");
  const node = (name: string, port: number) => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
    status: { addresses: [{ type: "InternalIP", address: "127.0.0.1" }], daemonEndpoints: { kubeletEndpoint: { Port: port } } },
  });
  await api.client.for(nodeResource).create(node("n1", (agent.address() as AddressInfo).port));
  await api.client.for(nodeResource).create(node("gone", 1));
  const pod = (name: string, nodeName: string | undefined, ...containers: string[]) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop" },
    spec: { ...(nodeName === undefined ? {} : { nodeName }), containers: containers.map((container) => ({ name: container, image: "nginx" })) },
  });
  for (const made of [pod("web", "n1", "c", "waiting"), pod("single", "n1", "only"), pod("pending", undefined, "c"), pod("cut-off", "gone", "c")])
    await api.client.for(podResource).create(made as KubeObject as never);
  admin = await rawClient(api.url, api.pki, { commonName: "admin", organizations: ["system:masters"] });
});
afterAll(async () => {
  admin.close();
  agent.closeAllConnections();
  await new Promise((resolve) => agent.close(resolve));
  await api.stop();
});

const logs = (pod: string, query = "") => admin.send(`/api/v1/namespaces/shop/pods/${pod}/log${query}`);

test("a log comes from the node's agent, asked with the server's certificate and the reader's options", async () => {
  const answer = await logs("web", "?container=c&tailLines=5&timestamps=true&limitBytes=100&sinceSeconds=60&previous=true");
  expect(answer.code).toBe(200);
  expect(answer.headers["content-type"]).toBe("text/plain");
  expect(answer.text).toBe("log for kube-apiserver-kubelet-client\n");
  expect(asked.at(-1)).toBe("/containerLogs/shop/web/c?previous=true&timestamps=true&sinceSeconds=60&tailLines=5&limitBytes=100");
  // However a flag is said.
  await logs("web", "?container=c&follow=False&timestamps=1&previous");
  expect(asked.at(-1)).toBe("/containerLogs/shop/web/c?previous=true&timestamps=true");
});

test("a followed log ends at the agent when its reader goes away", async () => {
  const closed = new Promise<void>((resolve) => agent.once("request", (request) => request.once("close", () => resolve())));
  const following = await rawClient(api.url, api.pki, { commonName: "admin", organizations: ["system:masters"] });
  const reading = following.send("/api/v1/namespaces/shop/pods/single/log?follow=true").catch(() => "cut");
  await new Promise<void>((resolve) => agent.once("request", () => resolve()));
  following.close();
  await closed;
  expect(await reading).toBe("cut");
});

test("a log comes over a WebSocket too, as bytes or as text, and ends at the agent when its reader goes away", async () => {
  const { certificate, key } = await api.pki.certificate("reader", { commonName: "admin", organizations: ["system:masters"], usage: "client" });
  const open = (query: string, protocols: string[] = []) =>
    new WebSocket(`${api.url.replace("https", "wss")}/api/v1/namespaces/shop/pods/single/log${query}`, protocols, { ca: api.pki.ca, cert: certificate, key });
  const readAll = (socket: WebSocket) =>
    new Promise<string[]>((resolve, reject) => {
      const frames: string[] = [];
      socket
        .on("message", (data: Buffer, isBinary) => frames.push(`${isBinary ? "bytes" : "text"}:${data.toString()}`))
        .on("close", () => resolve(frames))
        .on("error", reject);
    });
  const text = "log for kube-apiserver-kubelet-client\n";
  expect(await readAll(open("?container=only", ["binary.k8s.io"]))).toEqual(["bytes:", `bytes:${text}`]);
  expect(await readAll(open("", ["other", "base64.binary.k8s.io"]))).toEqual(["text:", `text:${Buffer.from(text).toString("base64")}`]);
  await expect(readAll(open("?tailLines=-1"))).rejects.toThrow("422");
  const closed = new Promise<void>((resolve) => agent.once("request", (request) => request.once("close", () => resolve())));
  const following = open("?follow=true");
  await new Promise<void>((resolve) => following.on("message", (data: Buffer) => data.length > 0 && resolve()));
  following.close();
  await closed;
});

test("the only container needs no name, one of several does, and it must exist", async () => {
  expect((await logs("single")).code).toBe(200);
  expect(JSON.parse((await logs("web")).text)).toMatchObject({ code: 400, message: "a container name must be specified for pod web, choose one of: [c waiting]" });
  expect(JSON.parse((await logs("web", "?container=x")).text)).toMatchObject({ code: 400, message: "container x is not valid for pod web" });
});

test("what cannot be read is said clearly", async () => {
  expect(JSON.parse((await logs("absent")).text)).toMatchObject({ code: 404, message: 'pods "absent" not found' });
  expect(await logs("pending")).toMatchObject({ code: 204, text: "" });
  expect(JSON.parse((await logs("web", "?container=waiting")).text)).toMatchObject({
    code: 400,
    reason: "BadRequest",
    message: 'container "waiting" in pod "web" is waiting to start: ContainerCreating',
  });
  expect(JSON.parse((await logs("cut-off")).text)).toMatchObject({ code: 503, message: expect.stringMatching(/^node gone cannot be reached at 127\.0\.0\.1:1: .*ECONNREFUSED/) as unknown });
  expect(JSON.parse((await logs("single", "?tailLines=-1")).text)).toMatchObject({ code: 422, message: expect.stringContaining("tailLines: Invalid value: -1") as unknown });
  for (const [query, code, message] of [
    ["tailLines=9223372036854775808", 400, 'strconv.ParseInt: parsing "9223372036854775808": value out of range'],
    ["limitBytes=1e3", 400, 'strconv.ParseInt: parsing "1e3": invalid syntax'],
    ["sinceSeconds=0", 422, 'PodLogOptions "single" is invalid: sinceSeconds: Invalid value: 0: must be greater than 0'],
    ["sinceTime=2026-02-30", 400, 'parsing time "2026-02-30" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'],
    ["sinceTime=2026-02-30T00:00:00Z", 400, 'parsing time "2026-02-30T00:00:00Z": day out of range'],
    ["sinceTime=2026-02-03T00:00:00Z&sinceSeconds=1", 422, "at most one of `sinceTime` or `sinceSeconds` may be specified"],
    ["stream=stdout", 422, 'stream: Unsupported value: "stdout": supported values: "All", "Stderr", "Stdout"'],
  ] as const)
    expect(JSON.parse((await logs("single", `?${query}`)).text)).toMatchObject({ code, message: expect.stringContaining(message) as unknown });
  expect((await logs("single", "?tailLines=9223372036854775807&stream=Stdout&sinceTime=2026-02-03T00:00:00.5%2B01:00")).code).toBe(200);
});

test("an agent that begins to say why it refuses, and never ends, is not waited for", async () => {
  const clock = new VirtualClock();
  const own = () => api.pki.certificate("node-client", { commonName: "kube-apiserver-kubelet-client", usage: "client" });
  let refusal: Error | undefined;
  const opening = createNodeTransport(api.pki.ca, own, clock)
    .open({ nodeName: "n1", host: "127.0.0.1", port: (agent.address() as AddressInfo).port, path: "/endless", isStreamed: false }, new AbortController().signal)
    .catch((error: Error) => void (refusal = error));
  await begun;
  await expect.poll(() => clock.pending).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await clock.advance(10_000);
  await opening;
  expect(refusal?.message).toBe("it is because");
  expect(clock.pending).toBe(0);
});

test("an agent that takes a connection and says nothing is given up after ten seconds", async () => {
  const mute = createTcpServer((socket) => socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  const clock = new VirtualClock();
  const own = () => api.pki.certificate("node-client", { commonName: "kube-apiserver-kubelet-client", usage: "client" });
  const connected = new Promise<void>((resolve) => mute.once("connection", () => resolve()));
  let refusal: Error | undefined;
  const opening = createNodeTransport(api.pki.ca, own, clock)
    .open({ nodeName: "n9", host: "127.0.0.1", port: (mute.address() as AddressInfo).port, path: "/", isStreamed: false }, new AbortController().signal)
    .catch((error: Error) => void (refusal = error));
  await connected;
  await clock.advance(9_999);
  expect(refusal).toBeUndefined();
  await clock.advance(1);
  await opening;
  expect(refusal?.message).toMatch(/^node n9 cannot be reached at 127.0.0.1:\d+: no answer within 10 seconds$/);
  expect(clock.pending).toBe(0);
  await new Promise((resolve) => mute.close(resolve));
});
