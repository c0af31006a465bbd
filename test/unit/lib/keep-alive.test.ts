import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { keepAlive, keepClientsAlive } from "../../../engine/lib/net/keep-alive.ts";
import { secondsUntilAsked } from "../../kit/keep-alive-timers.ts";

test("the kernel asks clients and servers that say nothing whether they are still there", async () => {
  const server = createServer();
  keepClientsAlive(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo; // it listens on a port
  const accepted = once(server, "connection");
  const client = connect(port, "127.0.0.1");
  await Promise.all([accepted, once(client, "connect")]);
  try {
    expect(secondsUntilAsked("remote", port)).toEqual([undefined]);
    expect(secondsUntilAsked("local", port)).toEqual([expect.closeTo(15, -1)]);
    keepAlive(client, 30_000);
    expect(secondsUntilAsked("remote", port)).toEqual([expect.closeTo(30, -1)]);
  } finally {
    client.destroy();
    server.close();
  }
});
