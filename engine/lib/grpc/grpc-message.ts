import { GrpcCode, GrpcError } from "./grpc-error.ts";

/** Before each message: one byte that says whether it is compressed, four for its length. */
const MESSAGE_PREFIX_BYTES = 5;

/** A message as it is sent. */
export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(MESSAGE_PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, MESSAGE_PREFIX_BYTES);
  return frame;
}

/** Cuts what arrives on a stream into messages. */
export class MessageReader {
  readonly #bytesMax: number;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** So many bytes must be there before there is anything to do. */
  #neededBytes = MESSAGE_PREFIX_BYTES;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Messages are views of what was read: who keeps a part of one for long copies it. Throws GrpcError for what cannot be read. */
  read(chunk: Buffer, take: (message: Buffer) => void): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < this.#neededBytes) return;
    const bytes = this.#held.length === 1 ? chunk : Buffer.concat(this.#held, this.#heldBytes);
    let at = 0;
    this.#neededBytes = MESSAGE_PREFIX_BYTES;
    while (bytes.length - at >= MESSAGE_PREFIX_BYTES) {
      if (bytes[at] !== 0) throw new GrpcError(GrpcCode.internal, "received a compressed message, which was not asked for");
      const length = bytes.readUInt32BE(at + 1);
      if (length > this.#bytesMax) throw new GrpcError(GrpcCode.resourceExhausted, `received message larger than max (${length} vs. ${this.#bytesMax})`);
      const end = at + MESSAGE_PREFIX_BYTES + length;
      if (end > bytes.length) {
        this.#neededBytes = end - at;
        break;
      }
      take(bytes.subarray(at + MESSAGE_PREFIX_BYTES, end));
      at = end;
    }
    this.#held = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#heldBytes = bytes.length - at;
  }
}
