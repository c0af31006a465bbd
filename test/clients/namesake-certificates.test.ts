import http2 from "node:http2";
import { createServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import { fetchRemoteJson } from "../../engine/auth/remote-json.ts";
import { createHttpClient } from "../../engine/client/http-client.ts";
import { dialThrough } from "../../engine/lib/net/dial.ts";
import { openGrpcChannel } from "../../engine/lib/grpc/grpc.ts";
import { connectTls } from "../../engine/lib/net/tls-connection.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import type { APIService } from "../../engine/resources/types.ts";
import { aggregationTarget } from "../../engine/server/aggregation/front-proxy.ts";
import { openRemote, readRemoteBody } from "../../engine/server/aggregation/remote-exchange.ts";
import { KV } from "../../engine/storage/etcd/rpc_pb.ts";
import { ConnectProxyServer } from "../kit/connect-proxy.ts";
import { makeNamesakes } from "../kit/namesakes.ts";

/** Whoever asks another server by TLS goes by signatures, as Go does, and not by names alone, as OpenSSL does. */
const NAME = "hook.shop.svc";
const HOST = "127.0.0.1";
const UNKNOWN = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
const portOf = (server: Server) => (server.address() as AddressInfo).port;

async function listening<S extends Server>(server: S): Promise<S> {
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  onTestFinished(() => void server.close());
  return server;
}

describe("a certificate that bears its authority's name", () => {
  /** What became of a connection, and what came through it. */
  async function knock(shown: TlsOptions, ca: string | undefined, servername = NAME): Promise<{ readonly outcome: string; readonly heard: string }> {
    let heard = "";
    const server = await listening(createTlsServer(shown, (socket) => void socket.on("error", () => {}).on("data", (chunk) => ((heard += String(chunk)), socket.end()))));
    const socket = connectTls({ host: HOST, port: portOf(server), servername, ...(ca === undefined ? {} : { ca }) });
    socket.write("for you alone");
    let outcome = "trusted";
    await new Promise((resolve) =>
      socket
        .on("error", (error) => (outcome = error.message))
        .on("close", resolve)
        .resume(),
    );
    return { outcome, heard };
  }

  test("is trusted if that has signed it", async () => {
    const [first, second] = [await makeNamesakes(NAME), await makeNamesakes(NAME)];
    const shown = { cert: first.certificate, key: first.key };
    expect(await knock(shown, first.authority)).toEqual({ outcome: "trusted", heard: "for you alone" });
    expect((await knock(shown, second.authority + first.authority)).outcome).toBe("trusted");
    expect(await knock(shown, second.authority)).toEqual({ outcome: UNKNOWN, heard: "" });
    expect(await knock(shown, undefined)).toEqual({ outcome: UNKNOWN, heard: "" });
  });

  test("is refused for whatever else is wrong, and hears nothing", async () => {
    const pastMs = Date.now() - 3_600_000;
    const cases = [
      [{}, "other.shop.svc", "certificate is valid for hook.shop.svc, not other.shop.svc"],
      [{ notAfterMs: pastMs }, NAME, "certificate has expired or is not yet valid"],
      [{ authorityNotAfterMs: pastMs }, NAME, "certificate signed by unknown authority"],
      [{ isAuthority: false }, NAME, "certificate signed by unknown authority"],
      [{ isForClients: true }, NAME, "certificate specifies an incompatible key usage"],
    ] as const;
    for (const [options, servername, why] of cases) {
      const { authority, certificate, key } = await makeNamesakes(NAME, options);
      expect(await knock({ cert: certificate, key }, authority, servername)).toEqual({ outcome: `tls: failed to verify certificate: x509: ${why}`, heard: "" });
    }
  });
});

describe("such a certificate is trusted by who asks", () => {
  const start = async () => {
    const pair = await makeNamesakes(NAME);
    const server = await listening(
      createServer({ cert: pair.certificate, key: pair.key }, ({ url }, response) =>
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ kind: "Asked", url, metadata: {}, items: [] })),
      ),
    );
    onTestFinished(() => server.closeAllConnections());
    return { ...pair, port: portOf(server), other: (await makeNamesakes(NAME)).authority };
  };

  test("servers of webhooks, identity providers and audit logs", async () => {
    const { port, authority, other } = await start();
    const ask = (ca: string) => fetchRemoteJson({ url: `https://${HOST}:${port}/keys`, ca, serverName: NAME, timeoutMs: 5_000 });
    expect(await ask(authority)).toMatchObject({ url: "/keys" });
    await expect(ask(other)).rejects.toMatchObject({ cause: { message: UNKNOWN, code: "DEPTH_ZERO_SELF_SIGNED_CERT" } });
  });

  test("servers behind the API", async () => {
    const { port, authority, other } = await start();
    const ask = async (ca: string) => {
      const api = { metadata: { name: "v1.shop" }, spec: { service: { namespace: "shop", name: "hook" }, caBundle: Buffer.from(ca).toString("base64") } } as APIService;
      const target = await aggregationTarget(api, { username: "ann", groups: [] }, "/apis", { resolveService: () => Promise.resolve({ host: HOST, port }) });
      return (await readRemoteBody(await openRemote(target, { method: "GET", headers: {} }, undefined))).toString();
    };
    expect(await ask(authority)).toContain('"/apis"');
    await expect(ask(other)).rejects.toThrow(UNKNOWN);
  });

  test("API servers", async () => {
    const { port, authority, other } = await start();
    const list = (ca: string) =>
      createHttpClient({ server: `https://${HOST}:${port}`, ca, serverName: NAME }, "test")
        .for(configMapResource)
        .list("default");
    expect((await list(authority)).items).toEqual([]);
    await expect(list(other)).rejects.toThrow(UNKNOWN);
  });

  test("proxies that connect to others", async () => {
    const pair = await makeNamesakes(NAME);
    await using proxy = await ConnectProxyServer.start({ tls: { cert: pair.certificate, key: pair.key } });
    const echo = await listening(createTlsServer()); // anything that listens
    const dial = (ca: string) => dialThrough({ is: "https", host: HOST, port: proxy.port, tls: { ca, serverName: NAME, certificate: pair.certificate, key: pair.key } })("far", portOf(echo));
    (await dial(pair.authority)).destroy();
    expect(proxy.asked).toEqual([`far:${portOf(echo)}`]);
    await expect(dial((await makeNamesakes(NAME)).authority)).rejects.toThrow(UNKNOWN);
  });

  test("servers of gRPC, of which none hangs", async () => {
    const name = "localhost";
    const [pair, other] = [await makeNamesakes(name), await makeNamesakes(name)];
    const server = await listening(http2.createSecureServer({ cert: pair.certificate, key: pair.key }));
    server.on("stream", (stream) => void stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "12" }, { endStream: true }));
    const ask = async (ca: string) => {
      const channel = openGrpcChannel(`${name}:${portOf(server)}`, { ca });
      try {
        return await channel.unary(KV.method.range, { key: new Uint8Array() });
      } finally {
        channel.close();
      }
    };
    await expect(ask(pair.authority)).rejects.toMatchObject({ code: 12 });
    await expect(ask(other.authority)).rejects.toThrow(UNKNOWN);
  });
});
