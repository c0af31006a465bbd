import type { Server, Socket } from "node:net";
import { Counts } from "../counts.ts";

/** Connections of nobody known, from one address, and all of one server. A process has 20,000 handles and more, and much else needs one. */
const OF_ONE_MAX = 200;
const ALL_MAX = 8_000;

/**
 * Bounds how many connections a server keeps for whom it does not know: each takes one of the process's handles, and anybody who reaches its port,
 * such as any pod, can open as many as he likes. Those of one address beyond the bound are closed at once.
 */
export class UnknownConnections {
  readonly #of = new Counts();
  /** Addresses by the connection's ends: what TLS makes of a connection is another object. */
  readonly #unknown = new Map<string, string>();

  follow(server: Server): void {
    server.maxConnections = ALL_MAX;
    server.on("connection", (socket: Socket) => {
      const { remoteAddress: address = "" } = socket;
      const ends = endsOf(socket);
      this.#forget(ends); // whose they were has gone, and the event that says so is still to come
      this.#unknown.set(ends, address);
      socket.once("close", () => this.#forget(ends));
      if (this.#of.add(address) > OF_ONE_MAX) socket.destroy();
    });
  }

  /** Whose connection it is has been proven: it counts no more. */
  know(socket: Socket): void {
    this.#forget(endsOf(socket));
  }

  #forget(ends: string): void {
    const address = this.#unknown.get(ends);
    if (address === undefined) return;
    this.#unknown.delete(ends);
    this.#of.remove(address);
  }
}

/** With the server's own: one port of a client may lead to several addresses of the machine. */
function endsOf({ remoteAddress = "", remotePort = 0, localAddress = "" }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
