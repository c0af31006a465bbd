import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createGzip } from "node:zlib";
import { writeHeaderText } from "../../lib/header-text.ts";
import type { PiecewiseBytes } from "../../storage/list-json.ts";
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

/** Upstream's bounds of warnings: of all together, and of each one where there are more. */
const WARNINGS_LENGTH_MAX = 4 * 1024;
const WARNING_LENGTH_MAX = 256;
/** What is longer nobody reads, and indenting it holds up everybody else. */
const PRETTY_BYTES_MAX = 4 << 20;
/** Answers above this size are compressed for clients that can read it, as upstream does. */
const GZIP_BYTES_MIN = 128 * 1024;

export interface Answer {
  readonly code: number;
  readonly contentType: string;
  readonly body: Buffer | PiecewiseBytes;
  readonly warnings?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer in so many words, for those who asked for no object; browsers are to take it for nothing else. */
export function plainText(code: number, text: string): Answer & { readonly body: Buffer } {
  return { code, contentType: "text/plain; charset=utf-8", body: Buffer.from(text), headers: { "x-content-type-options": "nosniff" } };
}

/** Writes a complete answer. */
export async function writeAnswer(
  raw: RawResponse,
  answer: Answer,
  request: {
    readonly auditId: string;
    readonly acceptEncoding: string;
    readonly isHead: boolean;
    readonly isPretty?: boolean;
    readonly headers?: Readonly<Record<string, string>>;
  },
): Promise<void> {
  const plain =
    request.isPretty === true && answer.contentType.startsWith(JSON_TYPE) && answer.body.length <= PRETTY_BYTES_MAX
      ? indented(wholeOf(answer.body))
      : answer.body;
  const isCompressed = plain.length > GZIP_BYTES_MIN && /\bgzip\b/.test(request.acceptEncoding);
  const body = isCompressed ? await compress(plain) : plain;
  if (raw.destroyed) return;
  raw.writeHead(answer.code, {
    "audit-id": request.auditId,
    "cache-control": "no-cache, private",
    "content-type": answer.contentType,
    ...(isCompressed ? { "content-encoding": "gzip", vary: "Accept-Encoding" } : {}),
    ...(answer.code === 304 ? {} : { "content-length": String(body.length) }),
    ...warningHeaders(answer.warnings ?? []),
    ...request.headers,
    ...answer.headers,
  });
  if (request.isHead || answer.code === 304) raw.end();
  else if (Buffer.isBuffer(body)) raw.end(body);
  else await writePieces(raw, body);
}

/** A piece is made when the client has taken those before it, so that a long list is never in memory as a whole. */
async function writePieces(raw: RawResponse, pieces: PiecewiseBytes): Promise<void> {
  for (const piece of pieces) {
    if (raw.destroyed) return;
    if (!raw.write(piece) && !raw.destroyed) await drained(raw);
  }
  raw.end();
}

/** Resolves when there is room again, or nobody left to write to. */
function drained(raw: RawResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ["drain", "close"]) raw.off(event, done);
      resolve();
    };
    for (const event of ["drain", "close"]) raw.on(event, done);
  });
}

/** All pieces as one. */
export function wholeOf(body: Buffer | PiecewiseBytes): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.concat([...body], body.length);
}

async function compress(body: Buffer | PiecewiseBytes): Promise<Buffer> {
  return buffer(Readable.from(Buffer.isBuffer(body) ? [body] : body).pipe(createGzip({ level: 1 })));
}

function indented(json: Buffer): Buffer {
  return Buffer.from(JSON.stringify(JSON.parse(json.toString("utf8")), null, 2));
}

/** What callers are told beside the answer itself, however that is written. */
export function warningHeaders(warnings: readonly string[]): { readonly warning?: string[] } {
  return warnings.length === 0 ? {} : { warning: bounded(warnings).map(warningHeader) };
}

/**
 * Texts may repeat what a client has sent, however long, and few clients take headers of any length: where there is too much, each is cut,
 * and the last ones are left out.
 */
function bounded(warnings: readonly string[]): readonly string[] {
  if (warnings.reduce((sum, text) => sum + text.length, 0) <= WARNINGS_LENGTH_MAX) return warnings;
  const kept: string[] = [];
  for (let [index, length] = [0, 0]; index < warnings.length && length < WARNINGS_LENGTH_MAX; index++) {
    const text = [...(warnings[index] ?? "").slice(0, 2 * WARNING_LENGTH_MAX)].slice(0, WARNING_LENGTH_MAX).join("");
    length += text.length;
    kept.push(text);
  }
  return kept;
}

/** RFC 7234 warn-code 299, with the text as a quoted string that fits into a header. */
function warningHeader(text: string): string {
  const safe = text
    .replace(/[\0-\x1f\x7f-\x9f]/g, "?")
    .replace(/\\/g, "\\\\")
    .replace(/"/g, '\\"');
  return writeHeaderText(`299 - "${safe}"`);
}
