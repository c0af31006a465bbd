import type { Server } from "node:http";
import { keepClientsAlive } from "../../engine/lib/net/keep-alive.ts";
import { outliveAcceptErrors } from "../../engine/lib/net/lasting-server.ts";
import type { Logger } from "../../engine/lib/log.ts";
import { UnknownConnections } from "../../engine/lib/net/unknown-connections.ts";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Resolves once the server listens there; rejects when the port is taken. What fails later is a connection that could not be taken, which ends
 * nothing; and nobody has as many of them as he likes.
 */
export function listen(server: Server, { host, port }: ListenAddress, logger: Logger): Promise<void> {
  return new Promise((resolve, reject) => {
    new UnknownConnections().follow(server);
    keepClientsAlive(server);
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      outliveAcceptErrors(server, logger);
      resolve();
    });
  });
}

/** Resolves once nobody is connected any more, which is at once. */
export function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
