import { ProtobufReader, ProtobufWriter, WireType } from "../../apimachinery/protobuf/protobuf-wire.ts";
import { frameMessage } from "../../lib/grpc/grpc-message.ts";
import { readEvent, type ReadEvent } from "./etcd-entries.ts";
import { readHeaderRevision, writeBytes, writeVarint } from "./etcd-messages.ts";

export const WATCH_PATH = "/etcdserverpb.Watch/Watch";

/** A WatchRequest for all keys from `key` up to `rangeEnd`, with what was there before each change, and in pieces where much is told at once. */
export function frameWatchCreation(key: Uint8Array, rangeEnd: Uint8Array, startRevision: number): Buffer {
  const writer = new ProtobufWriter(key.length + rangeEnd.length + 48);
  writeVarint(writer, 8, 1); // fragment
  writeVarint(writer, 6, 1); // prev_kv
  writeVarint(writer, 3, startRevision);
  writeBytes(writer, 2, rangeEnd);
  writeBytes(writer, 1, key);
  writer.delimit(1, 0); // create_request
  return frameMessage(writer.take());
}

/** The WatchRequest that asks how far the watch has come: `progress_request`, which has no fields. */
export const PROGRESS_REQUEST = frameMessage(Buffer.from([(3 << 3) | WireType.bytes, 0]));

export interface WatchAnswer {
  /** Of the store. */
  readonly revision: number;
  readonly isCreated: boolean;
  readonly isCancelled: boolean;
  /** Greater than 0 if what is asked for has been compacted: the oldest revision there is. */
  readonly compactRevision: number;
  readonly cancelReason: string;
  /** More of its last revision follows. */
  readonly isFragment: boolean;
  readonly events: readonly ReadEvent[];
}

/** WatchResponse. */
export function readWatchAnswer(answer: Buffer): WatchAnswer {
  const events: ReadEvent[] = [];
  let [revision, compactRevision, cancelReason] = [0, 0, ""];
  let [isCreated, isCancelled, isFragment] = [false, false, false];
  for (const reader = new ProtobufReader(answer); !reader.done;) {
    const { tag, wireType } = reader.key();
    if (tag === 1 && wireType === WireType.bytes) revision = readHeaderRevision(reader.bytes());
    else if (tag === 3 && wireType === WireType.varint) isCreated = reader.varint() === 1;
    else if (tag === 4 && wireType === WireType.varint) isCancelled = reader.varint() === 1;
    else if (tag === 5 && wireType === WireType.varint) compactRevision = reader.varint();
    else if (tag === 6 && wireType === WireType.bytes) cancelReason = reader.bytes().toString("utf8");
    else if (tag === 7 && wireType === WireType.varint) isFragment = reader.varint() === 1;
    else if (tag === 11 && wireType === WireType.bytes) events.push(readEvent(reader.bytes()));
    else reader.skip(wireType);
  }
  return { revision, isCreated, isCancelled, compactRevision, cancelReason, isFragment, events };
}
