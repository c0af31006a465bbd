import { expect, test } from "vitest";
import { applyJsonPatch, patchJson, unknownOperationFields } from "../../../../engine/apimachinery/patches/json-patch.ts";
import { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import { deepFreeze } from "../../../../engine/lib/freeze.ts";

const target = deepFreeze({ metadata: { labels: { a: "1", "x/y": "2" } }, list: [1, 2, 3] });

function nested(depth: number): object {
  let value: object = {};
  for (let level = 1; level < depth; level++) value = { a: value };
  return { a: value };
}

function failure(operations: unknown): StatusError {
  try {
    applyJsonPatch(target, operations);
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error("expected a failure");
}

test.each([
  ["add", [{ op: "add", path: "/metadata/labels/b", value: "3" }], { metadata: { labels: { a: "1", "x/y": "2", b: "3" } }, list: [1, 2, 3] }],
  ["remove with an escaped name", [{ op: "remove", path: "/metadata/labels/x~1y" }], { metadata: { labels: { a: "1" } }, list: [1, 2, 3] }],
  ["replace", [{ op: "replace", path: "/list/1", value: 9 }], { metadata: target.metadata, list: [1, 9, 3] }],
  ["append", [{ op: "add", path: "/list/-", value: 4 }], { metadata: target.metadata, list: [1, 2, 3, 4] }],
  ["move", [{ op: "move", from: "/metadata/labels/a", path: "/moved" }], { metadata: { labels: { "x/y": "2" } }, list: [1, 2, 3], moved: "1" }],
  ["copy", [{ op: "copy", from: "/list/0", path: "/list/-" }], { metadata: target.metadata, list: [1, 2, 3, 1] }],
  ["replace of a key that is not there", [{ op: "replace", path: "/metadata/labels/b", value: "3" }], { metadata: { labels: { a: "1", "x/y": "2", b: "3" } }, list: [1, 2, 3] }],
  [
    "replace of everything",
    [
      { op: "replace", path: "", value: { list: [] } },
      { op: "add", path: "/list/-", value: 1 },
    ],
    { list: [1] },
  ],
  ["a test of everything", [{ op: "test", path: "", value: { list: [1, 2, 3], metadata: { labels: { "x/y": "2", a: "1" } } } }], target],
  ["add without a value", [{ op: "add", path: "/metadata/labels/b" }], { metadata: { labels: { a: "1", "x/y": "2", b: null } }, list: [1, 2, 3] }],
  ["an index from the end", [{ op: "replace", path: "/list/-1", value: 9 }], { metadata: target.metadata, list: [1, 2, 9] }],
  [
    "a test that holds",
    [
      { op: "test", path: "/list", value: [1, 2, 3] },
      { op: "remove", path: "/list" },
    ],
    { metadata: target.metadata },
  ],
])("JSON patch: %s", (_, operations, expected) => {
  expect(applyJsonPatch(target, deepFreeze(operations))).toEqual(expected);
});

const VALUE = { zebra: 1, ape: { y: 1, x: 2 } };
test.each<[string, object[], string]>([
  ["what was there and nobody went through stays as it was", [], '{"list":[{"d":1,"c":2}],"metadata":{"b":1,"a":2}}'],
  ["what operations went through is by name", [{ op: "add", path: "/metadata/aa", value: 1 }], '{"list":[{"d":1,"c":2}],"metadata":{"a":2,"aa":1,"b":1}}'],
  ["a value is as it was given", [{ op: "add", path: "/list/-", value: VALUE }], '{"list":[{"d":1,"c":2},{"zebra":1,"ape":{"y":1,"x":2}}],"metadata":{"b":1,"a":2}}'],
  [
    "unless a later operation goes through it",
    [
      { op: "add", path: "/list/-", value: VALUE },
      { op: "replace", path: "/list/1/zebra", value: 2 },
    ],
    '{"list":[{"d":1,"c":2},{"ape":{"y":1,"x":2},"zebra":2}],"metadata":{"b":1,"a":2}}',
  ],
  [
    "or compares it",
    [
      { op: "add", path: "/list/-", value: VALUE },
      { op: "test", path: "/list/1", value: VALUE },
    ],
    '{"list":[{"d":1,"c":2},{"ape":{"x":2,"y":1},"zebra":1}],"metadata":{"b":1,"a":2}}',
  ],
  [
    "a copy is as what it copies was written",
    [
      { op: "test", path: "/list/0/c", value: 2 },
      { op: "copy", from: "/list/0", path: "/list/-" },
      { op: "add", path: "/list/1/e", value: 1 },
    ],
    '{"list":[{"c":2,"d":1},{"c":2,"d":1,"e":1}],"metadata":{"b":1,"a":2}}',
  ],
  [
    "what is moved stays as it was",
    [
      { op: "add", path: "/list/-", value: VALUE },
      { op: "move", from: "/list/1", path: "/moved" },
    ],
    '{"list":[{"d":1,"c":2}],"metadata":{"b":1,"a":2},"moved":{"zebra":1,"ape":{"y":1,"x":2}}}',
  ],
])("keys are in the order in which upstream writes them: %s", (_, operations, text) => {
  const patched = patchJson({ metadata: { b: 1, a: 2 }, list: [{ d: 1, c: 2 }] }, operations);
  expect(JSON.stringify(patched.inOrder())).toBe(text);
  expect(patched.value).toEqual(JSON.parse(text));
});

test("later operations may write into what earlier ones inserted", () => {
  const operations = deepFreeze([
    { op: "add", path: "/new", value: {} },
    { op: "add", path: "/new/a", value: 1 },
  ]);
  expect(applyJsonPatch(target, operations)).toMatchObject({ new: { a: 1 } });
  expect(operations[0]).toEqual({ op: "add", path: "/new", value: {} });
});

test.each([
  ["a failed test", [{ op: "test", path: "/list/0", value: 2 }]],
  ["a path that does not exist", [{ op: "remove", path: "/metadata/labels/none" }]],
  ["a parent that does not exist", [{ op: "add", path: "/none/a", value: 1 }]],
  ["an unknown operation", [{ op: "frobnicate", path: "/a" }]],
  ["a path that is no pointer", [{ op: "add", path: "a", value: 1 }]],
  ["a whole document that is none", [{ op: "replace", path: "", value: 1 }]],
  ["a test of everything that fails", [{ op: "test", path: "", value: { list: [] } }]],
  ["the whole document as a path", [{ op: "add", path: "", value: {} }]],
  ["the removal of everything", [{ op: "remove", path: "" }]],
  ["a replacement beyond the end", [{ op: "replace", path: "/list/3", value: 1 }]],
  ["an index out of bounds", [{ op: "add", path: "/list/9", value: 1 }]],
  ["a write to a prototype", [{ op: "add", path: "/__proto__/polluted", value: 1 }]],
  [
    "a first operation that fits and a second that does not",
    [
      { op: "remove", path: "/list" },
      { op: "remove", path: "/list" },
    ],
  ],
])("%s answers as recorded from upstream", (_, operations) => {
  expect(failure(operations).status).toEqual({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "the server rejected our request due to an error in our request",
    reason: "Invalid",
    details: {},
    code: 422,
  });
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test.each([
  ["an object", { op: "add", path: "/a", value: 1 }],
  ["an operation that is no object", ["add"]],
])("%s is a malformed JSON patch", (_, operations) => {
  expect(failure(operations).status.code).toBe(400);
});

test("the number of operations is bounded", () => {
  const error = failure(Array.from({ length: 10_001 }, () => ({ op: "test", path: "", value: 1 })));
  expect(error.status).toMatchObject({ code: 413, message: "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001" });
});

test("items in front of a long list are put in up to a number", () => {
  const operations = (count: number) => Array.from({ length: count }, () => ({ op: "add", path: "/0", value: "x" }));
  const list = Array.from({ length: 100_000 }, (_, index) => index);
  expect(applyJsonPatch(list, operations(100))).toHaveLength(100_100);
  expect(() => applyJsonPatch(list, operations(10_000))).toThrow("Request entity too large: the operations of the JSON patch go through lists that are too long for so many");
  expect(
    applyJsonPatch(
      list,
      operations(10_000).map((operation) => ({ ...operation, path: "/-" })),
    ),
  ).toHaveLength(110_000);
});

test("copies cannot double an object without end", () => {
  const doubling = Array.from({ length: 60 }, (_, index) => ({ op: "copy", from: "/metadata", path: `/metadata/copy${index}` }));
  expect(failure(doubling).status.code).toBe(422);
});

test.each<[string, object[]]>([
  ["a little by each", Array.from({ length: 1_100 }, (_, depth) => ({ op: "add", path: `/deep${"/a".repeat(depth)}`, value: {} }))],
  ["much by each", Array.from({ length: 15 }, (_, round) => ({ op: "add", path: `/deep${"/a".repeat(round * 900)}`, value: nested(900) }))],
])("operations cannot make together what is nested deeper than anybody reads: %s", (_how, operations) => {
  expect(failure(operations).status).toMatchObject({ code: 422, message: "the server rejected our request due to an error in our request" });
});

test("fields that operations do not have are told by their place", () => {
  expect(unknownOperationFields([{ op: "add", path: "/a", value: { odd: 1 }, From: "/b" }, null, { OP: "add", note: 1 }])).toEqual(["[0].From", "[2].OP", "[2].note"]);
});

test.each([
  ["a patch that is no list", {}, "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"],
  ["an operation that is none", ["add"], "error decoding patch: json: cannot unmarshal string into Go value of type handlers.jsonPatchOp"],
  ["a path that is no text", [{ op: "add", path: 1 }], "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.path of type string"],
])("%s cannot be read strictly", (_, operations, message) => {
  expect(() => unknownOperationFields(operations)).toThrow(message);
});

test("an operation changes one place, also where a document or a value has the same map in several", () => {
  const labels = { app: "web" };
  const set = { metadata: { labels }, spec: { template: { metadata: { labels } } } };
  expect(applyJsonPatch(set, [{ op: "add", path: "/metadata/labels/owner", value: "them" }])).toEqual({
    metadata: { labels: { app: "web", owner: "them" } },
    spec: { template: { metadata: { labels: { app: "web" } } } },
  });
  const pair = [
    { op: "add", path: "/pair", value: { left: labels, right: labels } },
    { op: "remove", path: "/pair/left/app" },
  ];
  expect(applyJsonPatch({}, pair)).toEqual({ pair: { left: {}, right: { app: "web" } } });
});
