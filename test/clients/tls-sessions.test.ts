import { randomBytes } from "node:crypto";
import { Agent, createServer, get, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority, issueCertificate, type KeyPair } from "../../engine/auth/certificates.ts";
import { fetchRemoteJson } from "../../engine/auth/remote-json.ts";
import { createHttpClient } from "../../engine/client/http-client.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { createNodeTransport } from "../../engine/server/nodes/node-proxy.ts";

/**
 * Who resumes a session of TLS is shown no certificate, so that one which was replaced would go unnoticed. A server that keeps the keys of its
 * tickets, as those in Go do, would go on with sessions of before.
 */
describe.each(["TLSv1.2", "TLSv1.3"] as const)("a server that has got another authority's certificate is refused by who trusted the one before: %s", (version) => {
  const ticketKeys = randomBytes(48);
  const times = { notBeforeMs: Date.now() - 3_600_000, notAfterMs: Date.now() + 3_600_000 };
  let server: Server;
  let trusted: KeyPair;
  let port = 0;

  const show = async (authority: KeyPair) => {
    const { certificate, key } = await issueCertificate(authority, { commonName: "server", usage: "serving", ipAddresses: ["127.0.0.1"], ...times });
    return { cert: certificate, key, ticketKeys, minVersion: version, maxVersion: version };
  };
  const showAnother = async () => {
    server.setSecureContext(await show(await createAuthority("another", times.notBeforeMs, times.notAfterMs)));
    server.closeAllConnections();
  };

  beforeAll(async () => {
    trusted = await createAuthority("trusted", times.notBeforeMs, times.notAfterMs);
    server = createServer(await show(trusted), (_, response) =>
      response.writeHead(200, { "content-type": "application/json", connection: "close" }).end(JSON.stringify({ kind: "List", apiVersion: "v1", metadata: {}, items: [] })),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ({ port } = server.address() as AddressInfo); // it listens on a port
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test.each<[string, () => () => Promise<unknown>]>([
    [
      "clients of the API",
      () => {
        const client = createHttpClient({ server: `https://127.0.0.1:${port}`, ca: trusted.certificate }, "test");
        return () => client.for(configMapResource).list("default");
      },
    ],
    ["who asks identity providers and webhooks about tokens", () => () => fetchRemoteJson({ url: `https://127.0.0.1:${port}/keys`, ca: trusted.certificate, timeoutMs: 5_000 })],
    [
      "who reads from nodes",
      () => {
        const own = issueCertificate(trusted, { commonName: "client", usage: "client", ...times });
        const nodes = createNodeTransport(trusted.certificate, () => own, systemClock);
        return async () => (await nodes.open({ nodeName: "n1", host: "127.0.0.1", port, path: "/", isStreamed: false }, new AbortController().signal)).resume();
      },
    ],
  ])("%s", async (_who, start) => {
    server.setSecureContext(await show(trusted));
    const ask = start();
    for (let times = 0; times < 3; times++) await ask();
    await showAnother();
    const refusal = await ask().then(
      () => undefined,
      (error: Error) => error,
    );
    expect(`${refusal?.message} ${String(refusal?.cause)}`).toContain("certificate signed by unknown authority");
  });

  test("as it would not be by who resumes sessions", async () => {
    server.setSecureContext(await show(trusted));
    const agent = new Agent({ ca: trusted.certificate });
    const ask = () =>
      new Promise<boolean>(
        (resolve, reject) =>
          void get({ host: "127.0.0.1", port, agent }, (response) => response.resume().on("end", () => resolve((response.socket as TLSSocket).isSessionReused()))).on("error", reject),
      );
    for (let times = 0; times < 3; times++) await ask();
    await showAnother();
    expect(await ask()).toBe(true);
  });
});
