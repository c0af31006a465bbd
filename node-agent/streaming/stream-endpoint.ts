import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { WebSocket, WebSocketServer } from "ws";
import type { Clock } from "../../engine/lib/clock.ts";
import { loadWebSockets, nodeJs } from "../../engine/lib/late-modules.ts";
import type { StreamingRuntime, StreamOptions } from "../cri/streaming-runtime.ts";
import { spareSizes } from "./spdy-sizes.ts";
import { bridgeRemoteCommand } from "./remote-command.ts";
import { chooseChannelProtocol, tunnelledProtocols, tunnelProtocol, V4_PROTOCOL } from "./choose-protocol.ts";

/** Upstream's: a connection on which nothing happens is given up. */
const IDLE_MS = 4 * 3_600_000;
/** Two pipelines and the server's own bookkeeping listen to each connection. */
const LISTENERS_MAX = 32;
/** Upstream's. */
const MESSAGE_BYTES_MAX = 32 * 1024 * 1024;

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

/**
 * Connects a client with a stream of the runtime. SPDY and the older WebSocket protocols are the runtime's own and copied byte by byte,
 * but for sizes of terminals; what it does not know is spoken here. Rejects while nothing has been answered.
 */
export async function connectStream({ streaming, clock }: StreamParts, target: StreamTarget, client: UpgradeRequest): Promise<void> {
  const { request, socket } = client;
  (socket as Partial<import("node:net").Socket>).setTimeout?.(IDLE_MS, () => socket.destroy());
  const url = await addressOf(streaming, target);
  const protocol = target.do === "portForward" ? undefined : chooseChannelProtocol(request.headers);
  if (target.do !== "portForward" && protocol !== undefined) {
    const spdy = await openSpdy(url, [V4_PROTOCOL]); // from which v5 differs only in what happens on a WebSocket
    if (spdy.socket === undefined) return answerAs(spdy.response, socket);
    request.headers["sec-websocket-protocol"] = protocol;
    return bridgeRemoteCommand(await accept(handshakes(), client, spdy.socket), { connection: spdy.socket, head: spdy.head }, target.options, clock);
  }
  const tunnelled = tunnelledProtocols(request.headers);
  if (target.do === "portForward" && tunnelled.length > 0) {
    const spdy = await openSpdy(url, tunnelled);
    if (spdy.socket === undefined) return answerAs(spdy.response, socket);
    const chosen = spdy.response.headers["x-stream-protocol-version"];
    // `/` is no character of a protocol's name by the standard, but upstream's has one: it is answered by hand.
    delete request.headers["sec-websocket-protocol"];
    const tunnels = handshakes().on("headers", (lines) => typeof chosen === "string" && lines.push(`Sec-WebSocket-Protocol: ${tunnelProtocol(chosen)}`));
    const tunnel = loadWebSockets().createWebSocketStream(await accept(tunnels, client, spdy.socket));
    if (spdy.head.length > 0) tunnel.write(spdy.head);
    return copyBoth(tunnel, spdy.socket);
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

function handshakes(): WebSocketServer {
  return new (loadWebSockets().WebSocketServer)({ noServer: true, maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false });
}

/** A handshake that is none is answered by the library, which says no more of it; then nobody needs what the runtime has opened. */
async function accept(server: WebSocketServer, { request, socket, head }: UpgradeRequest, opened: Duplex): Promise<WebSocket> {
  const accepted = await new Promise<WebSocket | undefined>((resolve) => {
    socket.once("close", () => resolve(undefined));
    server.handleUpgrade(request, socket, head, resolve);
  });
  if (accepted !== undefined) return accepted;
  opened.destroy();
  throw new Error("the client did not become a WebSocket");
}

/** Offers the runtime protocols of SPDY. */
function openSpdy(url: URL, protocols: readonly string[]): Promise<Upgraded> {
  return upgrade(url, "POST", { connection: "Upgrade", upgrade: "SPDY/3.1", "x-stream-protocol-version": [...protocols], "content-length": "0" });
}

/** The runtime gets the request as it came, and the client its answer: from then on bytes are copied, the client's through what is given, if anything is. */
async function passOn(url: URL, { request, socket, head }: UpgradeRequest, through: Duplex | undefined): Promise<void> {
  const { authorization: _, host: __, ...headers } = request.headers;
  const answer = await upgrade(url, request.method ?? "GET", headers);
  if (answer.socket === undefined) return answerAs(answer.response, socket);
  const lines = [statusLine(answer.response)];
  for (let index = 0; index < answer.response.rawHeaders.length; index += 2)
    lines.push(`${answer.response.rawHeaders[index] ?? ""}: ${answer.response.rawHeaders[index + 1] ?? ""}`);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  if (answer.head.length > 0) socket.write(answer.head);
  if (head.length > 0) (through ?? answer.socket).write(head);
  return copyBoth(socket, answer.socket, through);
}

/** The client gets what the runtime said instead of becoming what was asked. */
async function answerAs(response: IncomingMessage, socket: Duplex): Promise<void> {
  const text = await textOf(response);
  socket.end(`${statusLine(response)}\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`);
}

function statusLine({ statusCode = 502, statusMessage = "" }: IncomingMessage): string {
  return `HTTP/1.1 ${statusCode} ${statusMessage}`;
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
