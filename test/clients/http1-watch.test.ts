import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

let api: TestListener;
beforeAll(async () => {
  api = await startTestListener();
  await createTestNamespace(api.client, "wire");
  for (const name of ["a", "b", "c"]) await api.client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "wire" }, data: { name } });
});
afterAll(() => api.stop());

const WATCH = "/api/v1/namespaces/wire/configmaps?watch=1&timeoutSeconds=1";

/** Everything that comes back on one connection for these bytes. */
async function exchange(requests: string): Promise<string> {
  const { certificate, key } = await api.pki.certificate("wire", { commonName: "admin", organizations: ["system:masters"], usage: "client" });
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(api.url).port), ca: api.pki.ca, cert: certificate, key, ALPNProtocols: ["http/1.1"] });
  socket.write(requests);
  return await text(socket);
}

/** The chunks of the body that begins here, and what follows it. */
function readChunks(rest: string): { readonly chunks: readonly string[]; readonly rest: string } {
  const chunks: string[] = [];
  for (;;) {
    const head = /^([0-9a-f]+)\r\n/.exec(rest);
    if (head === null) throw new Error(`no chunk: ${rest.slice(0, 40)}`);
    const [start, length] = [head[0].length, Number.parseInt(head[1]!, 16)];
    expect(rest.slice(start + length, start + length + 2)).toBe("\r\n");
    if (length > 0) chunks.push(rest.slice(start, start + length));
    rest = rest.slice(start + length + 2);
    if (length === 0) return { chunks, rest };
  }
}

function split(answer: string): readonly [head: string, body: string] {
  const end = answer.indexOf("\r\n\r\n") + 4;
  return [answer.slice(0, end), answer.slice(end)];
}

const names = (frames: readonly string[]) => frames.map((frame) => (JSON.parse(frame) as { object: { metadata: { name: string } } }).object.metadata.name);

test("a watch over HTTP/1.1 comes in chunks of whole events, and the next request of the connection is answered behind its end", async () => {
  const [head, body] = split(await exchange(`GET ${WATCH} HTTP/1.1\r\nHost: api\r\n\r\nGET /version HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n`));
  expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(head).toMatch(/^transfer-encoding: chunked\r$/im);
  const { chunks, rest } = readChunks(body);
  expect(names(chunks)).toEqual(["a", "b", "c"]);
  const [nextHead, next] = split(rest);
  expect(nextHead).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(JSON.parse(next)).toMatchObject({ major: "1" });
});

test("a client of HTTP/1.0 gets the events without chunks, up to the end of the connection", async () => {
  const [head, body] = split(await exchange(`GET ${WATCH} HTTP/1.0\r\nHost: api\r\n\r\n`));
  expect(head).not.toMatch(/transfer-encoding/i);
  expect(names(body.trimEnd().split("\n"))).toEqual(["a", "b", "c"]);
});
