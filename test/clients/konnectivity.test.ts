import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import os from "node:os";
import path from "node:path";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer as createHttp2Server } from "node:http2";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, onTestFinished, test, vi } from "vitest";
import { ProxyRefusal, type Dial } from "../../engine/lib/net/dial.ts";
import { dialThroughTunnel } from "../../engine/lib/net/konnectivity/dial-tunnel.ts";
import { PacketSchema, PacketType } from "../../engine/lib/net/konnectivity/konnectivity_pb.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { tunnelMetrics } from "../../engine/setup/tunnel-metrics.ts";
import { KonnectivityServer } from "../kit/konnectivity-server.ts";

/** Connections through a proxy of the konnectivity kind, over a real socket; what goes through them for the API is in egress.test.ts. */
async function start(): Promise<{ readonly proxy: KonnectivityServer; readonly dial: Dial; readonly metrics: MetricsRegistry; readonly socket: string }> {
  const folder = await mkdtemp(path.join(os.tmpdir(), "konnectivity-"));
  const socket = path.join(folder, "proxy.sock");
  const proxy = await KonnectivityServer.start(socket);
  onTestFinished(async () => {
    await proxy[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });
  const metrics = new MetricsRegistry();
  return { proxy, dial: dialThroughTunnel(socket, tunnelMetrics(metrics)), metrics, socket };
}

async function listening(handle: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => handle(socket.on("error", () => {})));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const closed = (socket: Duplex) => (socket.closed ? Promise.resolve() : once(socket, "close"));

test("bytes go both ways, as many as there are and in their order", async () => {
  const { proxy, dial, metrics } = await start();
  const port = await listening((socket) => void socket.pipe(socket));
  const sent = randomBytes(12 << 20);
  const [one, two] = [await dial("10.9.9.9", port), await dial("fd00::9", port)];
  expect(proxy.asked).toEqual([`10.9.9.9:${port}`, `[fd00::9]:${port}`]);
  expect(metrics.render()).toContain('konnectivity_network_proxy_client_client_connections{status="ok"} 2');
  two.write("meanwhile");
  expect(String((await once(two, "data"))[0])).toBe("meanwhile");
  one.write(sent);
  const got: Buffer[] = [];
  let length = 0;
  for await (const chunk of one as AsyncIterable<Buffer>) {
    got.push(chunk);
    length += chunk.length;
    if (length >= sent.length) break;
  }
  expect(Buffer.concat(got).equals(sent)).toBe(true);
  for (const socket of [one, two]) socket.destroy();
  await expect.poll(() => metrics.render()).toContain('konnectivity_network_proxy_client_client_connections{status="closing"} 0');
  expect(metrics.render()).toContain('konnectivity_network_proxy_client_client_connections{status="ok"} 0');
  expect(metrics.render()).toContain('konnectivity_network_proxy_client_stream_packets_total{packet_type="DIAL_REQ",segment="from_client"} 2');
  expect(proxy.came.filter((type) => type === PacketType.CLOSE_REQ)).toHaveLength(2);
});

test("whoever reads slowly holds the other up, in both directions", async () => {
  const { dial } = await start();
  const much = 64 << 20;
  let given = 0;
  /** Gives as much as is taken, until nothing has been for a while; then the rest, as it is taken. */
  const give = async (socket: Duplex): Promise<number> => {
    while (given < much) {
      given += 64 * 1024;
      if (!socket.write(Buffer.alloc(64 * 1024)) && !(await Promise.race([once(socket, "drain").then(() => true), sleep(300)]))) break;
    }
    const stalledAt = given;
    void (async () => {
      for (; given < much; given += 64 * 1024) if (!socket.write(Buffer.alloc(64 * 1024))) await once(socket, "drain");
      socket.end();
    })().catch(() => {}); // the other side may not want the rest
    return stalledAt;
  };
  let stalled: Promise<number> | undefined;
  const source = await listening((socket) => void (stalled = give(socket)));
  const lazy = await dial("a.example", source);
  await expect.poll(() => stalled).toBeDefined();
  expect(await stalled).toBeLessThan(much / 2);
  expect((await buffer(lazy)).length).toBe(much);

  given = 0;
  const sink = await listening((socket) => void socket.pause());
  const eager = await dial("a.example", sink);
  expect(await give(eager)).toBeLessThan(much / 2);
  eager.destroy();
});

test("an end that the other side makes is an end here, and one that is made here is told", async () => {
  const { proxy, dial } = await start();
  const other: Socket[] = [];
  const port = await listening((socket) => void other.push(socket));
  const theirs = await dial("a.example", port);
  await expect.poll(() => other.length).toBe(1);
  other[0]?.end("farewell");
  expect(String(await buffer(theirs))).toBe("farewell");
  await closed(theirs);
  const ours = await dial("a.example", port);
  await expect.poll(() => other.length).toBe(2);
  ours.end("bye");
  expect(String(await buffer(other[1] as Socket))).toBe("bye");
  await closed(ours.resume());
  expect(proxy.came.slice(-3)).toEqual([PacketType.DIAL_REQ, PacketType.DATA, PacketType.CLOSE_REQ]);
});

test("a proxy that is gone takes its connections with it", async () => {
  const { proxy, dial, metrics } = await start();
  const port = await listening(() => {});
  const socket = await dial("a.example", port);
  const failed = once(socket, "error");
  await proxy[Symbol.asyncDispose]();
  expect(String((await failed)[0])).toContain("code = Unavailable");
  await closed(socket);
  expect(metrics.render()).toContain('konnectivity_network_proxy_client_stream_errors_total{code="Unavailable",packet_type="Unknown",segment="to_client"} 1');
  expect(metrics.render()).toContain('konnectivity_network_proxy_client_client_connections{status="ok"} 0');
});

test("a connection that is not made is told apart from a proxy that is not there", async () => {
  const { proxy, dial, metrics, socket } = await start();
  await expect(dial("a.example", 1)).rejects.toThrow(ProxyRefusal);
  proxy.refusal = (random) => ({ case: "dialResponse", value: { error: "dial tcp 10.9.9.9:443: connect: no route to host", connectID: 0n, random } });
  await expect(dial("10.9.9.9", 443)).rejects.toThrow(new ProxyRefusal("dial tcp 10.9.9.9:443: connect: no route to host"));
  proxy.refusal = (random) => ({ case: "closeDial", value: { random } });
  await expect(dial("a.example", 443)).rejects.toThrow(new ProxyRefusal("dial closed"));
  proxy.refusal = (_random, stream) => void stream.end();
  await expect(dial("a.example", 443)).rejects.toThrow(new ProxyRefusal("tunnel closed"));
  const away = dialThroughTunnel(`${socket}.absent`)("a.example", 443);
  await expect(away).rejects.toThrow("ENOENT");
  await expect(away).rejects.not.toBeInstanceOf(ProxyRefusal);
  for (const [reason, count] of [
    ["endpoint", 2],
    ["dialclosed", 1],
    ["tunnelclosed", 1],
  ])
    expect(metrics.render()).toContain(`konnectivity_network_proxy_client_dial_failure_total{reason="${reason}"} ${count}`);
  expect(metrics.render()).toContain('konnectivity_network_proxy_client_client_connections{status="dialing"} 0');
});

test("a proxy that says anything is believed so much and no more", async () => {
  const { proxy, dial, metrics } = await start();
  const answers = (...packets: readonly MessageInitShape<typeof PacketSchema>[]) => {
    proxy.refusal = (random, stream) => {
      stream.write(create(PacketSchema, { type: PacketType.DIAL_RSP, payload: { case: "dialResponse", value: { error: "", connectID: 1n, random } } }));
      for (const packet of packets) stream.write(create(PacketSchema, packet));
      return undefined;
    };
  };
  // Numbers that the protocol does not have are counted as one.
  answers(...Array.from({ length: 50 }, (_, index) => ({ type: (1_000 + index) as PacketType })));
  (await dial("a.example", 443)).destroy();
  await expect.poll(() => metrics.render()).toContain('stream_packets_total{packet_type="UNKNOWN",segment="to_client"} 50');
  expect(metrics.render()).not.toContain('packet_type="1000"');
  // What belongs to nobody is refused piece by piece, and the connection is given up when that does not end.
  answers(...Array.from({ length: 1_000 }, (_, index) => ({ type: PacketType.DATA, payload: { case: "data" as const, value: { connectID: BigInt(index + 2), error: "", data: Buffer.from("x") } } })));
  proxy.came.length = 0;
  const flooded = await dial("a.example", 443);
  expect(String((await once(flooded, "error"))[0])).toContain("belongs to other connections");
  expect(proxy.came.filter((type) => type === PacketType.CLOSE_REQ).length).toBeLessThanOrEqual(101);
  // A message is bounded, and so is a reason.
  answers({ type: PacketType.DATA, payload: { case: "data", value: { connectID: 1n, error: "", data: Buffer.alloc(5 << 20) } } });
  expect(String((await once(await dial("a.example", 443), "error"))[0])).toContain("code = ResourceExhausted");
  proxy.refusal = (random) => ({ case: "dialResponse", value: { error: "x".repeat(1 << 20), connectID: 0n, random } });
  await expect(dial("a.example", 443)).rejects.toThrow(new ProxyRefusal("x".repeat(1_024)));
});

test("a proxy that takes nothing keeps nothing here", async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "konnectivity-"));
  let sessions = 0;
  const server = createHttp2Server({ settings: { initialWindowSize: 0 } }).on("session", (session) => {
    sessions++;
    session.on("error", () => {}).on("close", () => sessions--);
  });
  await new Promise<void>((resolve) => server.listen(path.join(folder, "proxy.sock"), resolve));
  onTestFinished(async () => {
    vi.useRealTimers();
    server.close();
    await rm(folder, { recursive: true });
  });
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const dialed = dialThroughTunnel(path.join(folder, "proxy.sock"))("a.example", 443);
  const refused = expect(dialed).rejects.toThrow("dial timeout, backstop");
  await expect.poll(() => sessions).toBe(1);
  // The proxy's settings, by which nothing may be sent, are known here.
  await new Promise((resolve) => setImmediate(resolve));
  vi.advanceTimersByTime(30_000);
  await refused;
  vi.advanceTimersByTime(10_000);
  await expect.poll(() => sessions).toBe(0);
});
