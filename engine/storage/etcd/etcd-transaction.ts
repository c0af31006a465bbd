import { ProtobufReader, ProtobufWriter, WireType } from "../../apimachinery/protobuf/protobuf-wire.ts";
import { frameMessage } from "../../lib/grpc/grpc-message.ts";
import type { Condition, Entry, Operation } from "../storage.ts";
import { readHeaderRevision, readRange, writeText, writeVarint } from "./etcd-messages.ts";

export const TXN_PATH = "/etcdserverpb.KV/Txn";
/** What the key of a condition must be at is a revision: CompareTarget.MOD. */
const MOD = 2;
/** Of the fields around an operation's key and value. */
const AROUND_BYTES = 64;

/** A commit as etcd's TxnRequest, framed to be sent; what a failed condition was about is read. Every write of the server is one. */
export function frameTransaction(conditions: readonly Condition[], operations: readonly Operation[]): Buffer {
  const expectedBytes = operations.reduce((sum, operation) => sum + (operation.do === "put" ? operation.value.length : 0) + AROUND_BYTES, 0);
  const writer = new ProtobufWriter(expectedBytes + (operations.length + 2 * conditions.length) * AROUND_BYTES);
  for (const { key } of conditions.toReversed()) writeRead(writer, 3, key); // failure
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

/** A TxnRequest that reads all keys at one revision. */
export function frameReads(keys: readonly string[]): Buffer {
  const writer = new ProtobufWriter(keys.length * AROUND_BYTES);
  for (const key of keys.toReversed()) writeRead(writer, 2, key); // success
  return frameMessage(writer.take());
}

export interface TransactionAnswer {
  /** Whether its conditions held. */
  readonly isCommitted: boolean;
  /** Of the store: after the commit, if it took place. */
  readonly revision: number;
  /** What its operations read, in their order; undefined for a key that is not there, and for a write. */
  readonly found: readonly (Entry | undefined)[];
}

/** TxnResponse. */
export function readTransaction(answer: Buffer): TransactionAnswer {
  const found: (Entry | undefined)[] = [];
  let revision = 0;
  let isCommitted = false;
  for (const reader = new ProtobufReader(answer); !reader.done;) {
    const { tag, wireType } = reader.key();
    if (tag === 1 && wireType === WireType.bytes) revision = readHeaderRevision(reader.bytes());
    else if (tag === 2 && wireType === WireType.varint) isCommitted = reader.varint() === 1;
    else if (tag === 3 && wireType === WireType.bytes) found.push(readFound(reader.bytes()));
    else reader.skip(wireType);
  }
  return { isCommitted, revision, found };
}

/** ResponseOp: of what was read, the first and only entry. */
function readFound(answer: Buffer): Entry | undefined {
  const reader = new ProtobufReader(answer);
  const { tag, wireType } = reader.key();
  return tag === 1 && wireType === WireType.bytes ? readRange(reader.bytes()).entries[0] : undefined;
}

/** A RequestOp that reads a key. */
function writeRead(writer: ProtobufWriter, tag: number, key: string): void {
  const before = writer.length;
  writeText(writer, 1, key); // RangeRequest.key
  writer.delimit(1, before); // RequestOp.request_range
  writer.delimit(tag, before);
}
