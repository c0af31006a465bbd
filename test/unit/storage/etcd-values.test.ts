import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { EtcdEndpoints } from "../../../engine/storage/etcd/etcd-endpoints.ts";
import { prefixRangeEnd, readEntry, readEvent } from "../../../engine/storage/etcd/etcd-entries.ts";
import { classifyEtcdError } from "../../../engine/storage/etcd/etcd-errors.ts";
import { Event_EventType, EventSchema, KeyValueSchema } from "../../../engine/storage/etcd/rpc_pb.ts";
import { systemClock } from "../../../engine/lib/clock.ts";
import { GrpcError } from "../../../engine/lib/grpc/grpc-error.ts";

const failure = (code: number, details: string) => new GrpcError(code, details);

describe("a failure of etcd", () => {
  test.each([
    ["unsent", 8, "etcdserver: too many requests"],
    ["lost", 14, "Connection dropped"],
    ["lost", 14, "etcdserver: request timed out, possibly due to previous leader failure"],
    ["lost", 14, "etcdserver: leader changed"],
    ["lost", 4, "Deadline exceeded"],
    ["lost", 1, "Cancelled on client"],
    ["lost", 13, "stream terminated by RST_STREAM with error code: INTERNAL_ERROR"],
    ["compacted", 11, "etcdserver: mvcc: required revision has been compacted"],
    ["future", 11, "etcdserver: mvcc: required revision is a future revision"],
    ["refused", 16, "etcdserver: invalid auth token"],
  ])("is %s when etcd answers %i %s", (is, code, details) => {
    expect(classifyEtcdError(failure(code, details))).toMatchObject({ is });
  });

  test.each([
    [3, "etcdserver: too many operations in txn request", "--max-txn-ops"],
    [3, "etcdserver: request is too large", "--max-request-bytes"],
    [8, "grpc: received message larger than max (3000000 vs. 2097152)", "--max-request-bytes"],
    [8, "etcdserver: mvcc: database space exceeded", "--quota-backend-bytes"],
  ])("%i %s names the flag to change: %s", (code, details, flag) => {
    expect(classifyEtcdError(failure(code, details))).toMatchObject({ is: "refused", why: expect.stringContaining(flag) });
  });

  test("of a call that never left is unsent, whatever it is called", () => {
    expect(classifyEtcdError(new GrpcError(14, "No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1", { isUnsent: true }))).toEqual({ is: "unsent" });
    expect(classifyEtcdError(new GrpcError(4, "Deadline exceeded", { isUnsent: true }))).toEqual({ is: "unsent" });
  });

  test("that is none of etcd's leaves the outcome open", () => {
    expect(classifyEtcdError(new Error("socket hang up"))).toEqual({ is: "lost" });
  });
});

test.each([
  ["/registry/", [...Buffer.from("/registry0")]],
  ["a", [...Buffer.from("b")]],
  ["", [0]],
  ["ÿ", [0xc3, 0xc0]],
])("the range of the prefix %j ends right behind its last key", (prefix, end) => {
  expect([...prefixRangeEnd(prefix)]).toEqual(end);
});

test("an entry keeps nothing alive but itself", () => {
  const read = Buffer.alloc(64 << 10, "x");
  const { value } = readEntry(Buffer.from(toBinary(KeyValueSchema, create(KeyValueSchema, { key: Buffer.from("/a"), value: read.subarray(100, 700) }))));
  expect(value.equals(read.subarray(100, 700))).toBe(true);
  expect(value.buffer.byteLength).toBe(600);
});

test("an event whose past etcd no longer knows is no event", () => {
  const eventOf = (event: MessageInitShape<typeof EventSchema>) => readEvent(Buffer.from(toBinary(EventSchema, create(EventSchema, event))));
  const kv = { key: Buffer.from("/a"), value: Buffer.from("1"), createRevision: 3n, modRevision: 5n };
  expect(eventOf({ type: Event_EventType.PUT, kv })).toEqual({ revision: 5, event: undefined });
  expect(eventOf({ type: Event_EventType.DELETE, kv })).toEqual({ revision: 5, event: undefined });
  expect(eventOf({ type: Event_EventType.PUT, kv: { ...kv, createRevision: 5n } })).toMatchObject({ revision: 5, event: { type: "put", previous: undefined } });
});

test.each(["127.0.0.1:2379", "host", "ftp://host:1", "unix:///run/etcd", ""])("%j is refused as an endpoint, with the form it should have", (url) => {
  expect(() => new EtcdEndpoints([url], undefined, systemClock)).toThrow("write it as http://host:2379");
});
