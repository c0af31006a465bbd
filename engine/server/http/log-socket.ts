import type { IncomingMessage } from "node:http";
import { Readable, type Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { StatusError } from "../../apimachinery/status-error.ts";
import { late, loadWebSockets } from "../../lib/late-modules.ts";
import { planLogs } from "../nodes/pod-logs.ts";
import type { StreamRequest } from "./serve-stream.ts";
import type { ServeParts } from "./serve.ts";

/** How a log may be written into frames: as it is, or as text for those who can read nothing else. The first is for who names none. */
const BINARY = "binary.k8s.io";
const BASE64 = "base64.binary.k8s.io";
/** What a reader of logs may say; nobody listens. */
const INCOMING_BYTES_MAX = 4096;

export interface LogPlace {
  readonly namespace: string;
  readonly pod: string;
  readonly query: URLSearchParams;
}

/**
 * Answers a request to read a log over a WebSocket, as browsers do: an empty frame that says the log is open, then what it holds. Ends
 * with the log or with its reader. Rejects, with nothing written, when there is no log to be read.
 */
export async function serveLogSocket(
  { server, nodes }: ServeParts,
  { namespace, pod, query }: LogPlace,
  request: StreamRequest,
  caller: { readonly socket: Duplex; readonly head: Buffer },
  signal: AbortSignal,
): Promise<void> {
  if (nodes === undefined) throw new StatusError("ServiceUnavailable", "this server reads no logs: it was started without credentials for nodes");
  const target = await planLogs(server.parts, namespace, pod, query);
  const log = target === undefined ? Readable.from([]) : await nodes.open(target, signal);
  request.audit?.started(101);
  const socket = await accept(request, caller);
  if (socket === undefined) return void log.destroy();
  socket
    .on("message", () => {})
    .on("error", () => log.destroy())
    .on("close", () => log.destroy());
  try {
    await send(socket, Buffer.alloc(0));
    for await (const chunk of log) await send(socket, chunk as Buffer); // it has no encoding
    socket.close(1000);
  } catch (error) {
    socket.terminate();
    server.parts.logger.debug("a log ended early", { pod, namespace, error });
  }
}

const loadHandshakes = late(
  () =>
    new (loadWebSockets().WebSocketServer)({
      noServer: true,
      maxPayload: INCOMING_BYTES_MAX,
      perMessageDeflate: false,
      handleProtocols: (offered) => [BINARY, BASE64].find((known) => offered.has(known)) ?? false,
    }),
);

/** Undefined when the caller did not become a WebSocket; he has been told why. */
function accept({ method, url, headers }: StreamRequest, { socket, head }: { readonly socket: Duplex; readonly head: Buffer }): Promise<WebSocket | undefined> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve(undefined));
    // Of the request, a handshake reads no more than this.
    loadHandshakes().handleUpgrade({ method, url, headers } as IncomingMessage, socket, head, resolve);
  });
}

/** Waits until the frame is on its way: a slow reader slows the log down. */
function send(socket: WebSocket, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) =>
    socket.send(socket.protocol === BASE64 ? chunk.toString("base64") : chunk, (error) => (error ? reject(error) : resolve())),
  );
}
