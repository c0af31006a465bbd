import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { late, loadWebSockets } from "../../lib/late-modules.ts";
import { JSON_TYPE } from "./negotiation.ts";
import type { RawResponse } from "./response.ts";
import type { StreamRequest } from "./serve-stream.ts";

/** What a watcher may say; nobody listens. */
const INCOMING_BYTES_MAX = 4096;
/** What may wait to be sent before the watch waits as well. */
const WAITING_BYTES_MAX = 64 << 10;

/** Browsers fail when none of the protocols that they name is taken; to a watch all are the same. */
const loadHandshakes = late(
  () =>
    new (loadWebSockets().WebSocketServer)({
      noServer: true,
      maxPayload: INCOMING_BYTES_MAX,
      perMessageDeflate: false,
      handleProtocols: ([first]) => first ?? false,
    }),
);

/** A watch over a WebSocket, as browsers open it: a message for each event, of text where it is JSON. Whatever is no watch is answered in HTTP. */
export class WatchSocket extends EventEmitter implements RawResponse {
  readonly #request: StreamRequest;
  readonly #socket: Duplex;
  readonly #head: Buffer;
  #messages: WebSocket | undefined;
  #isText = true;
  #isEnded = false;

  constructor(request: StreamRequest, { socket, head }: { readonly socket: Duplex; readonly head: Buffer }) {
    super();
    this.#request = request;
    this.#socket = socket;
    this.#head = head;
    socket.once("close", () => this.emit("close"));
  }

  get destroyed(): boolean {
    return this.#socket.destroyed;
  }

  get writableEnded(): boolean {
    return this.#isEnded;
  }

  /** Becomes a WebSocket if it is a success; a caller who is none is told so, and is gone. */
  writeHead(code: number, headers: Readonly<Record<string, string | string[]>>): void {
    if (code !== 200) {
      const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((text) => `${name}: ${text}\r\n`));
      this.#socket.write(`HTTP/1.1 ${code} Refused\r\n${lines.join("")}connection: close\r\n\r\n`);
      return;
    }
    this.#isText = headers["content-type"] === JSON_TYPE;
    const { method, url, headers: asked } = this.#request;
    // Of the request, a handshake reads no more than this.
    loadHandshakes().handleUpgrade({ method, url, headers: asked } as IncomingMessage, this.#socket, this.#head, (messages) => {
      this.#messages = messages.on("message", () => {}).on("error", () => messages.terminate());
    });
  }

  write(chunk: Buffer): boolean {
    const messages = this.#messages;
    if (messages === undefined) return this.#socket.write(chunk);
    const isFull = () => messages.bufferedAmount > WAITING_BYTES_MAX;
    messages.send(chunk, { binary: !this.#isText }, () => {
      if (!isFull()) this.emit("drain");
    });
    return !isFull();
  }

  end(chunk?: Buffer): void {
    this.#isEnded = true;
    if (this.#messages !== undefined) this.#messages.close(1000);
    else this.#socket.end(chunk);
  }

  destroy(): void {
    if (this.#messages !== undefined) this.#messages.terminate();
    else this.#socket.destroy();
  }
}
