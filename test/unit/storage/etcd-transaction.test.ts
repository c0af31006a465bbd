import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { frameMessage } from "../../../engine/lib/grpc/grpc-message.ts";
import { keyBytes } from "../../../engine/storage/etcd/etcd-entries.ts";
import { frameReads, frameTransaction, readTransaction } from "../../../engine/storage/etcd/etcd-transaction.ts";
import { Compare_CompareResult, Compare_CompareTarget, TxnRequestSchema, TxnResponseSchema, type RequestOpSchema } from "../../../engine/storage/etcd/rpc_pb.ts";
import type { Condition, Operation } from "../../../engine/storage/storage.ts";

const keys = fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 });
const revisions = fc.oneof(fc.constant(0), fc.maxSafeNat());
const conditions: fc.Arbitrary<Condition[]> = fc.array(fc.record({ key: keys, modRevision: revisions }), { maxLength: 5 });
const values = fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 40_000 })).map((bytes) => Buffer.alloc(bytes, String(bytes)));
const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(fc.record({ do: fc.constant("put" as const), key: keys, value: values }), fc.record({ do: fc.constant("delete" as const), key: keys })),
  {
    maxLength: 5,
  },
);

/** The same by the generated code. */
function generated(conditions: readonly Condition[], operations: readonly Operation[]): Buffer {
  const request: MessageInitShape<typeof TxnRequestSchema> = {
    compare: conditions.map(({ key, modRevision }) => ({
      result: Compare_CompareResult.EQUAL,
      target: Compare_CompareTarget.MOD,
      key: keyBytes(key),
      targetUnion: { case: "modRevision" as const, value: BigInt(modRevision) },
    })),
    success: operations.map((operation): MessageInitShape<typeof RequestOpSchema> =>
      operation.do === "put"
        ? { request: { case: "requestPut", value: { key: keyBytes(operation.key), value: operation.value } } }
        : { request: { case: "requestDeleteRange", value: { key: keyBytes(operation.key) } } },
    ),
    failure: conditions.map(({ key }) => ({ request: { case: "requestRange" as const, value: { key: keyBytes(key) } } })),
  };
  return frameMessage(toBinary(TxnRequestSchema, create(TxnRequestSchema, request)));
}

test("a commit has the bytes that the generated code would give it", () => {
  fc.assert(fc.property(conditions, operations, (conditions, operations) => frameTransaction(conditions, operations).equals(generated(conditions, operations))));
});

test("all keys are read at one revision by what the generated code would send", () => {
  const reads = (keys: readonly string[]): MessageInitShape<typeof TxnRequestSchema> => ({
    success: keys.map((key) => ({ request: { case: "requestRange", value: { key: keyBytes(key) } } })),
  });
  fc.assert(fc.property(fc.array(keys), (keys) => frameReads(keys).equals(frameMessage(toBinary(TxnRequestSchema, create(TxnRequestSchema, reads(keys)))))));
});

test("an answer tells its revision, whether the commit took place, and what was found instead", () => {
  const found = fc.option(fc.record({ key: keys, value: values, createRevision: revisions, modRevision: revisions }), { nil: undefined });
  const answers = fc.record({ revision: revisions, memberId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), isCommitted: fc.boolean(), found: fc.array(found) });
  fc.assert(
    fc.property(answers, ({ revision, memberId, isCommitted, found }) => {
      const header = { memberId, revision: BigInt(revision) };
      const put = { response: { case: "responsePut" as const, value: { header } } };
      const ranges = found.map((entry) => {
        const kvs = entry === undefined ? [] : [{ ...entry, key: keyBytes(entry.key), createRevision: BigInt(entry.createRevision), modRevision: BigInt(entry.modRevision) }];
        return { response: { case: "responseRange" as const, value: { header, kvs } } };
      });
      const responses = isCommitted ? found.map(() => put) : ranges;
      const bytes = toBinary(TxnResponseSchema, create(TxnResponseSchema, { header, succeeded: isCommitted, responses }));
      // What etcd says and `rpc.proto` leaves out: the number of the answer's cluster, and the term of its leader.
      const unknown = Buffer.from([0x0a, 0x02, 0x20, 0x05]);
      const expected = { isCommitted, revision, found: isCommitted ? found.map(() => undefined) : found };
      expect(readTransaction(Buffer.from(bytes))).toEqual(expected);
      expect(readTransaction(Buffer.concat([unknown, bytes]))).toEqual(expected);
    }),
  );
});

test("an answer that is cut short is none", () => {
  const bytes = Buffer.from(toBinary(TxnResponseSchema, create(TxnResponseSchema, { header: { revision: 7n }, succeeded: true })));
  expect(() => readTransaction(bytes.subarray(0, -1))).toThrow("protobuf");
});
