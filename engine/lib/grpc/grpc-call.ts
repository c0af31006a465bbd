import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { TIMER_MAX_MS } from "../clock.ts";
import { HEADER_BYTES_MAX, type GrpcConnection } from "./grpc-connection.ts";
import { GrpcCode, GrpcError } from "./grpc-error.ts";
import { MessageReader } from "./grpc-message.ts";

export interface CallOptions {
  /** The call fails with DEADLINE_EXCEEDED after this long, at most 24 days; without it, it waits for ever. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Headers of the call, in lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Who hears of a call: of each message that comes, then once of its end, with what went wrong if anything did. */
export interface CallListener {
  message(message: Buffer): void;
  end(error: GrpcError | undefined): void;
}

type Written = (error?: Error | null) => void;

/** HTTP/2's errors of streams, by their codes (RFC 9113, section 7). */
const ERROR_NAMES: readonly string[] = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];
const INTERNAL_ERROR = 2;
const REFUSED_STREAM = 7;
const CANCEL = 8;
/** The longest time that the header can say in milliseconds; it has eight digits. */
const TIMEOUT_MAX_MS = 99_999_999;

/** One call: a stream of HTTP/2 whose trailers say how it went (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
export class GrpcCall {
  readonly #connection: GrpcConnection;
  readonly #path: string;
  readonly #options: CallOptions;
  readonly #listener: CallListener;
  readonly #reader: MessageReader;
  #stream: ClientHttp2Stream | undefined;
  /** What was sent before there was a stream. */
  readonly #unsent: { readonly frame: Buffer; readonly isLast: boolean; readonly written: Written | undefined }[] = [];
  #status: IncomingHttpHeaders | undefined;
  #httpStatus = 200;
  #streamError: unknown;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: GrpcConnection, path: string, messageBytesMax: number, options: CallOptions, listener: CallListener) {
    this.#connection = connection;
    this.#path = path;
    this.#options = options;
    this.#listener = listener;
    this.#reader = new MessageReader(messageBytesMax);
    if (options.timeoutMs !== undefined)
      this.#timer = setTimeout(() => this.#fail(GrpcCode.deadlineExceeded, "Deadline exceeded"), Math.min(options.timeoutMs, TIMER_MAX_MS));
    options.signal?.addEventListener("abort", this.cancel, { once: true });
    const { session } = connection;
    if (session !== undefined) this.#open(session);
    else
      connection.connect().then(
        (connected) => this.#open(connected),
        (error: GrpcError) => this.#end(error),
      );
  }

  /** Sends what `frameMessage` made, and tells when it has been taken off our hands. */
  send(frame: Buffer, isLast: boolean, written?: Written): void {
    if (this.#isOver) return written?.(new Error("the call is over"));
    if (this.#stream === undefined) this.#unsent.push({ frame, isLast, written });
    else if (isLast) this.#stream.end(frame, written);
    else this.#stream.write(frame, written);
  }

  /** No messages until `resume`; the server is held up, too, once its window is full. */
  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  readonly cancel = (): void => this.#fail(GrpcCode.cancelled, "Cancelled on client");

  #open(session: ClientHttp2Session): void {
    if (this.#isOver) return;
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(this.#headers(), { endStream: false });
    } catch (cause) {
      this.#connection.retire(session);
      // Who makes a call hears nothing of it before it has it.
      return queueMicrotask(() => this.#end(new GrpcError(GrpcCode.unavailable, "Connection dropped", { isUnsent: true, cause })));
    }
    this.#stream = stream;
    this.#connection.began(session);
    stream.on("response", (headers) => {
      this.#httpStatus = headers[":status"] ?? 0;
      if (headers["grpc-status"] !== undefined) this.#status = headers; // nothing else will follow
    });
    stream.on("trailers", (headers) => (this.#status = headers));
    stream.on("data", (chunk: Buffer) => this.#read(chunk));
    stream.on("end", () => {
      if (this.#status !== undefined) this.#end(statusError(this.#status));
    });
    stream.on("error", (error) => (this.#streamError = error));
    stream.on("close", () => {
      this.#connection.ended(session);
      this.#closed(session, stream);
    });
    for (const { frame, isLast, written } of this.#unsent.splice(0)) this.send(frame, isLast, written);
  }

  #headers(): string[] {
    const { timeoutMs, metadata } = this.#options;
    const headers = [
      ":method",
      "POST",
      ":scheme",
      this.#connection.scheme,
      ":authority",
      this.#connection.authority,
      ":path",
      this.#path,
      "content-type",
      "application/grpc",
      "te",
      "trailers",
      "user-agent",
      "grpc-node-mainstay",
    ];
    // Few different times are asked for, so the header's table on the connection knows them after the first.
    if (timeoutMs !== undefined)
      headers.push(
        "grpc-timeout",
        timeoutMs <= TIMEOUT_MAX_MS ? `${Math.max(1, Math.ceil(timeoutMs))}m` : `${Math.ceil(Math.min(timeoutMs, TIMER_MAX_MS) / 1000)}S`,
      );
    if (metadata !== undefined) headers.push(...Object.entries(metadata).flat());
    return headers;
  }

  #read(chunk: Buffer): void {
    if (this.#isOver || this.#httpStatus !== 200) return;
    try {
      this.#reader.read(chunk, (message) => {
        if (!this.#isOver) this.#listener.message(message);
      });
    } catch (error) {
      this.#end(error instanceof GrpcError ? error : new GrpcError(GrpcCode.internal, `cannot read the answer: ${String(error)}`, { cause: error }));
    }
  }

  /** The stream is gone; mostly the call has ended before. */
  #closed(session: ClientHttp2Session, stream: ClientHttp2Stream): void {
    if (this.#isOver) return;
    if (this.#status !== undefined) return this.#end(statusError(this.#status));
    if (this.#httpStatus !== 200) return this.#end(new GrpcError(codeOfHttpStatus(this.#httpStatus), `Received HTTP status code ${this.#httpStatus}`));
    const isUnsent = stream.id === undefined || stream.rstCode === REFUSED_STREAM;
    if (stream.id === undefined) this.#connection.retire(session); // it has no numbers left for streams, or is gone
    const isReset = stream.rstCode !== 0 && !session.destroyed;
    const [code, details] =
      isReset && stream.rstCode !== REFUSED_STREAM ? [GrpcCode.internal, brokenOff(stream.rstCode)] : [GrpcCode.unavailable, "Connection dropped"];
    this.#end(new GrpcError(code, details, { isUnsent, cause: this.#streamError }));
  }

  #fail(code: number, details: string): void {
    this.#end(new GrpcError(code, details, { isUnsent: this.#stream === undefined }));
  }

  #end(error: GrpcError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.cancel);
    if (error !== undefined && this.#stream?.closed === false) this.#stream.close(CANCEL);
    this.#listener.end(error);
  }
}

function brokenOff(code: number | undefined): string {
  const name = ERROR_NAMES[code ?? -1] ?? `code ${code}`;
  // Servers that know the bound break off an answer that does not hold to it, and say no more of it.
  const mayBeLong = code === INTERNAL_ERROR ? `; a server whose error has a text of more than ${HEADER_BYTES_MAX} bytes does so: its log may say more` : "";
  return `stream terminated by RST_STREAM with error code: ${name}${mayBeLong}`;
}

function statusError(headers: IncomingHttpHeaders): GrpcError | undefined {
  const code = Number(headers["grpc-status"] ?? GrpcCode.unknown);
  return code === 0 ? undefined : new GrpcError(code, decodeMessage(String(headers["grpc-message"] ?? "")));
}

/** A status's text is percent-encoded; what is badly encoded is shown as it came. */
function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** For answers of what is no gRPC server, such as a proxy (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md). */
function codeOfHttpStatus(status: number): number {
  if (status === 400) return GrpcCode.internal;
  if (status === 401) return GrpcCode.unauthenticated;
  if (status === 403) return GrpcCode.permissionDenied;
  if (status === 404) return GrpcCode.unimplemented;
  return [429, 502, 503, 504].includes(status) ? GrpcCode.unavailable : GrpcCode.unknown;
}
