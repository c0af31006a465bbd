import { ProtobufReader, WireType } from "../../apimachinery/protobuf/protobuf-wire.ts";
import type { Entry, StorageEvent } from "../storage.ts";

/** etcd's keys are bytes. */
export function keyBytes(key: string): Buffer {
  return Buffer.from(key, "utf8");
}

/** The end of the range of all keys with this prefix: etcd's own rule, the prefix with its last byte that can be raised, raised. */
export function prefixRangeEnd(prefix: string): Buffer {
  const bytes = keyBytes(prefix);
  for (let last = bytes.length - 1; last >= 0; last--) {
    const byte = bytes[last] ?? 0xff;
    if (byte < 0xff) return Buffer.concat([bytes.subarray(0, last), Buffer.from([byte + 1])]);
  }
  return Buffer.from([0]); // all keys
}

/** The smallest key there can be; a range needs one. */
export const FIRST_KEY = Buffer.from([0]);

/** A KeyValue. Its value is a copy in memory of its own: what is kept for long would keep all that was read with it, or the pool of small buffers. */
export function readEntry(keyValue: Buffer): Entry {
  let key = "";
  let createRevision = 0;
  let modRevision = 0;
  let value = keyValue.subarray(0, 0);
  for (const reader = new ProtobufReader(keyValue); !reader.done;) {
    const { tag, wireType } = reader.key();
    if (tag === 1 && wireType === WireType.bytes) key = reader.bytes().toString("utf8");
    else if (tag === 2 && wireType === WireType.varint) createRevision = reader.varint();
    else if (tag === 3 && wireType === WireType.varint) modRevision = reader.varint();
    else if (tag === 5 && wireType === WireType.bytes) value = reader.bytes();
    else reader.skip(wireType);
  }
  const copy = Buffer.allocUnsafeSlow(value.length);
  copy.set(value);
  return { key, value: copy, modRevision, createRevision };
}

export interface ReadEvent {
  readonly revision: number;
  /** Undefined when etcd no longer knows what was before: the event has been overtaken by a compaction. */
  readonly event: StorageEvent | undefined;
}

/** Event.EventType.DELETE */
const DELETE = 1;

/** An Event of a watch that asks for what was before. */
export function readEvent(event: Buffer): ReadEvent {
  let isDelete = false;
  let entry: Entry | undefined;
  let previous: Entry | undefined;
  for (const reader = new ProtobufReader(event); !reader.done;) {
    const { tag, wireType } = reader.key();
    if (tag === 1 && wireType === WireType.varint) isDelete = reader.varint() === DELETE;
    else if (tag === 2 && wireType === WireType.bytes) entry = readEntry(reader.bytes());
    else if (tag === 3 && wireType === WireType.bytes) previous = readEntry(reader.bytes());
    else reader.skip(wireType);
  }
  if (entry === undefined) throw new Error("etcd sent an event without its key");
  const { key, modRevision: revision, createRevision } = entry;
  if (isDelete) return { revision, event: previous === undefined ? undefined : { type: "delete", key, revision, previous } };
  const isCreation = createRevision === revision;
  return { revision, event: previous === undefined && !isCreation ? undefined : { type: "put", entry, previous } };
}
