import { once } from "node:events";
import { connect, createServer, Socket, type AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { UnknownConnections } from "../../../engine/lib/unknown-connections.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { closeServer, listen } from "../../../node-agent/network/listen.ts";
import { createServer as createHttpServer } from "node:http";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

/** Connections to a port: how many of so many attempts are open a moment later. */
async function openTo(port: number, count: number): Promise<readonly Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(port, "127.0.0.1").on("error", () => {}));
  cleanups.push(() => sockets.forEach((socket) => socket.destroy()));
  await Promise.all(sockets.map((socket) => Promise.race([once(socket, "connect"), once(socket, "close")])));
  await new Promise((resolve) => setTimeout(resolve, 200));
  return sockets.filter((socket) => !socket.destroyed && !socket.readableEnded);
}

test("nobody has as many connections to a server that does not know him as he likes; who is known has", async () => {
  const connections = new UnknownConnections();
  const server = createServer((socket) => {
    socket.on("error", () => {}).on("data", () => connections.know(socket));
  });
  connections.follow(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close());
  const { port } = server.address() as AddressInfo; // it listens on a port
  const first = await openTo(port, 250);
  expect(first).toHaveLength(200);
  for (const socket of first) socket.write("it is me");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await openTo(port, 210)).toHaveLength(200);
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
  const { port } = server.address() as AddressInfo; // as above
  for (let round = 0; round < 2; round++) {
    const open = await openTo(port, 201);
    expect(open).toHaveLength(200);
    for (const socket of open) socket.destroy();
    await expect.poll(() => new Promise((resolve) => void server.getConnections((_error, count) => resolve(count)))).toBe(0);
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
  expect(await openTo(port, 1)).toHaveLength(1);
});

test("a connection that cannot be taken ends no server, however often", async () => {
  const server = createHttpServer((_request, response) => void response.end("well"));
  await listen(server, { host: "127.0.0.1", port: 0 }, silentLogger);
  cleanups.push(() => closeServer(server));
  for (let times = 0; times < 2; times++) server.emit("error", new Error("accept EMFILE"));
  const { port } = server.address() as AddressInfo; // as above
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("well");
});
