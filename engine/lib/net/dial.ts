import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import type { Duplex } from "node:stream";
import { hostAndPort, tlsServerName } from "./ip-address.ts";
import { keepAlive, SERVER_SILENCE_MS } from "./keep-alive.ts";
import { nodeJs } from "../late-modules.ts";
import { connectTls } from "./tls-connection.ts";

/** A connection to an address that is not reached directly. Rejects with why there is none. Who is asked by TLS speaks second; others may speak first. */
export type Dial = (host: string, port: number, maySpeakFirst?: boolean) => Promise<Duplex>;

/** A proxy that connects by HTTP's CONNECT: at an address, by TLS where it says so, or at a socket of this machine. */
export type ConnectProxy =
  | { readonly is: "socket"; readonly path: string }
  | { readonly is: "http"; readonly host: string; readonly port: number }
  | { readonly is: "https"; readonly host: string; readonly port: number; readonly tls: ProxyTls };

/** PEM: who signed the proxy's certificate (the system's authorities when undefined), whom it must be of, and who we are. */
export interface ProxyTls {
  readonly ca: string | undefined;
  readonly serverName: string | undefined;
  readonly certificate: string;
  readonly key: string;
}

/** How long a proxy may take until a connection is there. */
const DIAL_TIMEOUT_MS = 30_000;

/** The proxy was reached, but connects to nobody. */
export class ProxyRefusal extends Error {}

/** Connects through a proxy. Rejects with a ProxyRefusal when it answers with a failure, and with node's own error when it cannot be reached. */
export function dialThrough(proxy: ConnectProxy): Dial {
  const shown = proxy.is === "socket" ? proxy.path : hostAndPort(proxy.host, proxy.port);
  return (host, port, maySpeakFirst = false) =>
    new Promise((resolve, reject) => {
      const address = hostAndPort(host, port);
      const outgoing = askToConnect(proxy, { method: "CONNECT", path: address, headers: { host: "127.0.0.1" }, signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) });
      outgoing.on("connect", ({ statusCode = 0, statusMessage = "" }: IncomingMessage, socket: Duplex, head: Buffer) => {
        const refuse = (why: string) => {
          socket.destroy();
          reject(new ProxyRefusal(why));
        };
        if (statusCode !== 200) refuse(`proxy error from ${shown} while dialing ${address}, code ${statusCode}: ${statusMessage}`);
        else if (head.length > 0 && !maySpeakFirst) refuse(`unexpected ${head.length} bytes of buffered data from CONNECT proxy ${JSON.stringify(shown)}`);
        else {
          if (head.length > 0) socket.unshift(head);
          resolve(socket);
        }
      });
      outgoing.on("error", reject);
      outgoing.end();
    });
}

function askToConnect(proxy: ConnectProxy, options: RequestOptions): ClientRequest {
  if (proxy.is === "socket") return nodeJs.http.request({ ...options, agent: false, socketPath: proxy.path });
  if (proxy.is === "http") return nodeJs.http.request({ ...options, agent: false, host: proxy.host, port: proxy.port });
  const { ca, serverName, certificate, key } = proxy.tls;
  return nodeJs.https.request({
    ...options,
    ...connectionBy(undefined, "https"),
    host: proxy.host,
    port: proxy.port,
    ca,
    cert: certificate,
    key,
    servername: serverName ?? tlsServerName(proxy.host),
  });
}

/** Who creates the connection of a request, as node's requests and agents take it. */
type CreateConnection = NonNullable<RequestOptions["createConnection"]>;

/** For node's requests: each has a connection of its own, by this way or, when it is undefined, directly. */
export function connectionBy(dial: Dial | undefined, scheme: "http" | "https"): RequestOptions {
  if (scheme === "https") return { createConnection: secureConnectionsBy(dial), defaultPort: 443 };
  return dial === undefined ? { agent: false } : { createConnection: createBy(dial, (socket) => socket), defaultPort: 80 };
}

/**
 * The connections by TLS of such requests, and of agents that keep them. None resumes a session of an earlier one, as upstream's do not: the other end
 * would show no certificate, and one that was replaced or has expired since would go unnoticed.
 */
export function secureConnectionsBy(dial: Dial | undefined): CreateConnection {
  const secure = (options: RequestOptions & { readonly servername?: string }, more: { readonly socket?: Duplex }) => {
    const host = options.host ?? "localhost";
    // As node's own agent: the name is that of the host, where it has one.
    return connectTls({ ...(options as object), ...more, host, servername: options.servername ?? tlsServerName(host) });
  };
  if (dial === undefined) return (options) => keepAlive(secure(options, {}).setNoDelay(true), SERVER_SILENCE_MS);
  return createBy(dial, (socket, options) => secure(options, { socket }));
}

function createBy(dial: Dial, made: (socket: Duplex, options: RequestOptions) => Duplex): CreateConnection {
  return (options, done) => {
    dial(options.host ?? "localhost", Number(options.port)).then(
      (socket) => done(null, made(socket, options)),
      (error: Error) => done(error, undefined as unknown as Duplex), // there is none to be looked at
    );
    return undefined;
  };
}
