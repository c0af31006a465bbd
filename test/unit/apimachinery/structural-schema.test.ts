import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Schema } from "../../../engine/apimachinery/schema.ts";
import { conform } from "../../../engine/apimachinery/structural-schema.ts";
import { deepFreeze } from "../../../engine/lib/freeze.ts";
import { loadSchema } from "../../../engine/resources/load-schema.ts";

const integer: Schema = { type: "integer", format: "int32" };
const text: Schema = { type: "string" };
const object = (properties: Record<string, Schema>, more: Partial<Schema> = {}): Schema => ({ type: "object", properties, ...more });
const list = (items: Schema, more: Partial<Schema> = {}): Schema => ({ type: "array", items, ...more });

function errorsOf(schema: Schema, value: unknown): string[] {
  return conform(schema, value, { defaults: true, prune: true, path: "spec" }).errors.map((error) => `${error.type.replace("FieldValue", "")} ${error.field}: ${error.message}`);
}

function valueOf(schema: Schema, value: unknown, options = { defaults: true, prune: true }): unknown {
  return conform(schema, deepFreeze(value), options).value;
}

describe("conforming to a schema reports", () => {
  test.each<[string, Schema, unknown, string]>([
    ["wrong types", object({ a: integer }), { a: "x" }, 'TypeInvalid spec.a: Invalid value: "x": must be an integer'],
    ["fractions of integers", object({ a: integer }), { a: 1.5 }, "TypeInvalid spec.a: Invalid value: 1.5: must be an integer"],
    ["integers that are too big", object({ a: integer }), { a: 2147483648 }, "TypeInvalid spec.a: Invalid value: 2147483648: must be a 32-bit integer"],
    ["unquoted text, with the remedy", object({ a: text }), { a: 1 }, "TypeInvalid spec.a: Invalid value: 1: must be a string; put it in quotes"],
    ["objects that are lists", object({ a: object({ b: text }) }), { a: [] }, "TypeInvalid spec.a: Invalid value: []: must be an object"],
    ["lists that are objects", object({ a: list(text) }), { a: {} }, "TypeInvalid spec.a: Invalid value: {}: must be an array"],
    ["nulls in lists", list(text), [null], "TypeInvalid spec[0]: Invalid value: null: must be a string"],
    ["negative numbers", object({ replicas: { ...integer, minimum: 0 } }), { replicas: -1 }, "Invalid spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
    ["numbers outside of a range", object({ port: { ...integer, minimum: 1, maximum: 65535 } }), { port: 0 }, "Invalid spec.port: Invalid value: 0: must be between 1 and 65535, inclusive"],
    ["values that are no choice", object({ a: { ...text, enum: ["Always", "Never"] } }), { a: "x" }, 'NotSupported spec.a: Unsupported value: "x": supported values: "Always", "Never"'],
    ["text of another form", { ...text, pattern: "^a+$" }, "b", "Invalid spec: Invalid value: \"b\": must match the regular expression '^a+$'"],
    ["empty text where some is needed", object({ a: { ...text, minLength: 1 } }), { a: "" }, "Required spec.a: Required value"],
    ["long text", { ...text, maxLength: 2 }, "abc", "TooLong spec: Too long: may not be more than 2 bytes"],
    ["missing fields", object({ a: text }, { required: ["a"] }), {}, "Required spec.a: Required value"],
    ["empty lists where an item is needed", object({ a: list(text, { minItems: 1 }) }), { a: [] }, "Required spec.a: Required value"],
    ["long lists", list(text, { maxItems: 1 }), ["a", "b"], "TooMany spec: Too many: 2: must have at most 1 item"],
    ["map values by key", { type: "object", additionalProperties: integer }, { x: "y" }, 'TypeInvalid spec[x]: Invalid value: "y": must be an integer'],
    [
      "quantities that are none",
      { ...text, format: "quantity" },
      "1x",
      'TypeInvalid spec: Invalid value: "1x": must be a quantity such as 500m or 1Gi: a number and one of the suffixes n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei',
    ],
    ["days that do not exist", { ...text, format: "date-time" }, "2026-02-30T00:00:00Z", 'TypeInvalid spec: Invalid value: "2026-02-30T00:00:00Z": must be a time such as 2026-01-31T12:00:00Z'],
    ["bytes that are not base64", { ...text, format: "byte" }, "a b", 'TypeInvalid spec: Invalid value: "a b": must be base64'],
    ["fractions of an int-or-string", { "x-kubernetes-int-or-string": true }, 1.5, "TypeInvalid spec: Invalid value: 1.5: must be an integer or string"],
    ["what a set holds twice", list(text, { "x-kubernetes-list-type": "set" }), ["a", "b", "a"], 'Duplicate spec[2]: Duplicate value: "a"'],
    [
      "what a map holds twice",
      list(object({ name: text }), { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] }),
      [{ name: "a" }, { name: "a" }],
      'Duplicate spec[1].name: Duplicate value: "a"',
    ],
    ["keys that would change the prototype", { type: "object", additionalProperties: text }, JSON.parse('{"__proto__":"x"}'), 'TypeInvalid spec: Invalid value: "__proto__": may not be used as a key'],
  ])("%s", (_name, schema, value, message) => expect(errorsOf(schema, value)).toEqual([message]));

  test("items of maps with several keys as one value, after their defaults", () => {
    const ports = list(object({ port: integer, protocol: { ...text, default: "TCP" } }), { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"] });
    expect(errorsOf(ports, [{ port: 1 }, { port: 1, protocol: "UDP" }, { port: 1, protocol: "TCP" }])).toEqual(['Duplicate spec[2]: Duplicate value: {"port":1,"protocol":"TCP"}']);
  });

  test("nothing of a required value without a form where its zero stands for it, elsewhere as ever", () => {
    expect(valueOf({ ...text, format: "date-time" }, "2026-01-31T12:00:00,5Z")).toBe("2026-01-31T12:00:00.5Z");
    expect(valueOf({ ...text, format: "quantity" }, 9_223_372_036_854_775_807n)).toBe("9223372036854775807");
    const condition = object({ type: text, count: integer, when: { type: "string", format: "date-time" } }, { required: ["type", "count", "when"] });
    const schema = object({ spec: condition, status: object({ conditions: list(condition) }) });
    const pass = (value: unknown) => conform(schema, deepFreeze(value), { defaults: true, prune: true, zeroesWithin: "status" });
    expect(pass({ status: { conditions: [{}, { type: "Ready", count: 2 }] } })).toMatchObject({
      errors: [],
      value: {
        status: {
          conditions: [
            { type: "", count: 0 },
            { type: "Ready", count: 2 },
          ],
        },
      },
    });
    expect(pass({ spec: { type: "Ready" } }).errors.map(({ field }) => field)).toEqual(["spec.count", "spec.when"]);
    expect(conform(object({ status: object({ list: list(text) }, { required: ["list"] }) }), { status: {} }, { defaults: true, prune: true, zeroesWithin: "status" }).errors).toHaveLength(1);
  });
  test("nothing of a text whose rules are published only, but that it has another format", () => {
    const rules: Schema = { type: "string", format: "byte", minLength: 2, maxLength: 4, pattern: "^b", enum: ["bbbb"] };
    expect(errorsOf(rules, "aaaaaaaa")).toHaveLength(3);
    expect(errorsOf({ ...rules, "x-mainstay-unchecked": true }, "aaaaaaaa")).toEqual([]);
    expect(errorsOf({ ...rules, "x-mainstay-unchecked": true }, "a")).toHaveLength(1);
  });

  test("every problem of a value at once", () => expect(errorsOf(object({ a: integer, b: text }, { required: ["c"] }), { a: "x", b: 1 })).toHaveLength(3));

  test("unknown fields by their dotted path", () => {
    const schema = object({ spec: object({ containers: list(object({ name: text })), map: { type: "object", additionalProperties: object({ a: text }) } }) });
    const value = { foo: 1, spec: { bar: 1, containers: [{ name: "a", baz: 1 }], map: { k: { x: 1 } } } };
    expect(conform(schema, value, { defaults: false, prune: false })).toEqual({ value, errors: [], unknown: ["foo", "spec.bar", "spec.containers[0].baz", "spec.map.k.x"], emptied: [] });
  });

  test("unknown fields of metadata, too", () => {
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", foo: "x" }, spec: { containers: [{ name: "c", image: "i" }] } };
    expect(conform(loadSchema("core/v1/pod.yaml"), pod, { defaults: false, prune: false })).toMatchObject({ unknown: ["metadata.foo"], errors: [] });
  });
});

describe("conforming to a schema changes", () => {
  test("nothing of what is right, not even the reference", () => {
    const value = { a: 1, b: [{ c: "x" }] };
    expect(valueOf(object({ a: integer, b: list(object({ c: text })) }), value)).toBe(value);
  });

  test("only the branch that something was added to", () => {
    const value = { same: { x: "1" }, other: {} };
    const result = valueOf(object({ same: object({ x: text }), other: object({ y: { ...text, default: "d" } }) }), value);
    expect(result).toEqual({ same: { x: "1" }, other: { y: "d" } });
    expect((result as typeof value).same).toBe(value.same);
  });

  test("what is absent, to its default, with the defaults inside of it", () => {
    const schema = object({ a: object({ b: { ...integer, default: 3 }, c: text }, { default: {} }), n: { ...integer, default: 0 } });
    expect(valueOf(schema, {})).toEqual({ a: { b: 3 }, n: 0 });
    expect(valueOf(schema, { a: { b: 0 }, n: null })).toEqual({ a: { b: 0 }, n: 0 });
    expect(valueOf(schema, {}, { defaults: false, prune: true })).toEqual({});
  });

  test("no default that others hold", () => {
    const schema = object({ a: object({ b: text }, { default: { b: "x" } }) });
    const first = valueOf(schema, {}) as { a: { b: string } };
    first.a.b = "changed";
    expect(valueOf(schema, {})).toEqual({ a: { b: "x" } });
  });

  test("unknown fields away, where they are not to be preserved", () => {
    const schema = object({ free: { type: "object", "x-kubernetes-preserve-unknown-fields": true }, strict: object({ a: text }) });
    expect(valueOf(schema, { free: { x: { y: 1 } }, strict: { a: "1", b: 2 }, c: 3 })).toEqual({ free: { x: { y: 1 } }, strict: { a: "1" } });
  });

  test("null to an empty text, in maps and lists of Kubernetes' own kinds", () => {
    const native = object({ labels: { type: "object", additionalProperties: text, "x-protobuf-tag": 1 }, args: { ...list(text), "x-protobuf-tag": 2 } });
    expect(valueOf(native, { labels: { a: null }, args: [null, "b"] })).toEqual({ labels: { a: "" }, args: ["", "b"] });
    expect(valueOf(object({ labels: { type: "object", additionalProperties: text } }), { labels: { a: null } })).toEqual({ labels: {} });
  });

  test("null to an empty struct, in maps of Kubernetes' own kinds", () => {
    const structs = { type: "object", additionalProperties: object({ a: { ...text, default: "b" } }) } as const;
    expect(valueOf(object({ by: { ...structs, "x-protobuf-tag": 1 } }), { by: { one: null } })).toEqual({ by: { one: { a: "b" } } });
    expect(valueOf(object({ by: structs }), { by: { one: null } })).toEqual({ by: {} });
  });

  test("null to absence, except where null is a value", () => {
    expect(valueOf(object({ a: text, b: { ...text, nullable: true } }), { a: null, b: null })).toEqual({ b: null });
  });

  test("quantities to their canonical text, where the result is kept", () => {
    const schema = object({ amounts: { type: "object", additionalProperties: { ...text, format: "quantity" } }, size: { ...text, format: "quantity" } });
    const value = { amounts: { cpu: 1, memory: "1024Mi", tiny: "100n" }, size: "100n" };
    expect(valueOf(schema, value)).toEqual({ amounts: { cpu: "1", memory: "1Gi", tiny: "1m" }, size: "100n" });
    expect(valueOf(schema, value, { defaults: false, prune: false })).toEqual({ amounts: { cpu: "1", memory: "1024Mi", tiny: "100n" }, size: "100n" });
  });

  test("zeros that Go leaves out to absence, and so to their default", () => {
    const ours = (schema: Schema, more: Partial<Schema> = {}): Schema => ({ ...schema, "x-protobuf-tag": 1, ...more });
    const properties = {
      flag: ours({ type: "boolean" }),
      count: ours(integer),
      word: ours(text),
      choice: ours({ ...text, enum: ["A", "B"] }, { default: "A" }),
      pointer: ours(integer, { "x-protobuf-presence": true }),
      always: ours(text, { default: "" }),
      needed: ours(integer),
      foreign: text,
    };
    const value = { flag: false, count: 0, word: "", choice: "", pointer: 0, always: "", needed: 0, foreign: "" };
    expect(conform(object(properties, { required: ["needed"] }), value, { defaults: true, prune: true })).toEqual({
      value: { choice: "A", pointer: 0, always: "", needed: 0, foreign: "" },
      unknown: [],
      emptied: [],
      errors: [],
    });
    expect(conform(object(properties, { required: ["needed"] }), value, { defaults: false, prune: false })).toEqual({ value, unknown: [], errors: [], emptied: [] });
    expect(conform(object(properties), { count: "", flag: 0 }, { defaults: true, prune: true }).errors.map(({ field }) => field)).toEqual(["count", "flag"]);
  });

  test("nothing the second time", () => {
    const schema = object({ a: { ...integer, default: 1 }, l: list(object({ k: { ...text, default: "d" } })), m: { type: "object", additionalProperties: text } });
    fc.assert(
      fc.property(fc.object({ key: fc.constantFrom("a", "l", "m", "k", "z"), maxDepth: 3 }), (value) => {
        const once = valueOf(schema, value);
        expect(valueOf(schema, once)).toBe(once);
      }),
    );
  });
});

describe("schemas that contain themselves", () => {
  test("are followed as deep as the value goes", () => {
    const properties: Record<string, Schema> = { name: text };
    const tree: Schema = { type: "object", properties };
    properties["child"] = tree;
    expect(errorsOf(tree, { child: { child: { child: { name: 1 } } } })).toEqual(["TypeInvalid spec.child.child.child.name: Invalid value: 1: must be a string; put it in quotes"]);
  });
});
