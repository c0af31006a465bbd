import { once } from "node:events";
import { connect, createServer, Socket, type AddressInfo, type Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { UnknownConnections } from "../../../engine/lib/net/unknown-connections.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { closeServer, listen } from "../../../node-agent/network/listen.ts";
import { createServer as createHttpServer } from "node:http";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

/** Tries so many connections to a server, which keeps so many of them: those that are open. */
async function openTo(server: Server, count: number, kept: number): Promise<readonly Socket[]> {
  const { port } = server.address() as AddressInfo; // it listens on a port
  const before = await connectionsOf(server);
  const sockets = Array.from({ length: count }, () => connect(port, "127.0.0.1").on("error", () => {}));
  cleanups.push(() => sockets.forEach((socket) => socket.destroy()));
  await Promise.all(sockets.map((socket) => Promise.race([once(socket, "connect"), once(socket, "close")])));
  await expect.poll(() => connectionsOf(server)).toBe(before + kept);
  // Each hears of its end, some of them a moment later.
  const open = () => sockets.filter((socket) => !socket.destroyed && !socket.readableEnded);
  await expect.poll(() => open().length).toBeLessThanOrEqual(kept);
  return open();
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
}

test("nobody has as many connections to a server that does not know him as he likes; who is known has", async () => {
  const connections = new UnknownConnections();
  let known = 0;
  const server = createServer((socket) => {
    socket.on("error", () => {}).once("data", () => void (connections.know(socket), known++));
  });
  connections.follow(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close());
  const first = await openTo(server, 250, 200);
  expect(first).toHaveLength(200);
  for (const socket of first) socket.write("it is me");
  await expect.poll(() => known).toBe(200);
  expect(await openTo(server, 210, 200)).toHaveLength(200);
  expect(first.every((socket) => !socket.destroyed)).toBe(true);
});

test("ends that are taken again before their first connection is known to be closed count once", () => {
  const server = createServer();
  new UnknownConnections().follow(server);
  const take = () => {
    const socket = new Socket(); // all of them have the same ends: none
    server.emit("connection", socket);
    return socket;
  };
  const taken = Array.from({ length: 300 }, take);
  expect(taken.filter(({ destroyed }) => destroyed)).toHaveLength(0);
});

test("what has gone makes room for others", async () => {
  const server = createHttpServer();
  await listen(server, { host: "127.0.0.1", port: 0 }, silentLogger);
  cleanups.push(() => closeServer(server));
  for (let round = 0; round < 2; round++) {
    const open = await openTo(server, 201, 200);
    expect(open).toHaveLength(200);
    for (const socket of open) socket.destroy();
    await expect.poll(() => connectionsOf(server)).toBe(0);
  }
});

test("what has gone makes room also when one port of a client led to several addresses of the machine", async () => {
  const server = createServer((socket) => socket.resume());
  new UnknownConnections().follow(server);
  server.listen(0, "0.0.0.0");
  await once(server, "listening");
  cleanups.push(() => server.close());
  const { port } = server.address() as AddressInfo; // as above
  for (let round = 0; round < 201; round++) {
    // With an address of its own, a client's port may be used once more.
    const first = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.1" });
    await once(first, "connect");
    const second = connect({ port, host: "127.0.0.2", localAddress: "127.0.0.1", localPort: first.localPort! });
    await once(second, "connect");
    for (const socket of [first, second]) await once(socket.resume().end(), "close");
  }
  expect(await openTo(server, 1, 1)).toHaveLength(1);
});

test("a connection that cannot be taken ends no server, however often", async () => {
  const server = createHttpServer((_request, response) => void response.end("well"));
  await listen(server, { host: "127.0.0.1", port: 0 }, silentLogger);
  cleanups.push(() => closeServer(server));
  for (let times = 0; times < 2; times++) server.emit("error", new Error("accept EMFILE"));
  const { port } = server.address() as AddressInfo; // as above
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("well");
});
