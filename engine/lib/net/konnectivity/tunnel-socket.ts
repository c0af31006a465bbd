import { Duplex, type DuplexOptions } from "node:stream";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GrpcError } from "../../grpc/grpc-error.ts";
import type { Duplex as GrpcDuplex } from "../../grpc/grpc.ts";
import type { Packet, PacketSchema } from "./konnectivity_pb.ts";
import { packetOf, type TunnelWatcher } from "./packets.ts";

/** What one message carries; servers in Go take messages of up to 4 MiB. */
const PIECE_BYTES = 64 * 1024;
/** How long the proxy may take to say that it has closed. */
const CLOSE_TIMEOUT_MS = 10_000;
/** Packets of connections that were never made here; a proxy that sends more of them than by mistake is not answered for ever. */
const FOREIGN_MAX = 100;
/** The protocol closes both directions at once. */
const OPTIONS: DuplexOptions = { allowHalfOpen: false, emitClose: true };

/** A connection through a tunnel. Each side is read only as fast as the other takes it. */
export class TunnelSocket extends Duplex {
  readonly #id: bigint;
  readonly #call: GrpcDuplex<MessageInitShape<typeof PacketSchema>>;
  readonly #closeTunnel: () => void;
  readonly #watcher: TunnelWatcher;
  #isOpen = true;
  #foreign = 0;
  #closing: NodeJS.Timeout | undefined;

  constructor(id: bigint, call: GrpcDuplex<MessageInitShape<typeof PacketSchema>>, closeTunnel: () => void, watcher: TunnelWatcher) {
    super(OPTIONS);
    this.#id = id;
    this.#call = call;
    this.#closeTunnel = closeTunnel;
    this.#watcher = watcher;
  }

  /** What the proxy sends once the connection is there. */
  receive({ payload }: Packet): void {
    if (payload.case === "data" && payload.value.connectID === this.#id) {
      if (payload.value.data.length > 0 && !this.destroyed && !this.readableEnded && !this.push(Buffer.from(payload.value.data))) this.#call.pause();
    } else if (payload.case === "data" && payload.value.connectID !== 0n) this.#refuseForeign(payload.value.connectID);
    else if (payload.case === "closeResponse" && payload.value.connectID === this.#id) this.#closed();
  }

  #refuseForeign(connectID: bigint): void {
    if (++this.#foreign <= FOREIGN_MAX) return this.#call.send(packetOf({ case: "closeRequest", value: { connectID } }, this.#watcher));
    this.destroy(new Error("the proxy sends what belongs to other connections"));
    this.#closed();
  }

  /** The tunnel is gone, and nobody has closed it. */
  cut(error: GrpcError | undefined): void {
    const isWanted = this.#closing !== undefined;
    this.#closed();
    if (!isWanted && error !== undefined) this.destroy(error);
  }

  /** What node's HTTP asks of a socket before it writes: here there is nothing to be set, and who waits bounds his waiting himself. */
  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  override _read(): void {
    this.#call.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    let at = 0;
    const next = (error?: Error | null): void => {
      if (error || at >= chunk.length) return done(error);
      const data = chunk.subarray(at, (at += PIECE_BYTES));
      this.#call.send(packetOf({ case: "data", value: { connectID: this.#id, data } }, this.#watcher), next);
    };
    next();
  }

  override _final(done: () => void): void {
    this.#askToClose();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#askToClose();
    // Nobody reads any more, and the proxy's last word must not be held up.
    this.#call.resume();
    done(error);
  }

  #askToClose(): void {
    if (!this.#isOpen || this.#closing !== undefined) return;
    this.#watcher.became("ok", "closing");
    this.#closing = setTimeout(() => this.#closed(), CLOSE_TIMEOUT_MS).unref();
    this.#call.send(packetOf({ case: "closeRequest", value: { connectID: this.#id } }, this.#watcher));
  }

  #closed(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearTimeout(this.#closing);
    this.#watcher.became(this.#closing === undefined ? "ok" : "closing", undefined);
    if (!this.destroyed && !this.readableEnded) this.push(null);
    this.#closeTunnel();
  }
}
