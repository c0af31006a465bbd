import { createServer as createHttpServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { connect, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { TlsOptions } from "node:tls";

/** A proxy for HTTP's CONNECT. Whatever it is asked for is at that port of this machine, so that names and addresses that nobody has can be asked for. */
export class ConnectProxyServer {
  /** What was asked for, such as `10.9.9.9:443`. */
  readonly asked: string[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connect", ({ url = "" }: IncomingMessage, caller: Duplex) => {
      this.asked.push(url);
      caller.on("error", () => {});
      const refusal = this.answer(url);
      if (refusal !== undefined) return void caller.end(refusal);
      const other = connect(Number(/\d+$/.exec(url)?.[0]), "127.0.0.1", () => {
        caller.write("HTTP/1.1 200 Connection established\r\n\r\n");
        caller.pipe(other).pipe(caller);
      });
      other.on("error", () => caller.destroy());
      caller.on("close", () => other.destroy());
    });
  }

  /** What is answered in place of a connection. */
  answer: (address: string) => string | undefined = () => undefined;

  /** At a free port of 127.0.0.1, or at a socket; with TLS where it is given. */
  static async start({ socket, tls }: { readonly socket?: string; readonly tls?: TlsOptions } = {}): Promise<ConnectProxyServer> {
    const server = tls === undefined ? createHttpServer() : createHttpsServer(tls);
    const proxy = new ConnectProxyServer(server);
    await new Promise<void>((resolve) => (socket === undefined ? server.listen(0, "127.0.0.1", resolve) : server.listen(socket, resolve)));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // where it listens on TCP
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
