/** The frames of SPDY/3.1 as far as a client of the runtime's streams needs them (SPDY Protocol – Draft 3.1, section 2.2). */
export type SpdyFrame =
  | { readonly is: "data"; readonly streamId: number; readonly isLast: boolean; readonly payload: Buffer }
  | { readonly is: "reply"; readonly streamId: number; readonly isLast: boolean }
  | { readonly is: "reset"; readonly streamId: number; readonly status: number }
  | { readonly is: "ping"; readonly id: number }
  | { readonly is: "goaway" }
  /** Settings, windows and headers: nothing here depends on them. */
  | { readonly is: "other"; readonly type: number };

const HEADER_BYTES = 8;
const FLAG_FIN = 1;
const VERSION = 3;
const Type = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goaway: 7 } as const;
const SYN_STREAM = 0x8000_0000 + (VERSION << 16) + Type.synStream;
/** Before its headers. */
const SYN_STREAM_BYTES = 10;
/** A stored block's length has 16 bits. */
const STORED_BYTES_MAX = 0xffff;
const EMPTY_BLOCK = Buffer.from([0, 0, 0, 0xff, 0xff]);

export function dataFrame(streamId: number, payload: Buffer, isLast: boolean): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(streamId & 0x7fffffff, 0);
  header.writeUInt32BE(((isLast ? FLAG_FIN : 0) << 24) | payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** Opens a stream. `isFirst` begins the connection's one compressed sequence of header blocks. */
export function synStreamFrame(streamId: number, headers: Readonly<Record<string, string>>, isFirst: boolean): Buffer {
  const ids = Buffer.alloc(SYN_STREAM_BYTES);
  ids.writeUInt32BE(streamId, 0);
  return controlFrame(Type.synStream, Buffer.concat([ids, storedBlock(headerBlock(headers), isFirst)]));
}

export function resetFrame(streamId: number, status: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(streamId, 0);
  payload.writeUInt32BE(status, 4);
  return controlFrame(Type.rstStream, payload);
}

export function pingFrame(id: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(id, 0);
  return controlFrame(Type.ping, payload);
}

/**
 * Cuts a stream of bytes into frames. What is kept between calls is at most one frame's beginning, of at most 16 MiB by its format; however small the
 * pieces are that it comes in, little of it is copied more than twice.
 */
export function cutFrames(): (bytes: Buffer) => Buffer[] {
  let kept: Buffer = Buffer.alloc(0);
  let keptBytes = 0;
  const append = (bytes: Buffer): void => {
    const total = keptBytes + bytes.length;
    if (total > kept.length) {
      const grown = Buffer.allocUnsafe(Math.max(total, 2 * keptBytes));
      kept.copy(grown, 0, 0, keptBytes);
      kept = grown;
    }
    bytes.copy(kept, keptBytes);
    keptBytes = total;
  };
  return (bytes) => {
    if (keptBytes > 0) append(bytes);
    let rest = keptBytes > 0 ? kept.subarray(0, keptBytes) : bytes;
    const frames: Buffer[] = [];
    while (rest.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + rest.readUIntBE(5, 3);
      if (rest.length < end) break;
      frames.push(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
    // What has been cut is its taker's: nothing is written behind it.
    if (frames.length > 0 || keptBytes === 0) [kept, keptBytes] = [rest, rest.length];
    return frames;
  };
}

/** Reads a stream of bytes as frames. */
export class SpdyReader {
  readonly #cut = cutFrames();

  /** The frames that are complete with these bytes. Throws for what is not SPDY/3. */
  read(bytes: Buffer): SpdyFrame[] {
    return this.#cut(bytes).map(parseFrame);
  }
}

/** The stream that a whole frame opens, and its headers as they are packed; undefined for other frames. */
export function openedStream(frame: Buffer): { readonly streamId: number; readonly headers: Buffer } | undefined {
  if (frame.length < HEADER_BYTES + SYN_STREAM_BYTES || frame.readUInt32BE(0) !== SYN_STREAM) return undefined;
  return { streamId: frame.readUInt32BE(HEADER_BYTES) & 0x7fffffff, headers: frame.subarray(HEADER_BYTES + SYN_STREAM_BYTES) };
}

/** A whole frame. Throws for what is not SPDY/3. */
export function parseFrame(frame: Buffer): SpdyFrame {
  const first = frame.readUInt32BE(0);
  const isLast = ((frame[4] ?? 0) & FLAG_FIN) !== 0;
  const payload = frame.subarray(HEADER_BYTES);
  if (first < 0x80000000) return { is: "data", streamId: first, isLast, payload };
  if (((first >>> 16) & 0x7fff) !== VERSION) throw new Error(`SPDY version ${(first >>> 16) & 0x7fff} instead of ${VERSION}`);
  const type = first & 0xffff;
  const needed = type === Type.rstStream ? 8 : type === Type.synReply || type === Type.ping ? 4 : 0;
  if (payload.length < needed) throw new Error(`SPDY frame of type ${type} with ${payload.length} bytes`);
  switch (type) {
    case Type.synReply:
      return { is: "reply", streamId: payload.readUInt32BE(0) & 0x7fffffff, isLast };
    case Type.rstStream:
      return { is: "reset", streamId: payload.readUInt32BE(0) & 0x7fffffff, status: payload.readUInt32BE(4) };
    case Type.ping:
      return { is: "ping", id: payload.readUInt32BE(0) };
    case Type.goaway:
      return { is: "goaway" };
    default:
      return { is: "other", type };
  }
}

function controlFrame(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(0x8000 | VERSION, 0);
  header.writeUInt16BE(type, 2);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** Names and values, each with its length before it. Names are lower case on the wire. */
function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(headers);
  return Buffer.concat([length32(entries.length), ...entries.flatMap(([name, value]) => [sized(name.toLowerCase()), sized(value)])]);
}

function sized(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([length32(bytes.length), bytes]);
}

function length32(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

/**
 * The next part of a zlib stream (RFC 1950), as a block that is stored instead of compressed (RFC 1951, 3.2.4): our few short headers
 * gain nothing from compression, and a decoder that has the protocol's dictionary uses it only for streams that say so. The empty block
 * after it is the flush at which decoders hand out what they have.
 */
function storedBlock(block: Buffer, isFirst: boolean): Buffer {
  if (block.length > STORED_BYTES_MAX) throw new Error(`${block.length} bytes of headers are too many`);
  const sizes = Buffer.alloc(5);
  sizes.writeUInt16LE(block.length, 1);
  sizes.writeUInt16LE(~block.length & 0xffff, 3);
  return Buffer.concat([...(isFirst ? [Buffer.from([0x78, 0x01])] : []), sizes, block, EMPTY_BLOCK]);
}
