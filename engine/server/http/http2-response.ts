import type { ServerHttp2Stream } from "node:http2";
import type { Writable } from "node:stream";
import type { RawResponse } from "./response.ts";

/** An HTTP/2 stream as something to answer on. */
export class Http2Response implements RawResponse {
  readonly #stream: ServerHttp2Stream;
  readonly #always: Readonly<Record<string, string>>;

  constructor(stream: ServerHttp2Stream, always: Readonly<Record<string, string>>) {
    this.#stream = stream;
    this.#always = always;
  }

  get destroyed(): boolean {
    return this.#stream.destroyed;
  }

  get writableEnded(): boolean {
    // Node ends the stream of a HEAD before anything is answered.
    return this.#stream.headersSent && this.#stream.writableEnded;
  }

  get sink(): Writable {
    return this.#stream;
  }

  /** Sends the headers at once; nothing when the client has gone away. */
  writeHead(code: number, headers: Record<string, string | string[]>): void {
    if (this.#stream.destroyed || this.#stream.closed) return;
    this.#stream.respond({ ":status": code, ...this.#always, ...headers });
  }

  write(chunk: Buffer): boolean {
    return this.#stream.write(chunk);
  }

  end(chunk?: Buffer): void {
    if (chunk === undefined) this.#stream.end();
    else this.#stream.end(chunk);
  }

  destroy(error?: Error): void {
    this.#stream.destroy(error);
  }

  once(event: string, listener: () => void): void {
    this.#stream.once(event, listener);
  }

  on(event: string, listener: () => void): void {
    this.#stream.on(event, listener);
  }

  off(event: string, listener: () => void): void {
    this.#stream.off(event, listener);
  }
}

/** Where to copy an answer to that comes from somewhere else. */
export function sinkOf(raw: RawResponse): Writable {
  return raw instanceof Http2Response ? raw.sink : (raw as unknown as Writable); // the response of HTTP/1.1 is a stream itself
}
