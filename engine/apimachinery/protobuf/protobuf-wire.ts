/** Protobuf's wire types (https://protobuf.dev/programming-guides/encoding/); groups do not occur in Kubernetes. */
export const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const TWO_POW_32 = 4294967296;

/**
 * Writes a message from its last byte to its first: a nested message is written before its length, so no length is computed twice.
 * Callers write fields in descending order and, within a field, the value before its key.
 */
export class ProtobufWriter {
  #buffer: Buffer;
  #start: number;

  constructor(initialBytes = 1024) {
    this.#buffer = Buffer.allocUnsafe(initialBytes);
    this.#start = initialBytes;
  }

  /** How many bytes have been written; the difference of two readings is the length of what lies between. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  /** A copy of what has been written. */
  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(this.#start));
  }

  /** The written bytes themselves, in a buffer that may be larger: for answers, which nobody keeps. Ends the writer's use. */
  take(): Buffer {
    return this.#buffer.subarray(this.#start);
  }

  key(tag: number, wireType: number): void {
    this.varint(tag * 8 + wireType);
  }

  /** A signed integer up to 2^53, in two's complement of 64 bits as int32 and int64 are. */
  varint(value: number): void {
    if (value >= 0 && value < 128) {
      this.#reserve(1);
      this.#buffer[--this.#start] = value;
      return;
    }
    this.#reserve(10);
    if (value < 0) return this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
    let size = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
    this.#start -= size;
    let rest = value;
    for (let i = 0; i < size; i++) {
      this.#buffer[this.#start + i] = i === size - 1 ? rest : (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
  }

  double(value: number): void {
    this.#reserve(8);
    this.#start -= 8;
    this.#buffer.writeDoubleLE(value, this.#start);
  }

  text(value: string): void {
    const size = Buffer.byteLength(value);
    this.#reserve(size);
    this.#start -= size;
    this.#buffer.write(value, this.#start, "utf8");
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#start -= value.length;
    this.#buffer.set(value, this.#start);
  }

  /** Ends a length-delimited field whose content was written since the length was `before`. */
  delimit(tag: number, before: number): void {
    this.varint(this.length - before);
    this.key(tag, WireType.bytes);
  }

  #bigVarint(value: bigint): void {
    const bytes: number[] = [];
    for (let rest = value; bytes.length === 0 || rest > 0n; rest >>= 7n) bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    this.#start -= bytes.length;
    this.#buffer.set(bytes, this.#start);
  }

  #reserve(size: number): void {
    if (this.#start >= size) return;
    const used = this.length;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, used + size));
    this.#buffer.copy(grown, grown.length - used, this.#start);
    this.#start = grown.length - used;
    this.#buffer = grown;
  }
}

/** Reads one message. Throws an Error for bytes that are cut short or malformed. */
export class ProtobufReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Field number and wire type of the next field. */
  key(): { tag: number; wireType: number } {
    const key = this.varint();
    const tag = Math.floor(key / 8);
    if (tag <= 0) throw new Error(`protobuf: field number ${tag} at byte ${this.#at}`);
    return { tag, wireType: key % 8 };
  }

  /** A signed 64-bit integer; beyond 2^53 it is rounded, as in JSON. */
  varint(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error("protobuf: the message ends inside a number");
      const part = byte & 127;
      if (shift < 28) low += part * 2 ** shift;
      else if (shift === 28) {
        low += (part & 15) * 2 ** 28;
        high += part >> 4;
      } else high += part * 2 ** (shift - 32);
      if (byte < 128) return (high | 0) * TWO_POW_32 + low;
    }
    throw new Error("protobuf: a number is longer than ten bytes");
  }

  double(): number {
    return this.#take(8).readDoubleLE(0);
  }

  /** The content of a length-delimited field, as a view of the input. */
  bytes(): Buffer {
    const size = this.varint();
    if (size < 0) throw new Error("protobuf: a field has a negative length");
    return this.#take(size);
  }

  /** Passes over the value of a field that nobody knows. */
  skip(wireType: number): void {
    if (wireType === WireType.varint) this.varint();
    else if (wireType === WireType.bytes) this.bytes();
    else if (wireType === WireType.fixed64) this.#take(8);
    else if (wireType === WireType.fixed32) this.#take(4);
    else throw new Error(`protobuf: wire type ${wireType} is not supported`);
  }

  #take(size: number): Buffer {
    if (this.#at + size > this.#bytes.length) throw new Error("protobuf: the message ends inside a field");
    const view = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size;
    return view;
  }
}
