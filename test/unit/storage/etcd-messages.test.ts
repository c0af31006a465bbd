import { create, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { frameMessage } from "../../../engine/lib/grpc/grpc-message.ts";
import { keyBytes } from "../../../engine/storage/etcd/etcd-entries.ts";
import { COMPACT_PATH, frameCompaction, frameRange, NO_FIELDS, RANGE_PATH, readDatabaseBytes, readRange, STATUS_PATH } from "../../../engine/storage/etcd/etcd-messages.ts";
import { TXN_PATH } from "../../../engine/storage/etcd/etcd-transaction.ts";
import { frameWatchCreation, PROGRESS_REQUEST, readWatchAnswer, WATCH_PATH } from "../../../engine/storage/etcd/etcd-watch-messages.ts";
import {
  CompactionRequestSchema,
  Event_EventType,
  KV,
  Maintenance,
  RangeRequestSchema,
  RangeResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
  Watch,
  WatchRequestSchema,
  WatchResponseSchema,
} from "../../../engine/storage/etcd/rpc_pb.ts";
import { methodPath } from "../../../engine/lib/grpc/grpc.ts";

const bytesOf = <D extends DescMessage>(schema: D, message: MessageInitShape<D>) => Buffer.from(toBinary(schema, create(schema, message)));
const frameOf = <D extends DescMessage>(schema: D, message: MessageInitShape<D>) => frameMessage(bytesOf(schema, message));

const keys = fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 });
const numbers = fc.oneof(fc.constant(0), fc.nat({ max: 300 }), fc.maxSafeNat());
const values = fc.nat({ max: 40_000 }).map((bytes) => Buffer.alloc(bytes, String(bytes)));
const entries = fc.record({ key: keys, value: values, createRevision: numbers, modRevision: numbers });
type Drawn = typeof entries extends fc.Arbitrary<infer T> ? T : never;
const keyValue = ({ key, value, createRevision, modRevision }: Drawn) => ({
  key: keyBytes(key),
  value,
  createRevision: BigInt(createRevision),
  modRevision: BigInt(modRevision),
});
/** What etcd says and `rpc.proto` leaves out: a number of the header. */
const UNKNOWN = Buffer.from([0x0a, 0x02, 0x20, 0x05]);

test("calls go where the generated code would send them", () => {
  expect([RANGE_PATH, TXN_PATH, COMPACT_PATH, WATCH_PATH, STATUS_PATH]).toEqual([KV.method.range, KV.method.txn, KV.method.compact, Watch.method.watch, Maintenance.method.status].map(methodPath));
});

test("a question for a range has the bytes that the generated code would give it", () => {
  const ranges = fc.record({ key: keys, rangeEnd: fc.option(keys, { nil: undefined }), limit: numbers, revision: numbers, countOnly: fc.boolean() });
  fc.assert(
    fc.property(ranges, ({ key, rangeEnd, limit, revision, countOnly }) => {
      const asked = { key: keyBytes(key), ...(rangeEnd === undefined ? {} : { rangeEnd: keyBytes(rangeEnd) }), countOnly };
      const expected = frameOf(RangeRequestSchema, { ...asked, limit: BigInt(limit), revision: BigInt(revision) });
      expect(frameRange({ ...asked, limit, revision }).equals(expected)).toBe(true);
    }),
  );
});

test("of a range is read what the generated code writes", () => {
  fc.assert(
    fc.property(fc.array(entries, { maxLength: 5 }), numbers, numbers, fc.boolean(), (entries, revision, count, more) => {
      const answer = bytesOf(RangeResponseSchema, { header: { revision: BigInt(revision) }, kvs: entries.map(keyValue), more, count: BigInt(count) });
      expect(readRange(Buffer.concat([UNKNOWN, answer]))).toEqual({ entries, revision, count });
    }),
  );
});

test("compactions and questions for the size are the generated code's", () => {
  fc.assert(
    fc.property(numbers, (number) => {
      expect(frameCompaction(number).equals(frameOf(CompactionRequestSchema, { revision: BigInt(number) }))).toBe(number > 0);
      expect(readDatabaseBytes(bytesOf(StatusResponseSchema, { header: { revision: 9n }, version: "3.4.23", dbSize: BigInt(number), errors: ["e"] }))).toBe(number);
    }),
  );
  expect(NO_FIELDS.equals(frameOf(StatusRequestSchema, {}))).toBe(true);
});

test("a watch is begun, and asked for its progress, by the bytes of the generated code", () => {
  fc.assert(
    fc.property(keys, keys, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (key, rangeEnd, startRevision) => {
      const request = { key: keyBytes(key), rangeEnd: keyBytes(rangeEnd), startRevision: BigInt(startRevision), prevKv: true, fragment: true };
      const expected = frameOf(WatchRequestSchema, { requestUnion: { case: "createRequest", value: request } });
      expect(frameWatchCreation(keyBytes(key), keyBytes(rangeEnd), startRevision).equals(expected)).toBe(true);
    }),
  );
  expect(PROGRESS_REQUEST.equals(frameOf(WatchRequestSchema, { requestUnion: { case: "progressRequest", value: {} } }))).toBe(true);
});

test("of a watch is read what the generated code writes", () => {
  const events = fc.record({ isDelete: fc.boolean(), entry: entries, previous: fc.option(entries, { nil: undefined }) });
  const answers = fc.record({
    revision: numbers,
    isCreated: fc.boolean(),
    isCancelled: fc.boolean(),
    compactRevision: numbers,
    cancelReason: fc.string(),
    isFragment: fc.boolean(),
    events: fc.array(events, { maxLength: 4 }),
  });
  fc.assert(
    fc.property(answers, ({ events, ...answer }) => {
      const bytes = bytesOf(WatchResponseSchema, {
        header: { revision: BigInt(answer.revision) },
        watchId: 3n,
        created: answer.isCreated,
        canceled: answer.isCancelled,
        compactRevision: BigInt(answer.compactRevision),
        cancelReason: answer.cancelReason,
        fragment: answer.isFragment,
        events: events.map(({ isDelete, entry, previous }) => ({
          type: isDelete ? Event_EventType.DELETE : Event_EventType.PUT,
          kv: keyValue(entry),
          ...(previous === undefined ? {} : { prevKv: keyValue(previous) }),
        })),
      });
      const expected = events.map(({ isDelete, entry, previous }) => {
        const revision = entry.modRevision;
        if (isDelete) return { revision, event: previous === undefined ? undefined : { type: "delete", key: entry.key, revision, previous } };
        return { revision, event: previous === undefined && entry.createRevision !== revision ? undefined : { type: "put", entry, previous } };
      });
      expect(readWatchAnswer(Buffer.concat([UNKNOWN, bytes]))).toEqual({ ...answer, events: expected });
    }),
  );
});
