import { ProtobufReader, ProtobufWriter, WireType } from "../../apimachinery/protobuf/protobuf-wire.ts";
import { frameMessage } from "../../lib/grpc/grpc-message.ts";
import type { Entry } from "../storage.ts";
import { readEntry } from "./etcd-entries.ts";

// The calls of the store but for commits and watches, written and read by hand, as `rpc.proto` has them. Requests are framed to be sent.

export const RANGE_PATH = "/etcdserverpb.KV/Range";
export const COMPACT_PATH = "/etcdserverpb.KV/Compact";
export const STATUS_PATH = "/etcdserverpb.Maintenance/Status";
export const NO_FIELDS = frameMessage(Buffer.alloc(0));

/** The keys from `key` up to `rangeEnd`, without it; `key` alone if that is not said. */
export interface Range {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  /** All of them for 0, which is the default. */
  readonly limit?: number;
  /** The newest for 0, which is the default. */
  readonly revision?: number;
  readonly countOnly?: boolean;
}

/** RangeRequest. */
export function frameRange({ key, rangeEnd, limit = 0, revision = 0, countOnly = false }: Range): Buffer {
  const writer = new ProtobufWriter(key.length + (rangeEnd?.length ?? 0) + 48);
  if (countOnly) writeVarint(writer, 9, 1);
  if (revision !== 0) writeVarint(writer, 4, revision);
  if (limit !== 0) writeVarint(writer, 3, limit);
  if (rangeEnd !== undefined) writeBytes(writer, 2, rangeEnd);
  writeBytes(writer, 1, key);
  return frameMessage(writer.take());
}

export interface RangeAnswer {
  readonly entries: readonly Entry[];
  /** Of the store, when it was read. */
  readonly revision: number;
  /** Of all keys in the range, whatever the limit. */
  readonly count: number;
}

/** RangeResponse. */
export function readRange(answer: Buffer): RangeAnswer {
  const entries: Entry[] = [];
  let revision = 0;
  let count = 0;
  for (const reader = new ProtobufReader(answer); !reader.done;) {
    const { tag, wireType } = reader.key();
    if (tag === 1 && wireType === WireType.bytes) revision = readHeaderRevision(reader.bytes());
    else if (tag === 2 && wireType === WireType.bytes) entries.push(readEntry(reader.bytes()));
    else if (tag === 4 && wireType === WireType.varint) count = reader.varint();
    else reader.skip(wireType);
  }
  return { entries, revision, count };
}

/** CompactionRequest. */
export function frameCompaction(revision: number): Buffer {
  const writer = new ProtobufWriter(16);
  writeVarint(writer, 1, revision);
  return frameMessage(writer.take());
}

/** The size of the database in a StatusResponse. */
export function readDatabaseBytes(answer: Buffer): number {
  return readNumber(answer, 3);
}

/** The revision in a ResponseHeader. */
export function readHeaderRevision(header: Buffer): number {
  return readNumber(header, 3);
}

function readNumber(message: Buffer, field: number): number {
  let number = 0;
  for (const reader = new ProtobufReader(message); !reader.done;) {
    const { tag, wireType } = reader.key();
    if (tag === field && wireType === WireType.varint) number = reader.varint();
    else reader.skip(wireType);
  }
  return number;
}

export function writeBytes(writer: ProtobufWriter, tag: number, value: Uint8Array): void {
  const before = writer.length;
  writer.bytes(value);
  writer.delimit(tag, before);
}

export function writeText(writer: ProtobufWriter, tag: number, text: string): void {
  const before = writer.length;
  writer.text(text);
  writer.delimit(tag, before);
}

export function writeVarint(writer: ProtobufWriter, tag: number, value: number): void {
  writer.varint(value);
  writer.key(tag, WireType.varint);
}
