import { wrapWritten } from "./protobuf.ts";
import { writeText } from "./protobuf-values.ts";
import { ProtobufWriter, WireType } from "./protobuf-wire.ts";

/** What a list says about itself. */
export interface ListMetadata {
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** A complete list out of the bare messages of its items: they are encoded once, however many lists they appear in. */
export function wrapProtobufList(apiVersion: string, listKind: string, metadata: ListMetadata, rawItems: readonly Uint8Array[]): Buffer {
  const length = rawItems.reduce((bytes, item) => bytes + item.length + 6, 256);
  return wrapWritten(apiVersion, listKind, length, (writer) => writeList(writer, metadata, rawItems));
}

function writeList(writer: ProtobufWriter, metadata: ListMetadata, rawItems: readonly Uint8Array[]): void {
  for (let i = rawItems.length - 1; i >= 0; i--) {
    const before = writer.length;
    writer.bytes(rawItems[i]!);
    writer.delimit(2, before);
  }
  const before = writer.length;
  if (metadata.remainingItemCount !== undefined) {
    writer.varint(metadata.remainingItemCount);
    writer.key(4, WireType.varint);
  }
  writeText(writer, 3, metadata.continue ?? "");
  writeText(writer, 2, metadata.resourceVersion ?? "");
  writeText(writer, 1, "");
  writer.delimit(1, before);
}

/**
 * One event of a watch: a big-endian length of four bytes, then a WatchEvent whose object is an envelope (`wrapUnknown`),
 * or JSON for what has no protobuf form.
 */
export function frameProtobufWatchEvent(type: string, object: Uint8Array): Buffer {
  const writer = new ProtobufWriter(object.length + 64);
  const beforeObject = writer.length;
  writer.bytes(object);
  writer.delimit(1, beforeObject);
  writer.delimit(2, beforeObject);
  writeText(writer, 1, type);
  const event = writer.finish();
  const frame = Buffer.allocUnsafe(4 + event.length);
  frame.writeUInt32BE(event.length, 0);
  frame.set(event, 4);
  return frame;
}
