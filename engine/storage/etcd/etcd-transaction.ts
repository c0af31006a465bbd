import { ProtobufReader, ProtobufWriter, WireType } from "../../apimachinery/protobuf/protobuf-wire.ts";
import { frameMessage } from "../../lib/grpc/grpc-message.ts";
import type { Condition, Operation } from "../storage.ts";

/** What the key of a condition must be at is a revision: CompareTarget.MOD. */
const MOD = 2;
/** Of the fields around an operation's key and value. */
const AROUND_BYTES = 64;

/**
 * A commit as etcd's TxnRequest (`rpc.proto`), framed to be sent; what a failed condition was about is read. Every write of the server is one,
 * and through the generated code and its objects each took several times as long.
 */
export function frameTransaction(conditions: readonly Condition[], operations: readonly Operation[]): Buffer {
  const expectedBytes = operations.reduce((sum, operation) => sum + (operation.do === "put" ? operation.value.length : 0) + AROUND_BYTES, 0);
  const writer = new ProtobufWriter(expectedBytes + (operations.length + 2 * conditions.length) * AROUND_BYTES);
  for (const { key } of conditions.toReversed()) {
    const before = writer.length;
    writeText(writer, 1, key); // RangeRequest.key
    writer.delimit(1, before); // RequestOp.request_range
    writer.delimit(3, before); // failure
  }
  for (const operation of operations.toReversed()) {
    const before = writer.length;
    if (operation.do === "put" && operation.value.length > 0) {
      writer.bytes(operation.value);
      writer.delimit(2, before); // PutRequest.value
    }
    writeText(writer, 1, operation.key); // PutRequest.key, DeleteRangeRequest.key
    writer.delimit(operation.do === "put" ? 2 : 3, before); // RequestOp.request_put, RequestOp.request_delete_range
    writer.delimit(2, before); // success
  }
  for (const { key, modRevision } of conditions.toReversed()) {
    const before = writer.length;
    writeVarint(writer, 6, modRevision); // Compare.mod_revision
    writeText(writer, 3, key); // Compare.key
    writeVarint(writer, 2, MOD); // Compare.target; its result, EQUAL, is what is not written
    writer.delimit(1, before); // compare
  }
  return frameMessage(writer.take());
}

/** The revision of a TxnResponse whose conditions held; undefined if they did not: then there is more in it to be read. */
export function committedRevision(answer: Buffer): number | undefined {
  let revision = 0;
  let isCommitted = false;
  for (const reader = new ProtobufReader(answer); !reader.done;) {
    const { tag, wireType } = reader.key();
    if (tag === 1 && wireType === WireType.bytes) revision = headerRevision(reader.bytes());
    else if (tag === 2 && wireType === WireType.varint) isCommitted = reader.varint() === 1;
    else reader.skip(wireType);
  }
  return isCommitted ? revision : undefined;
}

function headerRevision(header: Buffer): number {
  let revision = 0;
  for (const reader = new ProtobufReader(header); !reader.done;) {
    const { tag, wireType } = reader.key();
    if (tag === 3 && wireType === WireType.varint) revision = reader.varint();
    else reader.skip(wireType);
  }
  return revision;
}

function writeText(writer: ProtobufWriter, tag: number, text: string): void {
  const before = writer.length;
  writer.text(text);
  writer.delimit(tag, before);
}

function writeVarint(writer: ProtobufWriter, tag: number, value: number): void {
  writer.varint(value);
  writer.key(tag, WireType.varint);
}
