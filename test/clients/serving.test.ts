import { connect } from "node:http2";
import { createServer } from "node:net";
import { connect as connectTls } from "node:tls";
import { once } from "node:events";
import { expect, test } from "vitest";
import { systemRandom } from "../../engine/lib/random.ts";
import { parseTlsCiphers, parseTlsGroups } from "../../engine/server/http/tls-settings.ts";
import { roleBindingResource } from "../../engine/resources/rbac/role-binding.ts";
import { roleResource } from "../../engine/resources/rbac/role.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { rawClient } from "../kit/raw-https.ts";
import { startTestListener } from "../kit/test-listener.ts";

const ROOT = { commonName: "root", organizations: ["system:masters"] };

test("browsers are told that pages of allowed origins may call, before they call and when they do", async () => {
  await using api = await startTestListener({ manners: { allowedOrigins: [/\/\/example\.com(:|$)/] } });
  const stranger = await rawClient(api.url, api.pki, undefined);
  const from = (origin: string, method = "GET") => stranger.send("/version", { method, headers: { origin } });
  expect(await from("https://example.com:8443", "OPTIONS")).toMatchObject({
    code: 204,
    headers: { "access-control-allow-origin": "https://example.com:8443", "access-control-allow-methods": "POST, GET, OPTIONS, PUT, DELETE, PATCH", "access-control-allow-credentials": "true" },
  });
  expect(await from("https://example.com")).toMatchObject({ code: 200, headers: { "access-control-allow-origin": "https://example.com", "access-control-expose-headers": "Date" } });
  expect((await from("https://example.com.evil.org")).headers).not.toHaveProperty("access-control-allow-origin");
  stranger.close();
});

test("who sends a request in the clear is told what is served", async () => {
  await using api = await startTestListener();
  const answer = await fetch(`${api.url.replace("https", "http")}/version`);
  expect([answer.status, await answer.text()]).toEqual([400, "Client sent an HTTP request to an HTTPS server.\n"]);
});

test("a request of HTTP/2 may be the last of its connection, and is answered all the same", async () => {
  await using api = await startTestListener({ random: { ...systemRandom, next: () => 0.001 }, manners: { goawayChance: 0.02, streamsMax: 7 } });
  const session = connect(api.url, { ca: api.pki.ca });
  const gone = once(session, "goaway");
  const stream = session.request({ ":path": "/version" });
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  stream.resume();
  await gone;
  expect(headers[":status"]).toBe(200);
  expect(session.remoteSettings.maxConcurrentStreams).toBe(7);
  session.destroy();
});

test("HTTP/1.1 may be all that is spoken, by the ciphers that were chosen", async () => {
  await using api = await startTestListener({
    manners: { isHttp1Only: true, tls: { minVersion: "TLSv1.2", ciphers: parseTlsCiphers(["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"]) } },
  });
  const greet = async (options: object) => {
    const socket = connectTls({ port: Number(new URL(api.url).port), host: "127.0.0.1", ca: api.pki.ca, ALPNProtocols: ["h2", "http/1.1"], ...options });
    try {
      await once(socket, "secureConnect");
      return [socket.alpnProtocol, socket.getCipher().name];
    } finally {
      socket.destroy();
    }
  };
  expect((await greet({}))[0]).toBe("http/1.1");
  expect(await greet({ maxVersion: "TLSv1.2" })).toEqual(["http/1.1", "ECDHE-ECDSA-AES256-GCM-SHA384"]);
  await expect(greet({ maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" })).rejects.toThrow();
  const admin = await rawClient(api.url, api.pki, ROOT);
  expect((await admin.send("/api/v1/namespaces")).code).toBe(200);
  admin.close();
});

test("a key is agreed on in the ways that were chosen only", async () => {
  await using api = await startTestListener({ manners: { tls: { minVersion: "TLSv1.2", groups: parseTlsGroups(["24", "4588"]) } } });
  const agree = async (ecdhCurve: string) => {
    const socket = connectTls({ port: Number(new URL(api.url).port), host: "127.0.0.1", ca: api.pki.ca, ecdhCurve });
    try {
      await once(socket, "secureConnect");
      return socket.getProtocol();
    } finally {
      socket.destroy();
    }
  };
  expect([await agree("P-384"), await agree("X25519MLKEM768:X25519")]).toEqual(["TLSv1.3", "TLSv1.3"]);
  await expect(agree("X25519")).rejects.toThrow();
});

test("others may listen at the same port only where that was allowed", async () => {
  const listenBeside = async (sharesPort: boolean) => {
    await using api = await startTestListener({ manners: { sharesPort } });
    const beside = createServer();
    beside.listen({ host: "127.0.0.1", port: Number(new URL(api.url).port), reusePort: true });
    try {
      await once(beside, "listening");
    } finally {
      beside.close();
    }
  };
  await listenBeside(true);
  await expect(listenBeside(false)).rejects.toThrow("EADDRINUSE");
});

test("a server that is told to end says so, and serves on", async () => {
  let isEnding = false;
  await using api = await startTestListener({ manners: { isEnding: () => isEnding } });
  const stranger = await rawClient(api.url, api.pki, undefined);
  expect((await stranger.send("/readyz")).code).toBe(200);
  isEnding = true;
  expect(await stranger.send("/readyz?verbose")).toMatchObject({ code: 500, text: expect.stringContaining("[-]shutdown failed") as unknown });
  expect((await stranger.send("/livez")).code).toBe(200);
  stranger.close();
});

test("what nobody may ask is refused before it is read, and objects are not asked for by HEAD", async () => {
  await using api = await startTestListener();
  const [stranger, admin] = [await rawClient(api.url, api.pki, undefined), await rawClient(api.url, api.pki, ROOT)];
  const broken = { method: "POST", body: "{", headers: { "content-type": "application/json" } };
  expect((await stranger.send("/api/v1/namespaces/default/pods", broken)).code).toBe(403);
  expect((await admin.send("/api/v1/namespaces/default/pods", broken)).code).toBe(400);
  expect((await admin.send("/api/v1/namespaces/default/pods", { method: "HEAD" })).code).toBe(405);
  expect((await stranger.send("/api/v1/namespaces/default/pods", { method: "HEAD" })).code).toBe(403);
  expect((await admin.send("/version", { method: "HEAD" })).code).toBe(200);
  for (const client of [stranger, admin]) client.close();
  const session = connect(api.url, { ca: api.pki.ca });
  const [answer] = (await once(session.request({ ":method": "HEAD", ":path": "/api/v1/nodes" }).resume(), "response")) as [Record<string, unknown>];
  expect(answer[":status"]).toBe(403);
  session.destroy();
});

test("who may change a namespace by a role in it is told what is wrong with what he sends", async () => {
  await using api = await startTestListener();
  await createTestNamespace(api.client, "shop");
  const [apiVersion, metadata] = ["rbac.authorization.k8s.io/v1", { name: "keeper", namespace: "shop" }];
  await api.client.for(roleResource).create({ apiVersion, kind: "Role", metadata, rules: [{ verbs: ["update"], apiGroups: [""], resources: ["namespaces"] }] });
  await api.client.for(roleBindingResource).create({
    apiVersion,
    kind: "RoleBinding",
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "keeper" },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "keeper" }],
  });
  const keeper = await rawClient(api.url, api.pki, { commonName: "keeper", organizations: [] });
  const broken = { method: "PUT", body: "{", headers: { "content-type": "application/json" } };
  expect((await keeper.send("/api/v1/namespaces/shop", broken)).code).toBe(400);
  expect((await keeper.send("/api/v1/namespaces/default", broken)).code).toBe(403);
  keeper.close();
});
