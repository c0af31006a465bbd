import type { Duplex } from "node:stream";
import { dataFrame, pingFrame, SpdyReader, synStreamFrame, type SpdyFrame } from "./spdy-frames.ts";

export interface SpdyHandlers {
  readonly onData: (streamId: number, bytes: Buffer) => void;
  /** The other side writes no more to the stream. */
  readonly onStreamEnd: (streamId: number) => void;
  /** The connection has ended, in order or not. Called once, last of all. */
  readonly onEnd: (error: Error | undefined) => void;
}

/**
 * A client's side of SPDY/3.1 over a connection that was upgraded to it. Bounds are the connection's own: nobody reads from it while it is
 * paused, and `write` says when to wait. Flow-control windows are not kept, as neither side of upstream's streams keeps them.
 */
export class SpdyClient {
  readonly #connection: Duplex;
  readonly #handlers: SpdyHandlers;
  readonly #reader = new SpdyReader();
  readonly #opening = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  #nextId = 1;
  /** For all who wait: those who write much would otherwise leave a listener for each time. */
  #draining: Promise<void> | undefined;
  #hasEnded = false;

  constructor(connection: Duplex, head: Buffer, handlers: SpdyHandlers) {
    this.#connection = connection;
    this.#handlers = handlers;
    connection.on("data", (bytes: Buffer) => this.#read(bytes));
    connection.on("error", (error) => this.#end(error));
    connection.on("close", () => this.#end(undefined));
    connection.on("end", () => this.#end(undefined));
    if (head.length > 0) this.#read(head);
  }

  /** Resolves with the stream's number when the other side has accepted it: it takes no data before. */
  async open(headers: Readonly<Record<string, string>>): Promise<number> {
    if (this.#hasEnded) throw new Error("open a stream: the connection has ended");
    const streamId = this.#nextId;
    this.#nextId += 2;
    const replied = new Promise<void>((resolve, reject) => this.#opening.set(streamId, { resolve, reject }));
    this.#connection.write(synStreamFrame(streamId, headers, streamId === 1));
    await replied;
    return streamId;
  }

  /** False when the caller should wait for `drained` before it writes more. */
  write(streamId: number, bytes: Buffer, isLast = false): boolean {
    return this.#hasEnded || this.#connection.write(dataFrame(streamId, bytes, isLast));
  }

  drained(): Promise<void> {
    if (this.#hasEnded || !this.#connection.writableNeedDrain) return Promise.resolve();
    return (this.#draining ??= new Promise((resolve) => {
      const done = () => {
        this.#draining = undefined;
        this.#connection.off("drain", done).off("close", done);
        resolve();
      };
      this.#connection.on("drain", done).on("close", done);
    }));
  }

  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  destroy(): void {
    this.#connection.destroy();
  }

  #read(bytes: Buffer): void {
    try {
      for (const frame of this.#reader.read(bytes)) this.#take(frame);
    } catch (error) {
      this.#end(error as Error); // the reader throws nothing else
      this.#connection.destroy();
    }
  }

  #take(frame: SpdyFrame): void {
    switch (frame.is) {
      case "data":
        if (frame.payload.length > 0) this.#handlers.onData(frame.streamId, frame.payload);
        if (frame.isLast) this.#handlers.onStreamEnd(frame.streamId);
        return;
      case "reply":
        this.#opening.get(frame.streamId)?.resolve();
        this.#opening.delete(frame.streamId);
        if (frame.isLast) this.#handlers.onStreamEnd(frame.streamId);
        return;
      case "reset":
        this.#opening.get(frame.streamId)?.reject(new Error(`the stream was refused with status ${frame.status}`));
        this.#opening.delete(frame.streamId);
        return this.#handlers.onStreamEnd(frame.streamId);
      case "ping":
        // Ours would be odd; we send none.
        if (frame.id % 2 === 0) this.#connection.write(pingFrame(frame.id));
        return;
      case "goaway":
      case "other":
        return;
    }
  }

  #end(error: Error | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const { reject } of this.#opening.values()) reject(error ?? new Error("the connection ended before the stream was accepted"));
    this.#opening.clear();
    this.#handlers.onEnd(error);
  }
}
