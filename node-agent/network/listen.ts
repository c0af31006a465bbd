import type { Server } from "node:http";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Resolves once the server listens there; rejects when the port is taken. */
export function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Resolves once nobody is connected any more, which is at once. */
export function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
