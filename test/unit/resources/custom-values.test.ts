import { describe, expect, it } from "vitest";
import { customContent } from "../../../engine/resources/apiextensions/content-rules.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { scaleErrors } from "../../../engine/resources/apiextensions/custom-scale.ts";
import { findFieldPath } from "../../../engine/resources/apiextensions/field-path.ts";
import { parseJsonPath } from "../../../engine/resources/apiextensions/json-path.ts";
import type { JsonSchema } from "../../../engine/resources/apiextensions/json-schema.ts";
import { printerColumns } from "../../../engine/resources/apiextensions/printer-columns.ts";
import { hasFormat } from "../../../engine/resources/apiextensions/value-formats.ts";
import { hasPattern } from "../../../engine/resources/apiextensions/value-pattern.ts";
import { listTypeErrors, validateValue } from "../../../engine/resources/apiextensions/value-validation.ts";
import { compareVersions } from "../../../engine/resources/apiextensions/version-order.ts";

const told = (errors: readonly { readonly field: string; readonly message: string }[]) => errors.map(({ field, message }) => `${field}: ${message}`);
const list = (more: object): JsonSchema => ({ type: "array", ...more });

describe("a custom value", () => {
  it.each<[string, JsonSchema, unknown, readonly string[]]>([
    ["has its type", { type: "integer" }, "1", [`it: Invalid value: "string": it in body must be of type integer: "string"`]],
    ["may be whole where numbers are wanted", { type: "number" }, 1, []],
    ["is null only where that is said", { type: "string" }, null, [`it: Invalid value: "null": it in body must be of type string: "null"`]],
    ["is null where that is said", { type: "string", nullable: true }, null, []],
    ["is a number or a text", { "x-kubernetes-int-or-string": true }, true, [`it: Invalid value: "boolean": it in body must be of type integer,string: "boolean"`]],
    ["is large enough", { type: "integer", minimum: 3 }, 2, ["it: Invalid value: 2: it in body should be greater than or equal to 3"]],
    ["is small enough", { type: "integer", maximum: 3, exclusiveMaximum: true }, 3, ["it: Invalid value: 3: it in body should be less than 3"]],
    ["is a multiple", { type: "number", multipleOf: 0.1 }, 0.3, []],
    ["is no other", { type: "number", multipleOf: 0.1 }, 0.35, ["it: Invalid value: 0.35: it in body should be a multiple of 0.1"]],
    ["fits 32 bits", { type: "integer", format: "int32" }, 2 ** 31, [`<nil>: Invalid value: "": Checked value must be of type integer with format int32 in it`]],
    ["fits a float", { type: "number", format: "float" }, 1e300, [`<nil>: Invalid value: "": Checked value must be of type number with format float in it`]],
    [
      "is whole",
      { type: "integer" },
      1.5,
      [`it: Invalid value: "number": it in body must be of type integer: "number"`, `<nil>: Invalid value: "": Checked value must be of type integer (default format) in it`],
    ],
    [
      "is no more than 64 bits hold",
      { type: "integer", format: "int64", maximum: 10 },
      1e20,
      [
        `it: Invalid value: "float64": it in body must be of type int64: "float64"`,
        `<nil>: Invalid value: "": Checked value must be of type integer with format int64 in it`,
        "it: Invalid value: 1e+20: it in body should be less than or equal to 10",
      ],
    ],
    ["is a multiple of a part of one only where it is none itself", { type: "number", multipleOf: 0.5 }, 1, ["it: Invalid value: 0: factor MultipleOf declared for it must be positive: 0"]],
    ["is long enough", { type: "string", minLength: 2 }, "é", [`it: Invalid value: "é": it in body should be at least 2 chars long`]],
    ["is counted in characters", { type: "string", maxLength: 1 }, "⛵", []],
    ["matches the pattern", { type: "string", pattern: "^a" }, "b", [`it: Invalid value: "b": it in body should match '^a'`]],
    ["is one of few", { type: "string", enum: ["a", "b"] }, "c", [`it: Unsupported value: "c": supported values: "a", "b"`]],
    ["has what is required", { type: "object", required: ["a"], properties: { a: { type: "string" } } }, {}, ["it.a: Required value"]],
    ["is told of one thing about its length and form", { type: "string", minLength: 2, maxLength: 3, pattern: "^a" }, "b", [`it: Invalid value: "b": it in body should be at least 2 chars long`]],
    [
      "is judged after its items",
      list({ maxItems: 1, items: { type: "integer", maximum: 1 } }),
      [2, 1],
      ["it[0]: Invalid value: 2: it[0] in body should be less than or equal to 1", "it: Too many: 2: must have at most 1 item"],
    ],
    [
      "lacks what is required after what it has",
      { type: "object", required: ["b"], properties: { a: { type: "integer" }, b: {} } },
      { a: "x" },
      [`it.a: Invalid value: "string": it.a in body must be of type integer: "string"`, "it.b: Required value"],
    ],
    ["is judged inside", { type: "object", additionalProperties: { type: "integer" } }, { a: "x" }, [`it.a: Invalid value: "string": it.a in body must be of type integer: "string"`]],
    [
      "fits one branch",
      { type: "object", properties: { a: {}, b: {} }, oneOf: [{ required: ["a"] }, { required: ["b"] }] },
      { a: 1, b: 2 },
      [`<nil>: Invalid value: "": "it" must validate one and only one schema (oneOf). Found 2 valid alternatives`],
    ],
    ["does not fit what it must not", { type: "string", not: { enum: ["x"] } }, "x", [`<nil>: Invalid value: "": "it" must not validate the schema (not)`]],
  ])("%s", (_what, schema, value, expected) => {
    expect(told(validateValue(schema, value, "it"))).toEqual(expected);
  });

  it("is told by its keys in the order of letters when it is there twice", () => {
    const schema = list({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "at"], items: { type: "object", properties: { name: {}, at: {} } } });
    expect(
      told(
        listTypeErrors(
          schema,
          [
            { name: "a", at: 1 },
            { name: "a", at: 1 },
          ],
          "it",
        ),
      ),
    ).toEqual([`it[1]: Duplicate value: {"at":1,"name":"a"}`]);
  });

  it("is not blamed for what it was before", () => {
    const schema: JsonSchema = { type: "object", properties: { old: { type: "integer", maximum: 1 }, fresh: { type: "integer", maximum: 1 } } };
    expect(told(validateValue(schema, { old: 5, fresh: 5 }, "", { value: { old: 5, fresh: 4 } }))).toEqual(["fresh: Invalid value: 5: fresh in body should be less than or equal to 1"]);
  });

  it("is a list that is a map in any order", () => {
    const schema: JsonSchema = {
      type: "array",
      maxItems: 1,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      items: { type: "object", properties: { name: { type: "string" }, size: { type: "integer" } } },
    };
    const [a, b] = [
      { name: "a", size: 1 },
      { name: "b", size: 2 },
    ];
    expect(validateValue(schema, [b, a], "it", { value: [a, b] })).toEqual([]);
    expect(told(validateValue(schema, [b, { ...a, size: 3 }], "it", { value: [a, b] }))).toEqual(["it: Too many: 2: must have at most 1 item"]);
    expect(told(validateValue({ ...schema, "x-kubernetes-list-type": "atomic" }, [b, a], "it", { value: [a, b] }))).toEqual(["it: Too many: 2: must have at most 1 item"]);
  });

  it.each<[string, JsonSchema, unknown, readonly string[]]>([
    ["a set", list({ "x-kubernetes-list-type": "set", items: { type: "string" } }), ["a", "b", "a", "a"], [`it[2]: Duplicate value: "a"`]],
    [
      "a map",
      list({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], items: { type: "object" } }),
      [
        { k: 1, v: 1 },
        { k: 1, v: 2 },
      ],
      [`it[1]: Duplicate value: {"k":1}`],
    ],
    ["an atomic list", list({ "x-kubernetes-list-type": "atomic", items: { type: "string" } }), ["a", "a"], []],
  ])("repeats nothing in %s", (_what, schema, value, expected) => {
    expect(told(listTypeErrors(schema, value, "it"))).toEqual(expected);
  });
});

describe("a format", () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ["uuid", ["f47ac10b-58cc-4372-a567-0e02b2c3d479", "F47AC10B58CC4372A5670E02B2C3D479"], ["f47ac10b-58cc", "g47ac10b-58cc-4372-a567-0e02b2c3d479"]],
    ["uuid4", ["f47ac10b-58cc-4372-a567-0e02b2c3d479"], ["f47ac10b-58cc-1372-a567-0e02b2c3d479"]],
    ["ipv4", ["10.0.0.1"], ["10.0.0.256", "::1"]],
    ["ipv6", ["::1", "fd00::1"], ["10.0.0.1"]],
    ["cidr", ["10.0.0.0/8", "fd00::/64"], ["10.0.0.0/33", "10.0.0.0"]],
    ["date", ["2024-02-29"], ["2023-02-29", "2024-2-1"]],
    ["date-time", ["2024-02-29T12:00:00Z", "2024-02-29T12:00:00.5+02:00"], ["2024-02-29", "2024-02-30T12:00:00Z"]],
    ["duration", ["1h30m", "5 days"], ["soon"]],
    ["byte", ["aGk=", ""], ["aGk", "$$$$"]],
    ["email", ["a@b.example"], ["a.example"]],
    ["hostname", ["a.example", "host"], ["-a.example"]],
    ["mac", ["00:00:5e:00:53:01"], ["00:00:5e:00:53"]],
    ["uri", ["https://a.example/x", "/x"], ["no uri"]],
    ["isbn10", ["0321751043"], ["0321751041"]],
    ["isbn13", ["978-3-16-148410-0"], ["978-3-16-148410-1"]],
    ["creditcard", ["4111 1111 1111 1111"], ["4111111111111112"]],
    ["hexcolor", ["#fff", "#FFEEDD"], ["#ff"]],
    ["rgbcolor", ["rgb(1, 2, 255)"], ["rgb(1, 2, 256)"]],
    ["ssn", ["111-22-3333"], ["111-22-333"]],
    ["bsonobjectid", ["507f1f77bcf86cd799439011"], ["507f"]],
    ["k8s-short-name", ["web-1"], ["Web", "a.b"]],
    ["k8s-long-name", ["a.b"], ["a..b"]],
  ])("%s is checked", (format, good, bad) => {
    expect(good.filter((text) => hasFormat(format, text) !== true)).toEqual([]);
    expect(bad.filter((text) => hasFormat(format, text) !== false)).toEqual([]);
  });

  it("that nobody knows is not", () => {
    expect(hasFormat("boat", "x")).toBeUndefined();
  });
});

describe("a pattern in Go's syntax", () => {
  it.each<[string, string, boolean]>([
    ["^[a-z]+$", "abc", true],
    ["(?i)^abc$", "ABC", true],
    ["\\Aab\\z", "ab", true],
    ["^[[:alpha:]]+$", "a1", false],
    ["(?P<n>a)b", "ab", true],
    ["^\\p{Lu}$", "É", true],
    ["^a\\-b$", "a-b", true],
    ["b", "abc", true],
    ["^(a+)+$", `${"a".repeat(5_000)}b`, false], // would take forever by trying
  ])("%s on %s", (pattern, text, expected) => {
    expect(hasPattern(pattern, text)).toBe(expected);
  });
});

it("versions come in the order that clients prefer", () => {
  const versions = ["foo1", "v1", "v10", "v2", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo10"];
  // The example of Kubernetes' documentation.
  expect(versions.sort(compareVersions)).toEqual(["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"]);
});

describe("the path to a field", () => {
  const schema: JsonSchema = {
    type: "object",
    properties: { spec: { type: "object", properties: { "a.b": { type: "string" }, labels: { type: "object", additionalProperties: { type: "string" } } } } },
  };

  it.each<[string, string]>([
    [".spec['a.b']", "spec.a.b"],
    [".spec.labels['x/y']", "spec.labels[x/y]"],
    [".spec.labels['it\\'s']", "spec.labels[it's]"],
  ])("%s is found", (text, path) => {
    expect(findFieldPath(text, schema)).toMatchObject({ is: "found", path, root: "spec" });
  });

  it.each<[string, string]>([
    [".spec.b", "does not refer to a valid field"],
    ["spec", "expected [ or . but got: spec"],
    [".spec[0]", "expected single quoted string but got 0"],
    [".spec['a", "expected single quoted string but got 'a"],
    [".", "unexpected end of JSON path"],
  ])("%s is refused", (text, why) => {
    expect(findFieldPath(text, schema)).toEqual({ is: "wrong", why });
  });
});

describe("a JSONPath", () => {
  const object = { a: { "b.c": 1, list: [{ type: "Ready", n: 1 }, { type: "Live", n: 2 }, { n: 3 }] } };

  it.each<[string, readonly unknown[]]>([
    [".a.list[0].n", [1]],
    [".a.list[-1].n", [3]],
    [".a.list[*].n", [1, 2, 3]],
    [".a.list[0:2].n", [1, 2]],
    [".a.list[1:].n", [2, 3]],
    [".a['b.c']", [1]],
    [".a.b\\.c", [1]],
    [`.a.list[?(@.type=="Live")].n`, [2]],
    [".a.list[?(@.n>1)].n", [2, 3]],
    [".a.list[?(@.type)].n", [1, 2]],
    ["..type", ["Ready", "Live"]],
    [".none.deeper", []],
  ])("%s", (text, expected) => {
    expect(parseJsonPath(text)?.(object)).toEqual(expected);
  });

  it("that is none is refused", () => {
    expect([".a[", ".a[x", "a"].map((text) => parseJsonPath(text))).toEqual([undefined, undefined, undefined]);
  });
});

describe("the column of a custom kind", () => {
  const now = Date.parse("2024-01-01T01:00:00Z");
  const object = {
    apiVersion: "sea.example/v1",
    kind: "Boat",
    metadata: { name: "x" },
    spec: { n: 1.9, text: "t", yes: true, when: "2024-01-01T00:00:00Z", deep: { a: [1] }, html: ["<b>"], digit: "7", empty: "" },
  };

  it.each<[string, string, unknown]>([
    ["integer", ".spec.n", 1],
    ["integer", ".spec.text", null],
    ["number", ".spec.n", 1.9],
    ["string", ".spec.text", "t"],
    ["string", ".spec.yes", "true"],
    ["string", ".spec.deep", `{"a":[1]}`],
    ["boolean", ".spec.yes", true],
    ["date", ".spec.when", "60m"],
    ["date", ".spec.text", "<invalid>"],
    ["date", ".spec.none", null],
    ["date", ".spec.digit", "<invalid>"],
    ["date", ".spec.empty", "<unknown>"],
    ["string", ".spec.html", '["\\u003cb\\u003e"]'],
  ])("of type %s shows %s", (type, jsonPath, expected) => {
    const [, column] = printerColumns([{ name: "Shown", type, jsonPath }]);
    expect(column?.cell(object, now)).toEqual(expected);
  });

  it("is the age where nothing is asked for", () => {
    expect(printerColumns(undefined).map(({ name }) => name)).toEqual(["Name", "Age"]);
  });
});

it.each([
  ["x", "x is of the type string"],
  [true, "true is of the type bool"],
  [1.5, "1.5 is of the type float64"],
  [null, "<nil> is of the type <nil>"],
  [{ b: [1, "x"], a: null }, "map[a:<nil> b:[1 x]] is of the type map[string]interface {}"],
])("replicas that are %j are none", (replicas, what) => {
  const object = { apiVersion: "b.io/v1", kind: "Boat", metadata: { name: "a" }, spec: { replicas } };
  const scale = { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" };
  expect(told(scaleErrors(object, scale, false))).toEqual([`.spec.replicas: Invalid value: 0: .spec.replicas accessor error: ${what}, expected int64`]);
});

it.each([
  [2n ** 53n + 1n, "9007199254740993: should be less than or equal to 2147483647"],
  [-(2n ** 53n) - 1n, "-9007199254740993: should be a non-negative integer"],
  [2n ** 64n, "0: .spec.replicas accessor error: 1.8446744073709552e+19 is of the type float64, expected int64"],
  [1e20, "0: .spec.replicas accessor error: 1e+20 is of the type float64, expected int64"],
])("replicas beyond all numbers, %s, are too many, or none that Go can hold", (replicas, what) => {
  const object = { apiVersion: "b.io/v1", kind: "Boat", metadata: { name: "a" }, spec: { replicas } };
  const scale = { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" };
  expect(told(scaleErrors(object, scale, false))).toEqual([`.spec.replicas: Invalid value: ${what}`]);
});

it("a selector of a scale that is a number is none", () => {
  const object = { apiVersion: "b.io/v1", kind: "Boat", metadata: { name: "a" }, spec: { selector: 5 } };
  const scale = { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas", labelSelectorPath: ".spec.selector" };
  expect(told(scaleErrors(object, scale, true))).toEqual(['.spec.selector: Invalid value: "": .spec.selector accessor error: 5 is of the type int64, expected string']);
});

describe("what breaks a rule and is as it was", () => {
  const rule = (text: string, message: string) => ({ "x-kubernetes-validations": [{ rule: text, message }] });
  const item = { type: "object", properties: { name: { type: "string" }, port: { type: "integer" } }, ...rule("self.port < 50", "port too high") } as const;
  const list = { type: "array", maxItems: 10, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], items: item } as const;
  const schema: JsonSchema = { type: "object", properties: { spec: { type: "object", properties: { list, note: { type: "string" } } } } };
  const boat = (ports: Readonly<Record<string, number>>, note = "") =>
    ({ apiVersion: "b.io/v1", kind: "Boat", metadata: { name: "a" }, spec: { list: Object.entries(ports).map(([name, port]) => ({ name, port })), note } }) as KubeObject;
  const judge = (object: KubeObject, old?: KubeObject) => {
    const warnings: string[] = [];
    return [told([...customContent(schema, undefined).validate(object, old, false, (text) => warnings.push(text))]), warnings];
  };

  it("may stay, and is warned of, also in a list that has changed beside it", () => {
    expect(judge(boat({ x: 90, y: 1 }, "new"), boat({ x: 90, y: 1 }))).toEqual([[], ["spec.list[0]: Invalid value: port too high"]]);
    expect(judge(boat({ y: 2, x: 90 }), boat({ x: 90, y: 1 }))).toEqual([[], ["spec.list[1]: Invalid value: port too high"]]);
  });

  it("is refused where it is new or another", () => {
    expect(judge(boat({ x: 90 }))).toEqual([["spec.list[0]: Invalid value: port too high"], []]);
    expect(judge(boat({ x: 91, y: 1 }), boat({ x: 90, y: 1 }))).toEqual([["spec.list[0]: Invalid value: port too high"], []]);
  });
});
