import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { WebSocket, WebSocketServer } from "ws";
import type { Clock } from "../../engine/lib/clock.ts";
import { late, loadWebSockets, nodeJs } from "../../engine/lib/late-modules.ts";
import type { StreamingRuntime, StreamOptions } from "../cri/streaming-runtime.ts";
import { spareSizes } from "./spdy-sizes.ts";
import { bridgeRemoteCommand, CHANNEL_PROTOCOLS, RUNTIME_PROTOCOL } from "./remote-command.ts";

/** SPDY frames in the messages of a WebSocket, which is how current clients forward ports through proxies that know no SPDY. */
const TUNNEL_PROTOCOL = "SPDY/3.1+portforward.k8s.io";
const PORT_FORWARD_PROTOCOL = "portforward.k8s.io";
/** Upstream's: a connection on which nothing happens is given up. */
const IDLE_MS = 4 * 3_600_000;
/** Two pipelines and the server's own bookkeeping listen to each connection. */
const LISTENERS_MAX = 32;
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

/** What a request asks to be connected with. */
export type StreamTarget =
  | { readonly do: "exec"; readonly containerId: string; readonly command: readonly string[]; readonly options: StreamOptions }
  | { readonly do: "attach"; readonly containerId: string; readonly options: StreamOptions }
  | { readonly do: "portForward"; readonly sandboxId: string; readonly ports: readonly number[] };

export interface StreamParts {
  readonly streaming: StreamingRuntime;
  readonly clock: Clock;
}

/** The connection that a client wants to be switched. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

const loadHandshakes = late(
  () =>
    new (loadWebSockets().WebSocketServer)({
      noServer: true,
      maxPayload: MESSAGE_BYTES_MAX,
      perMessageDeflate: false,
      handleProtocols: (offered) => [...offered].find((protocol) => CHANNEL_PROTOCOLS.includes(protocol)) ?? false,
    }),
);
/** `/` is no character of a protocol's name by the standard, but upstream's has one: it is answered by hand. */
const loadTunnels = late(() => {
  const tunnels = new (loadWebSockets().WebSocketServer)({ noServer: true, maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false });
  return tunnels.on("headers", (headers) => headers.push(`Sec-WebSocket-Protocol: ${TUNNEL_PROTOCOL}`));
});

/**
 * Connects a client with a stream of the runtime. SPDY and the older WebSocket protocols are the runtime's own and copied byte by byte,
 * but for sizes of terminals; what it does not know is spoken here. Rejects while nothing has been answered.
 */
export async function connectStream({ streaming, clock }: StreamParts, target: StreamTarget, client: UpgradeRequest): Promise<void> {
  const { request, socket } = client;
  (socket as Partial<import("node:net").Socket>).setTimeout?.(IDLE_MS, () => socket.destroy());
  const url = await addressOf(streaming, target);
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((protocol) => protocol.trim());
  if (target.do !== "portForward" && offered.some((protocol) => CHANNEL_PROTOCOLS.includes(protocol))) {
    const spdy = await openSpdy(url, RUNTIME_PROTOCOL);
    return bridgeRemoteCommand(await accept(loadHandshakes(), client, spdy), spdy, target.options, clock);
  }
  if (target.do === "portForward" && offered.includes(TUNNEL_PROTOCOL)) {
    const spdy = await openSpdy(url, PORT_FORWARD_PROTOCOL);
    delete request.headers["sec-websocket-protocol"];
    const tunnel = loadWebSockets().createWebSocketStream(await accept(loadTunnels(), client, spdy));
    if (spdy.head.length > 0) tunnel.write(spdy.head);
    return copyBoth(tunnel, spdy.connection);
  }
  const hasSizes = target.do !== "portForward" && target.options.tty && /^spdy/i.test(request.headers.upgrade ?? "");
  return passOn(url, client, hasSizes ? spareSizes(clock) : undefined);
}

function addressOf(runtime: StreamingRuntime, target: StreamTarget): Promise<URL> {
  switch (target.do) {
    case "exec":
      return runtime.exec(target.containerId, target.command, target.options);
    case "attach":
      return runtime.attach(target.containerId, target.options);
    case "portForward":
      return runtime.portForward(target.sandboxId, target.ports);
  }
}

/** A handshake that is none is answered by the library, which says no more of it; then nobody needs what the runtime has opened. */
async function accept(server: WebSocketServer, { request, socket, head }: UpgradeRequest, opened: { readonly connection: Duplex }): Promise<WebSocket> {
  const accepted = await new Promise<WebSocket | undefined>((resolve) => {
    socket.once("close", () => resolve(undefined));
    server.handleUpgrade(request, socket, head, resolve);
  });
  if (accepted !== undefined) return accepted;
  opened.connection.destroy();
  throw new Error("the client did not become a WebSocket");
}

async function openSpdy(url: URL, protocol: string): Promise<{ readonly connection: Duplex; readonly head: Buffer }> {
  const answer = await upgrade(url, "POST", { connection: "Upgrade", upgrade: "SPDY/3.1", "x-stream-protocol-version": protocol, "content-length": "0" });
  if (answer.socket !== undefined) return { connection: answer.socket, head: answer.head };
  throw new Error(`the runtime refused to open a stream (${answer.response.statusCode ?? 0}): ${(await textOf(answer.response)).trim()}`);
}

/** The runtime gets the request as it came, and the client its answer: from then on bytes are copied, the client's through what is given, if anything is. */
async function passOn(url: URL, { request, socket, head }: UpgradeRequest, through: Duplex | undefined): Promise<void> {
  const { authorization: _, host: __, ...headers } = request.headers;
  const answer = await upgrade(url, request.method ?? "GET", headers);
  const lines = [`HTTP/1.1 ${answer.response.statusCode ?? 502} ${answer.response.statusMessage ?? ""}`];
  for (let index = 0; index < answer.response.rawHeaders.length; index += 2)
    lines.push(`${answer.response.rawHeaders[index] ?? ""}: ${answer.response.rawHeaders[index + 1] ?? ""}`);
  if (answer.socket === undefined) {
    const text = await textOf(answer.response);
    return void socket.end(`${lines[0] ?? ""}\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`);
  }
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  if (answer.head.length > 0) socket.write(answer.head);
  if (head.length > 0) (through ?? answer.socket).write(head);
  return copyBoth(socket, answer.socket, through);
}

type Upgraded =
  { readonly response: IncomingMessage; readonly socket: Duplex; readonly head: Buffer } | { readonly response: IncomingMessage; readonly socket: undefined };

function upgrade(url: URL, method: string, headers: OutgoingHttpHeaders): Promise<Upgraded> {
  return new Promise((resolve, reject) => {
    const outgoing = nodeJs.http.request(url, { method, headers, agent: false });
    outgoing.on("upgrade", (response, socket, head) => resolve({ response, socket, head }));
    outgoing.on("response", (response) => resolve({ response, socket: undefined }));
    outgoing.on("error", (error) => reject(new Error("connect to the runtime's streams", { cause: error })));
    outgoing.end();
  });
}

async function copyBoth(left: Duplex, right: Duplex, through?: Duplex): Promise<void> {
  for (const stream of [left, right]) stream.setMaxListeners(LISTENERS_MAX);
  const stop = (): void => {
    left.destroy();
    right.destroy();
  };
  await Promise.all([through === undefined ? pipeline(left, right) : pipeline(left, through, right), pipeline(right, left)].map((way) => way.catch(stop)));
  stop();
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response) if (text.length < 16_384) text += (chunk as Buffer).toString("utf8"); // no encoding is set
  return text;
}
