import { once } from "node:events";
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

const PATH = "/api/v1/namespaces/shop/configmaps";

let api: TestListener;
let session: ClientHttp2Session;
beforeAll(async () => {
  api = await startTestListener({ manners: { requestTimeoutMs: 500, idleMs: 300 }, staticTokens: new Map([["a-token", { username: "anna", groups: ["system:masters"] }]]) });
  await createTestNamespace(api.client, "shop");
  session = connect(api.url, { ca: api.pki.ca });
});
afterAll(async () => {
  session.destroy();
  await api.stop();
});

/** Begins to send a body, and goes on only if `rest` says how. */
async function begin(headers: Record<string, string>, bytes = 10): Promise<{ readonly code: unknown; readonly stream: ClientHttp2Stream }> {
  const stream = session.request({ ":method": "POST", ":path": PATH, ...headers });
  stream.resume();
  stream.write(Buffer.alloc(bytes, "a"));
  const code = await new Promise((resolve, reject) => {
    stream.once("response", (answer) => resolve(answer[":status"]));
    stream.once("error", reject);
  });
  return { code, stream };
}

/** The first line of the answer to the beginning of a request over HTTP/1.1. */
async function begin1(headers: string): Promise<string> {
  const { port } = new URL(api.url);
  const socket = connectTls({ host: "127.0.0.1", port: Number(port), ca: api.pki.ca, servername: "localhost", ALPNProtocols: ["http/1.1"] });
  socket.write(`POST ${PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n${headers}\r\n{`);
  const [first = ""] = await new Promise<string[]>((resolve, reject) => {
    socket.once("data", (data) => resolve(data.toString().split("\r\n")));
    socket.once("error", reject);
  });
  socket.destroy();
  return first;
}

test("who may not ask is told so before the body has come, which nobody waits for", async () => {
  const { code, stream } = await begin({ "content-type": "application/yaml" });
  expect(code).toBe(403);
  if (!stream.closed) await new Promise((resolve) => stream.once("close", resolve));
  expect(stream.rstCode).toBe(0);
  expect(await begin1("")).toMatch(/^HTTP\/1.1 403 /);
});

test("who is not known is told so before the body has come", async () => {
  expect((await begin({ authorization: "Bearer of-nobody" })).code).toBe(401);
  expect(await begin1("authorization: Bearer of-nobody\r\n")).toMatch(/^HTTP\/1.1 401 /);
});

test("a body that is not understood is no matter of who may not send it", async () => {
  const stream = session.request({ ":method": "POST", ":path": PATH, "content-type": "application/x-unheard-of" });
  stream.end("{");
  const code = await new Promise((resolve) => stream.once("response", (answer) => resolve(answer[":status"])));
  expect(code).toBe(403);
});

test("a body that does not come to its end in time is given up", async () => {
  expect((await begin({ authorization: "Bearer a-token" })).code).toBe(504);
  expect(await begin1("authorization: Bearer a-token\r\n")).toMatch(/^HTTP\/1.1 504 /);
});

test("a connection without requests is ended after a while, one with a silent watch is not", async () => {
  const idle = connect(api.url, { ca: api.pki.ca });
  const watching = connect(api.url, { ca: api.pki.ca });
  const watch = watching.request({ ":path": `${PATH}?watch=1`, authorization: "Bearer a-token" });
  await new Promise((resolve) => watch.once("response", resolve));
  await new Promise((resolve) => idle.once("close", resolve));
  await new Promise((resolve) => setTimeout(resolve, 500)); // longer than a connection may be idle
  expect(watch.closed).toBe(false);
  watching.destroy();
});

test("so is one whose headers never come to their end", async () => {
  const { port } = new URL(api.url);
  const socket = connectTls({ host: "127.0.0.1", port: Number(port), ca: api.pki.ca, servername: "localhost", ALPNProtocols: ["h2"] });
  await once(socket, "secureConnect");
  socket.on("error", () => {}); // its close is what counts
  const settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
  const headersWithoutEnd = [0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82];
  socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.from(settings), Buffer.from(headersWithoutEnd)]));
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
});

test("a connection of HTTP/1.1 may be idle as long as one of HTTP/2, for upstream's minute and a half unless it is said otherwise", async () => {
  const ask = async ({ url, pki }: TestListener) => {
    const socket = connectTls({ host: "127.0.0.1", port: Number(new URL(url).port), ca: pki.ca, servername: "localhost", ALPNProtocols: ["http/1.1"] });
    socket.write("GET /version HTTP/1.1\r\nhost: localhost\r\n\r\n");
    const [data] = (await once(socket, "data")) as [Buffer];
    return { socket, answer: data.toString() };
  };
  const { socket } = await ask(api);
  await once(socket, "close");
  const usual = await startTestListener();
  try {
    const { socket, answer } = await ask(usual);
    socket.destroy();
    expect(answer).toMatch(/^keep-alive: timeout=90\r$/im);
  } finally {
    await usual.stop();
  }
});
