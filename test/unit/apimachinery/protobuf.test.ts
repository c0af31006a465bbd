import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { frameProtobufWatchEvent, wrapProtobufList } from "../../../engine/apimachinery/protobuf/protobuf-frames.ts";
import { decodeProtobuf, encodeProtobuf, unwrapUnknown, wrapUnknown } from "../../../engine/apimachinery/protobuf/protobuf.ts";
import type { Schema } from "../../../engine/apimachinery/schema.ts";
import { loadSchema } from "../../../engine/resources/load-schema.ts";

const golden = new URL("./golden/", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, golden));

/** Where the golden kinds have their schemas. */
const SCHEMAS: Readonly<Record<string, readonly [file: string, definition?: string]>> = {
  "core.v1.Pod": ["core/v1/pod.yaml"],
  "core.v1.Node": ["core/v1/node.yaml"],
  "core.v1.Service": ["core/v1/service.yaml"],
  "core.v1.ConfigMap": ["core/v1/config-map.yaml"],
  "core.v1.Secret": ["core/v1/secret.yaml"],
  "core.v1.Namespace": ["core/v1/namespace.yaml"],
  "core.v1.ServiceAccount": ["core/v1/service-account.yaml"],
  "core.v1.Event": ["core/v1/event.yaml"],
  "core.v1.Binding": ["core/v1/binding.yaml"],
  "core.v1.Status": ["meta/v1/meta.yaml", "Status"],
  "core.v1.DeleteOptions": ["meta/v1/meta.yaml", "DeleteOptions"],
  "apps.v1.Deployment": ["apps/v1/deployment.yaml"],
  "apps.v1.ReplicaSet": ["apps/v1/replica-set.yaml"],
  "discovery.k8s.io.v1.EndpointSlice": ["discovery.k8s.io/v1/endpoint-slice.yaml"],
  "coordination.k8s.io.v1.Lease": ["coordination.k8s.io/v1/lease.yaml"],
  "autoscaling.v1.Scale": ["autoscaling/v1/scale.yaml"],
  "authentication.k8s.io.v1.TokenReview": ["authentication.k8s.io/v1/token-review.yaml"],
  "authentication.k8s.io.v1.TokenRequest": ["authentication.k8s.io/v1/token-request.yaml"],
  "authentication.k8s.io.v1.SelfSubjectReview": ["authentication.k8s.io/v1/self-subject-review.yaml"],
  "authorization.k8s.io.v1.SubjectAccessReview": ["authorization.k8s.io/v1/subject-access-review.yaml"],
  "authorization.k8s.io.v1.SelfSubjectAccessReview": ["authorization.k8s.io/v1/self-subject-access-review.yaml"],
};

describe("upstream's objects with every field set", () => {
  const kinds = readdirSync(golden)
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length));

  test("are all tested", () => expect(kinds.sort()).toEqual(Object.keys(SCHEMAS).sort()));

  test.each(kinds)("%s becomes the same bytes and the same object", (kind) => {
    const { apiVersion, kind: kindName, ...fields } = JSON.parse(read(`${kind}.json`).toString("utf8")) as Record<string, unknown>;
    const schema = loadSchema(...SCHEMAS[kind]!);
    const bytes = read(`${kind}.pb`);
    const envelope = unwrapUnknown(bytes);
    expect(envelope).toMatchObject({ apiVersion, kind: kindName });
    expect(decodeProtobuf(schema, envelope.raw)).toEqual(fields);
    expect(wrapUnknown(envelope.apiVersion, envelope.kind, encodeProtobuf(schema, fields)).equals(bytes)).toBe(true);
  });
});

const field = (tag: number, schema: Schema, more: Partial<Schema> = {}): Schema => ({ ...schema, ...more, "x-protobuf-tag": tag });
const text: Schema = { type: "string" };
const integer: Schema = { type: "integer" };
const hex = (...bytes: number[]) => Buffer.from(bytes);

const inner: Schema = { type: "object", properties: { a: field(1, text), n: field(2, integer) } };
const everything: Schema = {
  type: "object",
  required: ["count"],
  properties: {
    text: field(1, text),
    number: field(2, integer),
    flag: field(3, { type: "boolean" }),
    ratio: field(4, { type: "number" }),
    bytes: field(5, { ...text, format: "byte" }),
    quantity: field(6, { ...text, format: "quantity" }),
    port: field(7, { "x-kubernetes-int-or-string": true }),
    time: field(8, { ...text, format: "date-time" }),
    micro: field(9, { ...text, format: "micro-time" }),
    nested: field(10, inner),
    items: field(11, { type: "array", items: inner }),
    numbers: field(12, { type: "array", items: integer }),
    map: field(13, { type: "object", additionalProperties: text }),
    nestedMap: field(14, { type: "object", additionalProperties: inner }),
    raw: field(15, { type: "object", "x-kubernetes-preserve-unknown-fields": true }, { "x-protobuf-type": "RawExtension" }),
    lists: field(16, { type: "object", additionalProperties: { type: "array", items: text, "x-protobuf-type": "StringList" } }),
    replicas: field(17, integer, { "x-protobuf-presence": true }),
    count: field(18, integer),
    embeddedA: field(1, text, { "x-protobuf-inline": 19 }),
    embeddedB: field(2, inner, { "x-protobuf-inline": 19 }),
  },
};

describe("protobuf messages", () => {
  test("give back what was put in", () => {
    const string = fc.string({ unit: "grapheme", minLength: 1 });
    const int = fc.maxSafeInteger().filter((value) => value !== 0);
    const instant = fc.date({ min: new Date("1900-01-01"), max: new Date("2200-01-01"), noInvalidDate: true }).map((date) => date.toISOString());
    const object = fc.record(
      {
        text: string,
        number: int,
        flag: fc.constant(true),
        ratio: fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => value !== 0),
        bytes: fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from(bytes).toString("base64")),
        quantity: fc.constantFrom("1", "500m", "1Gi"),
        port: fc.oneof(fc.integer({ min: 1, max: 65535 }), string),
        time: instant.map((iso) => iso.replace(/\.\d+Z/, "Z")),
        micro: instant.map((iso) => iso.replace("Z", "123Z")),
        nested: fc.record({ a: string, n: int }, { requiredKeys: [] }),
        items: fc.array(fc.record({ a: string, n: int }, { requiredKeys: [] }), { minLength: 1 }),
        numbers: fc.array(fc.maxSafeInteger(), { minLength: 1 }),
        map: fc.dictionary(
          string.filter((key) => key !== "__proto__"),
          fc.string(),
          { minKeys: 1, noNullPrototype: true },
        ),
        nestedMap: fc.dictionary(fc.constantFrom("x", "y"), fc.record({ a: string }), { minKeys: 1, noNullPrototype: true }),
        raw: fc.dictionary(fc.constantFrom("x", "y"), fc.integer(), { noNullPrototype: true }),
        lists: fc.dictionary(fc.constantFrom("x", "y"), fc.array(fc.string()), { minKeys: 1, noNullPrototype: true }),
        replicas: fc.integer(),
        embeddedA: string,
        embeddedB: fc.record({ a: string }),
      },
      { requiredKeys: [], noNullPrototype: true },
    );
    fc.assert(
      fc.property(object, (value) => {
        expect(decodeProtobuf(everything, encodeProtobuf(everything, value))).toEqual(value);
      }),
    );
  });

  test("take zeros for absence, except where they say something", () => {
    const zeros = hex(0x0a, 0, 0x10, 0, 0x18, 0, 0x42, 0, 0x88, 1, 0, 0x90, 1, 0); // text, number, flag, time, replicas, count
    expect(decodeProtobuf(everything, zeros)).toEqual({ replicas: 0, count: 0 });
  });

  test("hold negative numbers in ten bytes, as Go writes them", () => {
    const bytes = encodeProtobuf(everything, { number: -1 });
    expect(bytes.subarray(0, 11)).toEqual(hex(0x10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1));
    expect(decodeProtobuf(everything, bytes)).toEqual({ number: -1 });
  });

  test("keep the scale of a Deployment that was scaled to nothing", () => {
    const schema = loadSchema("apps/v1/deployment.yaml");
    const deployment = { metadata: { name: "web" }, spec: { replicas: 0, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } } };
    expect(decodeProtobuf(schema, encodeProtobuf(schema, deployment))).toEqual(deployment);
  });

  test("keep the defaults that a custom kind's author wrote, nothing and no included", () => {
    const schema = loadSchema("apiextensions.k8s.io/v1/custom-resource-definition.yaml");
    const properties = { paused: { type: "boolean", default: false }, replicas: { type: "integer", default: 0, minimum: 0 }, note: { type: "string", default: "", maxLength: 0 } };
    const definition = {
      metadata: { name: "tabs.example.com" },
      spec: {
        group: "example.com",
        names: { plural: "tabs", kind: "Tab" },
        scope: "Namespaced",
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object", properties } } }],
      },
    };
    expect(decodeProtobuf(schema, encodeProtobuf(schema, definition))).toEqual(definition);
  });

  test("are merged when they come in parts, and read numbers that are packed", () => {
    expect(decodeProtobuf(everything, hex(0x52, 3, 0x0a, 1, 0x78, 0x52, 2, 0x10, 5))).toEqual({ nested: { a: "x", n: 5 } });
    expect(decodeProtobuf(everything, hex(0x62, 3, 1, 2, 3))).toEqual({ numbers: [1, 2, 3] });
  });

  test("lose only the fields that nobody knows", () => {
    expect(decodeProtobuf(inner, hex(0x0a, 1, 0x61, 0x7a, 1, 9, 0x78, 1, 0x7d, 1, 2, 3, 4, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x10, 2))).toEqual({ a: "a", n: 2 });
  });

  test.each<[string, Buffer, RegExp]>([
    ["cut short in a field", hex(0x0a, 5, 0x61), /ends inside a field/],
    ["cut short in a number", hex(0x10, 0x80), /ends inside a number/],
    ["endless numbers", hex(0x10, ...Array(11).fill(0x80)), /longer than ten bytes/],
    ["groups", hex(0x7b), /wire type 3/],
    ["another wire type", hex(0x08, 1), /wire type 0 where 2 is needed/],
    ["a field number of nothing", hex(0x00), /field number 0/],
    ["a prototype as a key", Buffer.concat([hex(0x6a, 11, 0x0a, 9), Buffer.from("__proto__")]), /__proto__/],
    ["an impossible time", hex(0x42, 7, 0x08, 255, 255, 255, 255, 255, 127) /* the year 141000 */, /no time/],
    ["a raw object that is not JSON", hex(0x7a, 3, 0x0a, 1, 0x7b), /not JSON/],
  ])("refuse %s", (_name, bytes, message) => expect(() => decodeProtobuf(everything, bytes)).toThrow(message));

  test("refuse to be nested without end", () => {
    const properties: Record<string, Schema> = {};
    const tree: Schema = { type: "object", properties };
    properties["child"] = Object.assign(Object.create(tree) as Schema, { "x-protobuf-tag": 1 });
    let bytes = Buffer.alloc(0);
    for (let depth = 0; depth < 120; depth++) bytes = Buffer.concat([hex(0x0a), bytes.length < 128 ? hex(bytes.length) : hex((bytes.length & 127) | 128, bytes.length >> 7), bytes]);
    expect(() => decodeProtobuf(tree, bytes)).toThrow(/nested more than 100 deep/);
  });

  test("name the field that cannot be written", () => {
    expect(() => encodeProtobuf(everything, { items: 1 })).toThrow(expect.objectContaining({ message: "field items", cause: expect.objectContaining({ message: "must be a list" }) }));
  });
});

describe("envelopes and frames", () => {
  test("are told from other bytes", () => expect(() => unwrapUnknown(Buffer.from('{"kind":"Pod"}'))).toThrow(/expected prefix k8s/));

  test("lists hold the bytes of their items as they are", () => {
    const items = ["a", "b"].map((a) => encodeProtobuf(inner, { a, n: 1 }));
    const envelope = unwrapUnknown(wrapProtobufList("v1", "InnerList", { resourceVersion: "7", continue: "c", remainingItemCount: 3 }, items));
    const meta: Schema = { type: "object", properties: { resourceVersion: field(2, text), continue: field(3, text), remainingItemCount: field(4, integer) } };
    const listSchema: Schema = { type: "object", properties: { metadata: field(1, meta), items: field(2, { type: "array", items: inner }) } };
    expect({ ...envelope, raw: decodeProtobuf(listSchema, envelope.raw) }).toEqual({
      apiVersion: "v1",
      kind: "InnerList",
      raw: {
        metadata: { resourceVersion: "7", continue: "c", remainingItemCount: 3 },
        items: [
          { a: "a", n: 1 },
          { a: "b", n: 1 },
        ],
      },
    });
  });

  test("watch events have their length in front and an envelope inside", () => {
    const object = wrapUnknown("v1", "Inner", encodeProtobuf(inner, { a: "x" }));
    const frame = frameProtobufWatchEvent("ADDED", object);
    expect(frame.readUInt32BE(0)).toBe(frame.length - 4);
    const raw: Schema = { type: "object", properties: { raw: field(1, { ...text, format: "byte" }) } };
    const event = decodeProtobuf({ type: "object", properties: { type: field(1, text), object: field(2, raw) } }, frame.subarray(4)) as { type: string; object: { raw: string } };
    expect(event.type).toBe("ADDED");
    expect(Buffer.from(event.object.raw, "base64").equals(object)).toBe(true);
  });
});
