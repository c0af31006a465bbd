import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { secondsUntilAsked } from "../kit/keep-alive-timers.ts";
import { rawClient } from "../kit/raw-https.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

let api: TestListener;
let session: ClientHttp2Session;
beforeAll(async () => {
  api = await startTestListener({ transportSecurity: ["max-age=60", "includeSubDomains"] });
  await createTestNamespace(api.client, "many");
  const { certificate, key } = await api.pki.certificate("h2", { commonName: "admin", organizations: ["system:masters"], usage: "client" });
  session = connect(api.url, { ca: api.pki.ca, cert: certificate, key, maxSendHeaderBlockLength: 1 << 20 });
});
afterAll(async () => {
  session.destroy();
  await api.stop();
});

const WATCH = "/api/v1/namespaces/many/configmaps?watch=1&resourceVersion=";
const maps = () => api.client.for(configMapResource);
const make = (name: string, size = 10) => maps().create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "many" }, data: { a: "x".repeat(size) } });

/** Names in the order in which a watch tells them. */
function follow(stream: ClientHttp2Stream, names: string[]): void {
  let rest = "";
  stream.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) names.push((JSON.parse(line) as { object: { metadata: { name: string } } }).object.metadata.name);
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test("two hundred watches on one connection all see the same events in the same order", async () => {
  const { resourceVersion } = await maps().list("many");
  const all = Array.from({ length: 200 }, () => [] as string[]);
  const streams = all.map((names) => {
    const stream = session.request({ ":path": WATCH + resourceVersion });
    follow(stream, names);
    return stream;
  });
  await Promise.all(streams.map((stream) => new Promise((resolve) => stream.once("response", resolve))));
  for (let i = 0; i < 20; i++) await make(`event-${i}`);
  await until(() => all.every((names) => names.length === 20));
  for (const names of all) expect(names).toEqual(all[0]);
  for (const stream of streams) stream.close();
});

test("clients of either protocol are asked whether they are still there, when nothing is said", async () => {
  const stream = session.request({ ":path": WATCH });
  await new Promise((resolve) => stream.once("response", resolve));
  const older = await rawClient(api.url, api.pki, { commonName: "admin", organizations: ["system:masters"] });
  expect((await older.send("/livez")).code).toBe(200);
  // The kernel counts when what was sent last has been taken.
  const asked = () => secondsUntilAsked("local", Number(new URL(api.url).port));
  await expect.poll(() => asked().filter((seconds) => seconds === undefined)).toEqual([]);
  expect(asked().length).toBeGreaterThanOrEqual(2);
  for (const seconds of asked()) expect(seconds).toBeGreaterThan(120);
  older.close();
  stream.close();
});

test("a watcher that does not read holds up nobody", async () => {
  const { resourceVersion } = await maps().list("many");
  const stuck = session.request({ ":path": WATCH + resourceVersion });
  await new Promise((resolve) => stuck.once("response", resolve));
  stuck.pause();
  const other = connect(api.url, {
    ca: api.pki.ca,
    ...(await api.pki.certificate("h2", { commonName: "admin", organizations: ["system:masters"], usage: "client" }).then(({ certificate, key }) => ({ cert: certificate, key }))),
  });
  const names: string[] = [];
  const reading = other.request({ ":path": WATCH + resourceVersion });
  follow(reading, names);
  await new Promise((resolve) => reading.once("response", resolve));
  for (let i = 0; i < 100; i++) await make(`big-${i}`, 100_000);
  await until(() => names.length === 100);
  stuck.close();
  other.destroy();
});

test("a list of many pieces comes whole and as long as it said, in both protocols and compressed; who stops reading keeps nobody waiting", async () => {
  await createTestNamespace(api.client, "long");
  for (let index = 0; index < 30; index++) await maps().create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: `m-${index}`, namespace: "long" }, data: { a: "é".repeat(10_000 + index) } });
  const path = "/api/v1/namespaces/long/configmaps";
  const expected = (await maps().list("long")).items.map(({ metadata, data }) => ({ metadata, data }));
  const client = await rawClient(api.url, api.pki, { commonName: "admin", organizations: ["system:masters"] });
  const plain = await client.send(path);
  const itemsOf = (text: string) => (JSON.parse(text) as { items: unknown[] }).items;
  expect(itemsOf(plain.text)).toEqual(expected);
  expect(plain.headers["content-length"]).toBe(String(plain.body.length));
  const packed = await client.send(path, { headers: { "accept-encoding": "gzip" } });
  expect(packed.headers["content-encoding"]).toBe("gzip");
  expect(itemsOf(gunzipSync(packed.body).toString())).toEqual(expected);
  expect((await client.send(path, { method: "HEAD" })).body.length).toBe(0);
  client.close();
  const stuck = session.request({ ":path": path });
  await new Promise((resolve) => stuck.once("response", resolve));
  stuck.pause();
  const stream = session.request({ ":path": path });
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) text += chunk as string;
  expect(itemsOf(text)).toEqual(expected);
  stuck.close();
});

test("addresses may be long, in both protocols: an exec has its whole command there", async () => {
  const path = `/api/v1/namespaces/many/configmaps?${"unknown=x&".repeat(8_000)}`;
  const answer = session.request({ ":path": path });
  answer.resume();
  expect(await new Promise((resolve, reject) => answer.once("response", (headers) => resolve(headers[":status"])).once("error", reject))).toBe(200);
  const older = await rawClient(api.url, api.pki, { commonName: "admin", organizations: ["system:masters"] });
  expect((await older.send(path)).code).toBe(200);
  older.close();
});

test("clients that go away in the middle of anything leave the server standing", async () => {
  const { certificate, key } = await api.pki.certificate("h2", { commonName: "admin", organizations: ["system:masters"], usage: "client" });
  for (let round = 0; round < 20; round++) {
    const rude = connect(api.url, { ca: api.pki.ca, cert: certificate, key });
    rude.on("error", () => {});
    for (const path of [WATCH, "/api/v1/namespaces/many/configmaps", "/apis", "/nonsense"]) {
      const stream = rude.request({ ":path": path });
      stream.on("error", () => {});
      if (round % 3 === 0) stream.once("response", () => rude.destroy());
      if (round % 3 === 1) stream.close(8);
    }
    const upload = rude.request({ ":method": "POST", ":path": "/api/v1/namespaces/many/configmaps", "content-type": "application/json" });
    upload.on("error", () => {});
    upload.write("{");
    await new Promise((resolve) => setTimeout(resolve, round));
    rude.destroy();
  }
  const answer = session.request({ ":path": "/livez" });
  answer.resume();
  expect(await new Promise((resolve) => answer.once("response", (headers) => resolve(headers[":status"])))).toBe(200);
});

test("a server that stops ends its watches at once", async () => {
  const own = await startTestListener();
  const { certificate, key } = await own.pki.certificate("h2", { commonName: "admin", organizations: ["system:masters"], usage: "client" });
  const client = connect(own.url, { ca: own.pki.ca, cert: certificate, key });
  client.on("error", () => {}); // the connection is cut
  const stream = client.request({ ":path": "/api/v1/configmaps?watch=1" });
  const ended = new Promise<void>((resolve) => stream.once("close", () => resolve()));
  stream.on("error", () => {});
  stream.resume();
  await new Promise((resolve) => stream.once("response", resolve));
  const start = performance.now();
  await Promise.all([own.stop(), ended]);
  expect(performance.now() - start).toBeLessThan(3_000);
  client.destroy();
});

test("browsers are told to come back over TLS, by answers of either protocol, failures and watches too", async () => {
  const told = "max-age=60; includeSubDomains";
  for (const path of ["/healthz", "/nowhere", `${WATCH}${(await maps().list("many")).resourceVersion}`]) {
    const stream = session.request({ ":path": path });
    const headers = await new Promise<Record<string, unknown>>((resolve) => stream.once("response", resolve));
    expect(headers["strict-transport-security"]).toBe(told);
    stream.close();
  }
  const older = await rawClient(api.url, api.pki, { commonName: "admin", organizations: ["system:masters"] });
  for (const path of ["/healthz", "/nowhere"]) expect((await older.send(path)).headers["strict-transport-security"]).toBe(told);
  older.close();
});
