import tls from "node:tls";
import type { Connection } from "../../engine/client/kubeconfig.ts";

/**
 * Watchers that count events and look into none: what reading costs here, where server and watchers share the cores, is to be as little as it can.
 * Each has a connection of its own, as the watchers of as many programs would.
 */
export class LightWatchers implements Disposable {
  readonly #sockets: readonly tls.TLSSocket[];
  #seen = 0;
  #isEnding = false;
  /** Those that the server has ended. */
  cutOff = 0;

  private constructor(sockets: readonly tls.TLSSocket[]) {
    this.#sockets = sockets;
    for (const socket of sockets) {
      let last = 0;
      socket.on("data", (chunk: Buffer) => {
        this.#seen += countEvents(chunk, last);
        last = chunk[chunk.length - 1] ?? last;
      });
      socket
        .on("error", () => {})
        .on("close", () => {
          if (!this.#isEnding) this.cutOff++;
        });
    }
  }

  /** Opens so many watches; `path` with its query. Resolves when each is connected and has asked. */
  static async open({ server, ca, certificate, key }: Connection, path: string, count: number): Promise<LightWatchers> {
    const { hostname, port, host } = new URL(server);
    const secureContext = tls.createSecureContext({ ca, cert: certificate, key });
    const connect = () =>
      new Promise<tls.TLSSocket>((resolve, reject) => {
        const socket = tls.connect({ host: hostname, port: Number(port), secureContext, servername: "", ALPNProtocols: ["http/1.1"], checkServerIdentity: () => undefined });
        socket.once("error", reject).once("secureConnect", () => {
          socket.off("error", reject).write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\naccept: application/json\r\n\r\n`);
          resolve(socket);
        });
      });
    const sockets: tls.TLSSocket[] = [];
    for (let index = 0; index < count; index++) sockets.push(await connect());
    return new LightWatchers(sockets);
  }

  /** Events that all of them have read together. */
  get seen(): number {
    return this.#seen;
  }

  [Symbol.dispose](): void {
    this.#isEnding = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}

const NEWLINE = 0x0a;
const BRACE = 0x7d;

/** An event is a line of JSON, so it ends where a line ends behind a brace. `before` is the last byte of the chunk before. */
function countEvents(chunk: Buffer, before: number): number {
  let count = 0;
  for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) if ((at === 0 ? before : chunk[at - 1]) === BRACE) count++;
  return count;
}
