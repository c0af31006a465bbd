import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readCertificate } from "../../engine/auth/certificates.ts";
import { createHttpClient } from "../../engine/client/http-client.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { seededRandom } from "../../engine/lib/random.ts";
import { runServices } from "../../engine/lib/service.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import { serviceResource } from "../../engine/resources/core/service.ts";
import { meterCertificates } from "../../node-agent/certificate-metrics.ts";
import { openStreamingRuntime } from "../../node-agent/cri/streaming-runtime.ts";
import { resolveAgentConfig } from "../../node-agent/config.ts";
import { joinCluster, obtainCertificates, renewalProof } from "../../node-agent/join-cluster.ts";
import { computeRenewalMs, createIdentityRenewal, NodeIdentity } from "../../node-agent/node-identity.ts";
import { AgentAccess } from "../../node-agent/server/agent-access.ts";
import { createAgentMetrics } from "../../node-agent/stats/agent-metrics.ts";
import { createAgentServer } from "../../node-agent/server/agent-server.ts";
import { UsageSampler } from "../../node-agent/stats/usage-sampler.ts";
import { FakeRuntime } from "../kit/fake-runtime.ts";
import { secondsUntilAsked } from "../kit/keep-alive-timers.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";
import { VirtualClock } from "../kit/virtual-clock.ts";

test("a certificate is replaced between 70 and 90 percent of its life, not by all nodes at once", () => {
  const chosen = Array.from({ length: 50 }, (_, seed) => computeRenewalMs({ notBeforeMs: 1_000, notAfterMs: 2_000 }, seededRandom(seed)));
  for (const atMs of chosen) expect(atMs).toBeGreaterThanOrEqual(1_700);
  for (const atMs of chosen) expect(atMs).toBeLessThan(1_900);
  expect(new Set(chosen).size).toBeGreaterThan(40);
});

/** A node of a real server; only its time is ours, so that its certificates grow old. */
describe("a running node whose certificates grow old", () => {
  const stop = new AbortController();
  let api: TestListener;
  let folder: string;
  let clock: VirtualClock;
  let identity: NodeIdentity;
  let port: number;
  let isReachable = true;
  let ended: Promise<void>;

  beforeAll(async () => {
    api = await startTestListener();
    folder = await mkdtemp(path.join(os.tmpdir(), "node-"));
    const file = await joinCluster(resolveAgentConfig({ server: api.url, token: api.joinToken, nodeName: "m1", dataDir: folder }, {}), ["127.0.0.1"], Date.now());
    identity = new NodeIdentity(file);
    clock = new VirtualClock(readCertificate(identity.serving.current.certificate).notBeforeMs);
    port = await freePort();
    const renew = async () => {
      if (!isReachable) throw new Error("nobody answers");
      await obtainCertificates("m1", ["127.0.0.1"], path.dirname(file), renewalProof(identity, api.url));
    };
    const runtime = new FakeRuntime({ clock });
    const usage = new UsageSampler({ runtime, pods: () => [], cgroupRoot: "/none", clock });
    const endpoint = createAgentServer({
      address: "127.0.0.1",
      port,
      certificate: identity.serving,
      clientCa: api.pki.ca,
      runtime,
      streaming: openStreamingRuntime(path.join(folder, "none.sock")),
      usage,
      access: new AgentAccess({ client: api.client, clock, nodeName: "m1" }),
      nodeName: "m1",
      pods: () => [],
      metrics: createAgentMetrics("m1"),
      volumes: async () => [],
      measure: async () => {},
      sandboxImage: "",
      configuration: {},
      clock,
      logger: silentLogger,
    });
    ended = runServices([endpoint, createIdentityRenewal(identity, { renew, clock, random: seededRandom(1), logger: silentLogger })], stop.signal);
  });
  afterAll(async () => {
    stop.abort();
    await ended;
    await api.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("asks who says nothing whether he is still there", async () => {
    await expect.poll(() => shownSerial(port).catch(() => ""), { timeout: 30_000 }).not.toBe("");
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    expect(secondsUntilAsked("local", port)).toEqual([expect.closeTo(15, -1)]);
    socket.destroy();
  });

  test("gets new ones while it runs, tries again when nobody answers, and its watches and connections go on", async () => {
    await expect.poll(() => shownSerial(port).catch(() => ""), { timeout: 30_000 }).not.toBe("");
    const client = createHttpClient(identity.connection, "test-agent");
    const services = client.for(serviceResource);
    const { resourceVersion } = await services.list("");
    const seen: (string | undefined)[] = [];
    const watching = (async () => {
      for await (const { object } of services.watch("", { resourceVersion }, stop.signal)) seen.push(object.metadata.name);
    })().catch(() => {}); // ended by the test's end
    const before = { client: identity.connection.current.certificate, serial: await shownSerial(port) };
    const { notBeforeMs, notAfterMs } = readCertificate(identity.serving.current.certificate);

    const metrics = new MetricsRegistry();
    meterCertificates(metrics, clock, identity);
    const shownSeconds = (kind: string) => Number(new RegExp(`^kubelet_certificate_manager_${kind}_ttl_seconds (-?\\d+)$`, "m").exec(metrics.render())?.[1]);
    const leftSeconds = (pem: string | undefined) => Math.trunc((readCertificate(pem ?? "").notAfterMs - clock.now()) / 1000);
    const expectShown = () =>
      expect([shownSeconds("client"), shownSeconds("server")]).toEqual([identity.connection.current, identity.serving.current].map(({ certificate }) => leftSeconds(certificate)));
    expectShown();
    await clock.advance((notAfterMs - notBeforeMs) * 0.69);
    expect(shownSeconds("server")).toBeLessThan(((notAfterMs - notBeforeMs) * 0.32) / 1000);
    expect(identity.connection.current.certificate).toBe(before.client);
    isReachable = false;
    await clock.advance((notAfterMs - notBeforeMs) * 0.21);
    expect(identity.connection.current.certificate).toBe(before.client);
    isReachable = true;
    await clock.advance(10 * 60_000);
    await expect.poll(() => identity.connection.current.certificate, { timeout: 30_000 }).not.toBe(before.client);

    expectShown();
    expect(readCertificate(identity.connection.current.certificate ?? "").commonName).toBe("system:node:m1");
    expect(await shownSerial(port)).not.toBe(before.serial);
    await client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name: "m1" } });
    await api.client.for(serviceResource).create({ apiVersion: "v1", kind: "Service", metadata: { name: "after", namespace: "default" }, spec: { ports: [{ port: 80 }] } });
    await expect.poll(() => seen, { timeout: 30_000 }).toContain("after");
    stop.abort();
    await watching;
  });
});

/** The serial number of the certificate that a new connection is shown. */
function shownSerial(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as net.AddressInfo; // a TCP server's address is one
  await new Promise((resolve) => server.close(resolve));
  return port;
}
