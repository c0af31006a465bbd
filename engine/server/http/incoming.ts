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
  readonly raw: RawResponse;
}

/** Upstream's bound for a request's body. */
const BODY_BYTES_MAX = 3 * 1024 * 1024;

/** `always` are headers of the answer, whatever it is. */
export function fromHttp1(request: IncomingMessage, response: ServerResponse, always: Readonly<Record<string, string>>): Incoming {
  const { method = "GET", url = "/", headers, rawHeaders, socket } = request;
  for (const name in always) response.setHeader(name, always[name] ?? "");
  const hasBody = Number(headers["content-length"] ?? 0) > 0 || headers["transfer-encoding"] !== undefined;
  return { method, url, headers, rawHeaders, connection: connectionOf(socket, () => socket), body: request, hasBody, raw: response };
}

/** Streams themselves, without Node's imitation of HTTP/1.1 before them: that took a tenth of a read's time. */
export function fromHttp2(stream: ServerHttp2Stream, headers: IncomingHttp2Headers, rawHeaders: readonly string[], always: Readonly<Record<string, string>>): Incoming {
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
    raw: new Http2Response(stream, always),
  };
}

/** The whole body; undefined when there is none, or none that means anything. Rejects with a 413 for one that is too long, and when it breaks off. */
export function readBody({ method, headers, body, hasBody }: Incoming): Promise<Buffer> | undefined {
  if (!hasBody) return undefined;
  if (method === "GET" || method === "HEAD") {
    body.resume();
    return undefined;
  }
  const announced = Number(headers["content-length"] ?? Number.NaN);
  if (announced > BODY_BYTES_MAX) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    body.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > BODY_BYTES_MAX) {
        body.pause();
        return reject(tooLarge());
      }
      chunks.push(chunk);
      if (length !== announced || !(":method" in headers)) return;
      // An HTTP/2 stream that has been read to its end is destroyed before it has written its answer, and makes an error of that each time.
      body.pause();
      finish();
    });
    let isWhole = false;
    const finish = () => {
      isWhole = true;
      resolve(chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks));
    };
    body.once("end", finish);
    const onClose = () => {
      if (!isWhole) reject(new StatusError("BadRequest", "the request's body broke off"));
    };
    body.once("error", onClose);
    body.once("close", onClose);
  });
}

function tooLarge(): StatusError {
  return new StatusError("RequestEntityTooLarge", `Request entity too large: limit is ${BODY_BYTES_MAX}`, {});
}
