import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { createServer, request } from "node:https";
import type { AddressInfo, Server } from "node:net";
import os from "node:os";
import path from "node:path";
import type { Duplex } from "node:stream";
import { exportJWK, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubeObject } from "../../engine/apimachinery/object-meta.ts";
import { createAuthority, issueCertificate, type KeyPair } from "../../engine/auth/certificates.ts";
import { fetchRemoteText } from "../../engine/auth/remote-json.ts";
import type { Egress } from "../../engine/apimachinery/egress.ts";
import { dialThrough, ProxyRefusal } from "../../engine/lib/net/dial.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { resolveServerConfig, UsageError } from "../../engine/options/config.ts";
import { webhookTarget } from "../../engine/options/option-files.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import { aggregationTarget } from "../../engine/server/aggregation/front-proxy.ts";
import { openRemote, readRemoteBody } from "../../engine/server/aggregation/remote-exchange.ts";
import { WebhookClient } from "../../engine/server/webhooks/webhook-client.ts";
import { setUpEgress } from "../../engine/setup/egress-setup.ts";
import { setUpProviders } from "../../engine/setup/providers-setup.ts";
import { ConnectProxyServer } from "../kit/connect-proxy.ts";
import { KonnectivityServer } from "../kit/konnectivity-server.ts";
import { rawClient } from "../kit/raw-https.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener } from "../kit/test-listener.ts";

const now = systemClock.now();
/** No machine of ours has it. */
const FAR = "192.0.2.7";
let folder: string;
let authority: KeyPair;
const certificateOf = (commonName: string, usage: "serving" | "client", names: { readonly dnsNames?: readonly string[]; readonly ipAddresses?: readonly string[] } = {}) =>
  issueCertificate(authority, { commonName, usage, notBeforeMs: now - 60_000, notAfterMs: now + 3_600_000, ...names });
const portOf = (server: Server) => (server.address() as AddressInfo).port;
const write = async (name: string, text: string) => {
  await writeFile(path.join(folder, name), text);
  return path.join(folder, name);
};
const setUp = async (...egressSelections: readonly object[]) => {
  const metrics = new MetricsRegistry();
  const egressSelectorConfigFile = await write("egress.json", JSON.stringify({ apiVersion: "apiserver.k8s.io/v1beta1", kind: "EgressSelectorConfiguration", egressSelections }));
  return { metrics, egress: setUpEgress({ egressSelectorConfigFile }, { metrics, clock: systemClock }) as Egress };
};
const by = (name: string, transport: object) => ({ name, connection: { proxyProtocol: "HTTPConnect", transport } });

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "egress-"));
  authority = await createAuthority("a far network", now - 60_000, now + 3_600_000);
});
afterAll(() => rm(folder, { recursive: true }));

/** One that answers with where it was asked, and lets streams be switched to; its certificate is for `names`. */
async function startFar(
  names: { readonly dnsNames?: readonly string[]; readonly ipAddresses?: readonly string[] },
  answer: (url: string, request: IncomingMessage) => unknown = (url) => ({ url }),
): Promise<ReturnType<typeof createServer>> {
  const { certificate, key } = await certificateOf("far", "serving", names);
  const server = createServer({ cert: certificate, key }, (incoming, response) => response.end(JSON.stringify(answer(incoming.url ?? "", incoming))));
  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex) => void socket.end(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${incoming.headers.upgrade}\r\n\r\nhello`));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

describe("a proxy for connections out of this server", () => {
  test("is reached in the open, by TLS with a certificate of ours, or at a socket", async () => {
    const far = await startFar({ ipAddresses: [FAR] });
    const serving = await certificateOf("proxy", "serving", { dnsNames: ["proxy.example"] });
    const ours = await certificateOf("us", "client");
    const socket = path.join(folder, "proxy.sock");
    await using open = await ConnectProxyServer.start();
    await using sealed = await ConnectProxyServer.start({ tls: { cert: serving.certificate, key: serving.key, ca: authority.certificate, requestCert: true, rejectUnauthorized: true } });
    await using local = await ConnectProxyServer.start({ socket });
    const tlsConfig = {
      caBundle: await write("ca.crt", authority.certificate),
      clientCert: await write("us.crt", ours.certificate),
      clientKey: await write("us.key", ours.key),
      tlsServerName: "proxy.example",
    };
    try {
      for (const [proxy, transport] of [
        [open, { tcp: { url: `http://127.0.0.1:${open.port}` } }],
        [sealed, { tcp: { url: `https://127.0.0.1:${sealed.port}`, tlsConfig } }],
        [local, { uds: { udsName: socket } }],
      ] as const) {
        const { egress } = await setUp(by("controlplane", transport));
        const text = await fetchRemoteText({ url: `https://${FAR}:${portOf(far)}/here`, ca: authority.certificate, timeoutMs: 10_000, dial: egress.get("controlplane") });
        expect([JSON.parse(text), proxy.asked]).toEqual([{ url: "/here" }, [`${FAR}:${portOf(far)}`]]);
      }
    } finally {
      far.close();
    }
  });

  test("that hangs keeps nobody waiting longer than he wants to", async () => {
    const hanging = () => new Promise<never>(() => {});
    const asking = fetchRemoteText({ url: `https://${FAR}/`, timeoutMs: 50, dial: hanging });
    await expect(asking.catch((error: Error) => Promise.reject(error.cause as Error))).rejects.toMatchObject({ name: "TimeoutError" });
    const webhooks = new WebhookClient({ resolveService: hanging, egress: new Map([["controlplane", hanging]]), clock: systemClock });
    await expect(webhooks.post({ endpoint: { url: `https://${FAR}/` }, body: {}, timeoutSeconds: 0.05 })).rejects.toThrow("context deadline exceeded");
    webhooks.close();
  });

  test("is told apart from what is behind it when there is no connection, and counted", async () => {
    await using proxy = await ConnectProxyServer.start();
    const dial = dialThrough({ is: "http", host: "127.0.0.1", port: proxy.port });
    proxy.answer = () => "HTTP/1.1 403 Forbidden\r\n\r\n";
    await expect(dial("a.example", 443)).rejects.toThrow(new ProxyRefusal(`proxy error from 127.0.0.1:${proxy.port} while dialing a.example:443, code 403: Forbidden`));
    proxy.answer = () => "HTTP/1.1 200 OK\r\n\r\nhello";
    await expect(dial("fd00::1", 443)).rejects.toThrow(new ProxyRefusal(`unexpected 5 bytes of buffered data from CONNECT proxy "127.0.0.1:${proxy.port}"`));
    expect(proxy.asked).toEqual(["a.example:443", "[fd00::1]:443"]);
    const { egress, metrics } = await setUp(by("cluster", { tcp: { url: `http://127.0.0.1:${proxy.port}` } }), by("controlplane", { uds: { udsName: path.join(folder, "absent.sock") } }));
    await expect(egress.get("cluster")?.("a", 1)).rejects.toThrow(ProxyRefusal);
    await expect(egress.get("controlplane")?.("a", 1)).rejects.toThrow("ENOENT");
    expect(metrics.render().split("\n")).toEqual(
      expect.arrayContaining([
        'apiserver_egress_dialer_dial_start_total{protocol="http_connect",transport="tcp"} 1',
        'apiserver_egress_dialer_dial_failure_count{protocol="http_connect",stage="proxy",transport="tcp"} 1',
        'apiserver_egress_dialer_dial_failure_count{protocol="http_connect",stage="connect",transport="uds"} 1',
      ]),
    );
    proxy.answer = () => undefined;
    (await egress.get("cluster")?.("a", proxy.port))?.destroy();
    expect(metrics.render()).toContain('apiserver_egress_dialer_dial_duration_seconds_count{protocol="http_connect",transport="tcp"} 1');
  });
});

/** A proxy of either kind, as the cluster's egress. */
const proxies = {
  async "HTTP's CONNECT"() {
    const proxy = await ConnectProxyServer.start();
    return { proxy, selection: by("cluster", { tcp: { url: `http://127.0.0.1:${proxy.port}` } }) };
  },
  async gRPC() {
    const udsName = path.join(folder, "konnectivity.sock");
    return { proxy: await KonnectivityServer.start(udsName), selection: { name: "cluster", connection: { proxyProtocol: "GRPC", transport: { uds: { udsName } } } } };
  },
};

describe("what the API asks of the cluster", () => {
  test.each(["HTTP's CONNECT", "gRPC"] as const)("goes through the proxy of %s: agents, pods, their streams and logs", async (kind) => {
    const { proxy, selection } = await proxies[kind]();
    await using _ended = proxy;
    const { egress, metrics } = await setUp(selection);
    await using api = await startTestListener({ egress });
    const { certificate, key } = await api.pki.certificate("agent", { commonName: "system:node:n1", usage: "serving", ipAddresses: [FAR] });
    const agent = createServer({ cert: certificate, key, ca: api.pki.ca, requestCert: true, rejectUnauthorized: true }, (incoming, response) => response.end(`agent ${incoming.url}`));
    agent.on("upgrade", (incoming: IncomingMessage, socket: Duplex) => void socket.end(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${incoming.headers.upgrade}\r\n\r\nhello`));
    const web = createHttpServer((incoming, response) => response.end(`pod ${incoming.url}`));
    for (const server of [agent, web]) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await createTestNamespace(api.client, "shop");
    await api.client.for(nodeResource).create({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "n1" },
      status: { addresses: [{ type: "InternalIP", address: FAR }], daemonEndpoints: { kubeletEndpoint: { Port: portOf(agent) } } },
    });
    await api.client
      .for(podResource)
      .create({ apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "shop" }, spec: { nodeName: "n1", containers: [{ name: "c", image: "nginx" }] } } as KubeObject as never); // nothing else is needed
    await api.client.for(podResource).updateStatus({ ...(await api.client.for(podResource).get("shop", "web")), status: { phase: "Running", podIP: FAR, podIPs: [{ ip: FAR }] } } as never);
    const admin = await rawClient(api.url, api.pki, { commonName: "root", organizations: ["system:masters"] });
    try {
      expect((await admin.send("/api/v1/nodes/n1/proxy/x")).text).toBe("agent /x");
      expect((await admin.send(`/api/v1/namespaces/shop/pods/web:${portOf(web)}/proxy/y`)).text).toBe("pod /y");
      expect((await admin.send("/api/v1/namespaces/shop/pods/web/log")).text).toContain("agent /containerLogs/shop/web/c");
      const identity = await api.pki.certificate("root", { commonName: "root", organizations: ["system:masters"], usage: "client" });
      const said = await new Promise<string>((resolve, reject) => {
        const outgoing = request(`${api.url}/api/v1/namespaces/shop/pods/web/exec?command=a&stdout=true`, {
          ca: api.pki.ca,
          cert: identity.certificate,
          key: identity.key,
          agent: false,
          headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-protocol": "v5.channel.k8s.io" },
        });
        outgoing.on("upgrade", (_response, socket, head) => (head.length > 0 ? resolve(String(head)) : socket.once("data", (data: Buffer) => resolve(String(data)))));
        outgoing.on("error", reject).end();
      });
      expect(said).toBe("hello");
      expect(new Set(proxy.asked)).toEqual(new Set([`${FAR}:${portOf(agent)}`, `${FAR}:${portOf(web)}`]));
      expect(proxy.asked.length).toBeGreaterThanOrEqual(4);
      const labels = kind === "gRPC" ? 'protocol="grpc",transport="uds"' : 'protocol="http_connect",transport="tcp"';
      expect(metrics.render()).toContain(`apiserver_egress_dialer_dial_duration_seconds_count{${labels}} ${proxy.asked.length}`);
    } finally {
      admin.close();
      for (const server of [agent, web]) (server.closeAllConnections(), server.close());
    }
  });

  test("goes through the proxy for webhooks and other API servers that are Services; webhooks elsewhere have the control plane's", async () => {
    const far = await startFar({ dnsNames: ["hook.shop.svc", "hook.example"] });
    await using cluster = await ConnectProxyServer.start();
    await using controlPlane = await ConnectProxyServer.start();
    const { egress } = await setUp(by("cluster", { tcp: { url: `http://127.0.0.1:${cluster.port}` } }), by("controlplane", { tcp: { url: `http://127.0.0.1:${controlPlane.port}` } }));
    const resolveService = () => Promise.resolve({ host: FAR, port: portOf(far) });
    const webhooks = new WebhookClient({ resolveService, clock: systemClock, egress });
    const caBundle = Buffer.from(authority.certificate).toString("base64");
    try {
      for (let calls = 0; calls < 2; calls++)
        expect(await webhooks.post({ endpoint: { service: { namespace: "shop", name: "hook", path: "/a" }, caBundle }, body: {}, timeoutSeconds: 5 })).toEqual({ url: "/a?timeout=5s" });
      expect(cluster.asked).toEqual([`${FAR}:${portOf(far)}`]); // connections are kept
      expect(await webhooks.post({ endpoint: { url: `https://hook.example:${portOf(far)}/b`, caBundle }, body: {}, timeoutSeconds: 5 })).toEqual({ url: "/b?timeout=5s" });
      expect(controlPlane.asked).toEqual([`hook.example:${portOf(far)}`]);
      const service = { metadata: { name: "v1.example.com" }, spec: { caBundle, groupPriorityMinimum: 1, versionPriority: 1, service: { namespace: "shop", name: "hook" } } };
      const target = await aggregationTarget(service as Parameters<typeof aggregationTarget>[0], { username: "ann", groups: [] }, "/c", { resolveService, dial: egress.get("cluster") });
      expect(JSON.parse(String(await readRemoteBody(await openRemote(target, { method: "GET", headers: {} }, undefined))))).toEqual({ url: "/c" });
      expect(cluster.asked).toHaveLength(2);
    } finally {
      webhooks.close();
      far.close();
    }
  });
});

test("other servers of the control plane are those that options name with a kubeconfig", async () => {
  const { egress } = await setUp(by("controlplane", { uds: { udsName: "/run/proxy.sock" } }));
  const file = await write(
    "webhook.yaml",
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: "https://hook.example" } }],
      users: [{ name: "u", user: {} }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
  );
  expect(webhookTarget("--audit-webhook-config-file", file, egress)).toMatchObject({ url: "https://hook.example", dial: egress.get("controlplane") });
  expect(egress.get("controlplane")).toBeTypeOf("function");
});

describe("an identity provider", () => {
  test("is reached by the way that its configuration names, which there must be", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const jwk = { ...(await exportJWK(publicKey)), kid: "one", alg: "RS256", use: "sig" };
    const far = await startFar({ dnsNames: ["id.example"] }, (url) => (url === "/keys" ? { keys: [jwk] } : { issuer, jwks_uri: `${issuer}/keys` }));
    const issuer = `https://id.example:${portOf(far)}`;
    await using proxy = await ConnectProxyServer.start();
    const { egress } = await setUp(by("cluster", { tcp: { url: `http://127.0.0.1:${proxy.port}` } }));
    const token = await new SignJWT({ sub: "jane" }).setProtectedHeader({ alg: "RS256", kid: "one" }).setIssuer(issuer).setAudience("us").setExpirationTime("5m").sign(privateKey);
    const userOf = async (egressSelectorType: string, ways: Egress | undefined) => {
      const authenticationConfig = await write(
        "authn.json",
        JSON.stringify({
          apiVersion: "apiserver.config.k8s.io/v1",
          kind: "AuthenticationConfiguration",
          jwt: [{ issuer: { url: issuer, audiences: ["us"], certificateAuthority: authority.certificate, egressSelectorType }, claimMappings: { username: { claim: "sub", prefix: "" } } }],
        }),
      );
      const parts = { clock: systemClock, logger: silentLogger, metrics: new MetricsRegistry(), serverName: "m1", egress: ways };
      return setUpProviders(resolveServerConfig({ authenticationConfig }, {}), parts).authenticator.authenticate(token);
    };
    try {
      expect(await userOf("cluster", egress)).toEqual({ username: "jane", groups: [] });
      expect(proxy.asked).toEqual([`id.example:${portOf(far)}`, `id.example:${portOf(far)}`]);
      await expect(userOf("controlplane", egress)).rejects.toThrow(/egress lookup for "controlplane" is not configured/);
      await expect(userOf("cluster", undefined)).rejects.toThrow(UsageError);
      await expect(userOf("etcd", egress)).rejects.toThrow("jwt[0].issuer.egressSelectorType: egress selector must be either controlplane or cluster");
    } finally {
      far.close();
    }
  });
});
