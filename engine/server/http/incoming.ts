import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { IncomingHttpHeaders as IncomingHttp2Headers, ServerHttp2Stream } from "node:http2";
import type { Readable } from "node:stream";
import { StatusError } from "../../apimachinery/status-error.ts";
import { Http2Response } from "./http2-response.ts";
import { connectionOf, type Connection } from "./peer.ts";
import type { RawResponse } from "./response.ts";

/** A request as it arrives, over either version of the protocol. */
export interface Incoming {
  readonly method: string;
  /** The address as it stands in the request, with its query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly connection: Connection;
  /** What follows the headers, unread. */
  readonly body: Readable;
  readonly hasBody: boolean;
  /** HTTP/2 only: tells the client, once it has its answer, that nobody wants the rest of what it sends. */
  readonly refuseBody?: () => void;
  readonly raw: RawResponse;
}

/** Upstream's bound for a request's body. */
const BODY_BYTES_MAX = 3 * 1024 * 1024;
/** HTTP/2's code for an end that is none. */
const NO_ERROR = 0;
/** How much may still come of a body that nobody wants: enough for a client to send all of a usual one, and then read why it is refused. */
const DROPPED_BYTES_MAX = 4 * BODY_BYTES_MAX;

/** `always` are headers of the answer, whatever it is. */
export function fromHttp1(request: IncomingMessage, response: ServerResponse, always: Readonly<Record<string, string>>): Incoming {
  const { method = "GET", url = "/", headers, rawHeaders, socket } = request;
  for (const name in always) response.setHeader(name, always[name] ?? "");
  const hasBody = Number(headers["content-length"] ?? 0) > 0 || headers["transfer-encoding"] !== undefined;
  return { method, url, headers, rawHeaders, connection: connectionOf(socket, () => socket), body: request, hasBody, raw: response };
}

/** Streams themselves, without Node's imitation of HTTP/1.1 before them: that took a tenth of a read's time. */
export function fromHttp2(
  stream: ServerHttp2Stream,
  headers: IncomingHttp2Headers,
  rawHeaders: readonly string[],
  always: Readonly<Record<string, string>>,
): Incoming {
  const { session } = stream;
  if (headers.expect === "100-continue") stream.additionalHeaders({ ":status": 100 });
  return {
    method: headers[":method"] ?? "GET",
    url: headers[":path"] ?? "/",
    headers,
    rawHeaders,
    connection: connectionOf(session ?? stream, () => session?.socket),
    body: stream,
    hasBody: !stream.endAfterHeaders,
    refuseBody: () => endUnread(stream),
    raw: new Http2Response(stream, always),
  };
}

/**
 * What follows a request's headers. It is read by who knows that its sender may ask, so that nobody else fills the server's memory or time;
 * until then it waits with the client, as far as the protocol's windows let it.
 */
export class RequestBody {
  readonly #incoming: Incoming;
  #length = 0;
  #isOver = false;

  constructor(incoming: Incoming) {
    this.#incoming = incoming;
  }

  /** How many bytes have been read. */
  get length(): number {
    return this.#length;
  }

  /**
   * The whole body, to be asked for once; undefined when there is none, or none that means anything. Rejects with a 413 for one that is too
   * long, and when it breaks off.
   */
  async read(): Promise<Buffer | undefined> {
    const { method, headers, hasBody } = this.#incoming;
    if (!hasBody || method === "GET" || method === "HEAD") return undefined;
    const announced = Number(headers["content-length"] ?? Number.NaN);
    if (announced > BODY_BYTES_MAX) throw tooLarge();
    return this.#collect(announced);
  }

  /** Listeners stay until the body goes: what they do once it is settled is nothing. */
  #collect(announced: number): Promise<Buffer> {
    const { body, headers } = this.#incoming;
    return new Promise((resolve, reject) => {
      let chunks: Buffer[] | undefined = [];
      const fail = (error: unknown) => {
        chunks = undefined;
        reject(error);
      };
      const finish = () => {
        this.#isOver = true;
        if (chunks !== undefined) resolve(chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks));
        chunks = undefined;
      };
      const onClose = () => {
        if (chunks !== undefined) fail(new StatusError("BadRequest", "the request's body broke off"));
      };
      body.on("data", (chunk: Buffer) => {
        if (chunks === undefined) return;
        this.#length += chunk.length;
        chunks.push(chunk);
        if (this.#length > BODY_BYTES_MAX) {
          body.pause();
          return fail(tooLarge());
        }
        if (this.#length !== announced || !(":method" in headers)) return;
        // An HTTP/2 stream that has been read to its end is destroyed before it has written its answer, and makes an error of that each time.
        body.pause();
        finish();
      });
      body.once("end", finish);
      body.once("error", onClose);
      body.once("close", onClose);
      if (body.destroyed) onClose();
    });
  }

  /** The answer has been given: what nobody has read is not kept, and a client that goes on and on is cut off. */
  drop(): void {
    const { body, hasBody } = this.#incoming;
    if (!hasBody || this.#isOver || body.destroyed) return;
    let left = DROPPED_BYTES_MAX;
    body.removeAllListeners("data");
    body.on("error", () => {}); // nobody waits for it
    body.on("data", (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) body.destroy();
    });
    body.resume();
    this.#incoming.refuseBody?.();
  }
}

function tooLarge(): StatusError {
  return new StatusError("RequestEntityTooLarge", `Request entity too large: limit is ${BODY_BYTES_MAX}`, {});
}

/** As RFC 9113, 8.1, has it: a stream whose answer is complete ends without an error. */
function endUnread(stream: ServerHttp2Stream): void {
  const end = () =>
    setImmediate(() => {
      if (!stream.readableEnded && !stream.destroyed) stream.close(NO_ERROR);
    });
  if (stream.writableFinished) end();
  else stream.once("finish", end);
}
