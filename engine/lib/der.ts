import { assert } from "./assert.ts";

/**
 * Values of ASN.1 in their one form, DER (ITU-T X.690), which certificates and requests for them are written in: written, and of what is
 * trusted, or of certificates that OpenSSL has read, taken apart. Other things that strangers send are read by the library behind `loadX509`.
 */
export const der = {
  sequence: (...parts: readonly Uint8Array[]) => encode(0x30, ...parts),
  set: (...parts: readonly Uint8Array[]) => encode(0x31, ...parts),
  /** Values that are told by a number, each still saying what it is. */
  numbered: (number: number, ...parts: readonly Uint8Array[]) => encode(0xa0 | number, ...parts),
  /** Bytes that are told by a number alone. */
  numberedBytes: (number: number, bytes: Uint8Array) => encode(0x80 | number, bytes),
  boolean: (isTrue: boolean) => encode(0x01, Uint8Array.of(isTrue ? 0xff : 0)),
  /** Big-endian in two's complement: the first bit is the sign. */
  integer: (...bytes: readonly number[]) => encode(0x02, Uint8Array.from(bytes)),
  bits: (bytes: Uint8Array) => encode(0x03, Uint8Array.of(0), bytes),
  /** Flags by their numbers, 0 being the first bit of the first byte. What is behind the last that is set is left out. */
  flags: (numbers: readonly number[]) => flags(numbers),
  octets: (bytes: Uint8Array) => encode(0x04, bytes),
  nothing: () => encode(0x05),
  /** From its text: `2.5.4.3`. */
  objectIdentifier: (text: string) => encode(0x06, Uint8Array.from(objectIdentifier(text))),
  /** Text in the narrower of two alphabets if that has all its letters: PrintableString, UTF8String. */
  text: (text: string) => encode(isPrintable(text) ? 0x13 : 0x0c, Buffer.from(text)),
  time: (atMs: number) => time(atMs),
};

/** Whether all its letters are those of PrintableString. */
export function isPrintable(text: string): boolean {
  return /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text);
}

/** A value of a longer text. */
export interface DerValue {
  /** What it is: its first byte. */
  readonly tag: number;
  readonly content: Buffer;
  /** The whole, as it stands there. */
  readonly bytes: Buffer;
}

/** The values that follow each other in these bytes. Throws for bytes that end within one. */
export function derValues(bytes: Buffer): readonly DerValue[] {
  const values: DerValue[] = [];
  for (let start = 0; start < bytes.length;) {
    const short = bytes.readUInt8(start + 1);
    const sizeBytes = short < 0x80 ? 0 : short & 0x7f;
    const contentStart = start + 2 + sizeBytes;
    const end = contentStart + (sizeBytes === 0 ? short : bytes.readUIntBE(start + 2, sizeBytes));
    if (end > bytes.length) throw new Error("the bytes end within a value");
    values.push({ tag: bytes.readUInt8(start), content: bytes.subarray(contentStart, end), bytes: bytes.subarray(start, end) });
    start = end;
  }
  return values;
}

/** An object identifier as text, from the content of its value. */
export function objectIdentifierText(content: Buffer): string {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of content) {
    number = number * 0x80 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    if (numbers.length === 0) numbers.push(Math.min(2, Math.floor(number / 40)), number - 40 * Math.min(2, Math.floor(number / 40)));
    else numbers.push(number);
    number = 0;
  }
  return numbers.join(".");
}

function encode(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  return Buffer.concat([Uint8Array.of(tag, ...sizeOf(size)), ...parts]);
}

/** One byte for less than 128, else the number of bytes that the size takes, and they. */
function sizeOf(size: number): readonly number[] {
  if (size < 0x80) return [size];
  const bytes = base256(size);
  return [0x80 | bytes.length, ...bytes];
}

function base256(value: number): readonly number[] {
  return value < 0x100 ? [value] : [...base256(Math.floor(value / 0x100)), value % 0x100];
}

/** The first two numbers share a byte, the others are written to the base 128, all bytes but the last of each with the first bit set. */
function objectIdentifier(text: string): readonly number[] {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const base128 = (value: number, isLast = true): readonly number[] => [
    ...(value < 0x80 ? [] : base128(Math.floor(value / 0x80), false)),
    (value % 0x80) | (isLast ? 0 : 0x80),
  ];
  return [first * 40 + second, ...rest].flatMap((value) => base128(value));
}

function flags(numbers: readonly number[]): Buffer {
  const last = Math.max(-1, ...numbers);
  const bytes = new Uint8Array((last >> 3) + 1);
  for (const number of numbers) bytes[number >> 3] = (bytes[number >> 3] ?? 0) | (0x80 >> (number & 7));
  return encode(0x03, Uint8Array.of(bytes.length * 8 - 1 - last), bytes);
}

/** To the second, cut off. As certificates want it (RFC 5280, 4.1.2.5): the year has two digits until 2049 and four from then on. */
function time(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replace(/\.\d+|[-:T]/g, "");
  const year = Number(digits.slice(0, 4));
  assert(digits.length === "20260101000000Z".length, `${atMs} is a time of a year with four digits`);
  return year >= 1950 && year < 2050 ? encode(0x17, Buffer.from(digits.slice(2))) : encode(0x18, Buffer.from(digits));
}
