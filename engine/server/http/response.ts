import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { JSON_TYPE } from "./negotiation.ts";

/** What a response is written to: node's, of either version of the protocol. */
export interface RawResponse {
  /** Methods may be wrapped by whoever wants to hear of the answer. */
  writeHead(code: number, headers: Record<string, string | string[]>): unknown;
  write(chunk: Buffer): boolean;
  end(chunk?: Buffer): unknown;
  destroy(error?: Error): unknown;
  flushHeaders?(): void;
  /** HTTP/1.1 only: whether what is written becomes a chunk. False is for who writes whole chunks, and only until the end. */
  chunkedEncoding?: boolean;
  once(event: string, listener: () => void): unknown;
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
}

/** Answers above this size are compressed for clients that can read it, as upstream does. */
const GZIP_BYTES_MIN = 128 * 1024;
const compress = promisify(gzip);

export interface Answer {
  readonly code: number;
  readonly contentType: string;
  readonly body: Buffer;
  readonly warnings?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** Writes a complete answer. */
export async function writeAnswer(raw: RawResponse, answer: Answer, request: { readonly auditId: string; readonly acceptEncoding: string; readonly isHead: boolean; readonly isPretty?: boolean; readonly headers?: Readonly<Record<string, string>> }): Promise<void> {
  const plain = request.isPretty === true && answer.contentType.startsWith(JSON_TYPE) ? indented(answer.body) : answer.body;
  const isCompressed = plain.length > GZIP_BYTES_MIN && /\bgzip\b/.test(request.acceptEncoding);
  const body = isCompressed ? await compress(plain, { level: 1 }) : plain;
  if (raw.destroyed) return;
  raw.writeHead(answer.code, {
    "audit-id": request.auditId,
    "cache-control": "no-cache, private",
    "content-type": answer.contentType,
    ...(isCompressed ? { "content-encoding": "gzip", vary: "Accept-Encoding" } : {}),
    ...(answer.code === 304 ? {} : { "content-length": String(body.length) }),
    ...((answer.warnings ?? []).length === 0 ? {} : { warning: (answer.warnings ?? []).map(warningHeader) }),
    ...request.headers,
    ...answer.headers,
  });
  raw.end(request.isHead || answer.code === 304 ? undefined : body);
}

function indented(json: Buffer): Buffer {
  return Buffer.from(JSON.stringify(JSON.parse(json.toString("utf8")), null, 2));
}

/** RFC 7234 warn-code 299, with the text as a quoted string that fits into a header. */
function warningHeader(text: string): string {
  const safe = text.replace(/[^\x20-\x7e]/g, "?").replace(/\\/g, "\\\\").replace(/"/g, '\\"');
  return `299 - "${safe}"`;
}
