import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { frameMessage } from "../../../engine/lib/grpc/grpc-message.ts";
import { keyBytes } from "../../../engine/storage/etcd/etcd-entries.ts";
import { committedRevision, frameTransaction } from "../../../engine/storage/etcd/etcd-transaction.ts";
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

test("an answer tells its revision if the commit took place, whatever else is in it", () => {
  const answers = fc.record({ revision: revisions, memberId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), succeeded: fc.boolean(), responses: fc.nat({ max: 5 }) });
  fc.assert(
    fc.property(answers, ({ revision, memberId, succeeded, responses }) => {
      const header = { memberId, revision: BigInt(revision) };
      const put = { response: { case: "responsePut" as const, value: { header } } };
      const bytes = toBinary(TxnResponseSchema, create(TxnResponseSchema, { header, succeeded, responses: Array.from({ length: responses }, () => put) }));
      // What etcd says and `rpc.proto` leaves out: the number of the answer's cluster, and the term of its leader.
      const unknown = Buffer.from([0x0a, 0x02, 0x20, 0x05]);
      expect(committedRevision(Buffer.from(bytes))).toBe(succeeded ? revision : undefined);
      expect(committedRevision(Buffer.concat([unknown, bytes]))).toBe(succeeded ? revision : undefined);
    }),
  );
});

test("an answer that is cut short is none", () => {
  const bytes = Buffer.from(toBinary(TxnResponseSchema, create(TxnResponseSchema, { header: { revision: 7n }, succeeded: true })));
  expect(() => committedRevision(bytes.subarray(0, -1))).toThrow("protobuf");
});
