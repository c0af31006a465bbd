import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Schema } from "../../../../engine/apimachinery/schema.ts";
import { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import { applyStrategicMergePatch } from "../../../../engine/apimachinery/patches/strategic-merge-patch.ts";
import { deepFreeze } from "../../../../engine/lib/freeze.ts";

const text: Schema = { type: "string" };
const itemSchema: Schema = { type: "object", properties: { name: text, value: text, nested: { type: "object", additionalProperties: text } } };
const schema: Schema = {
  type: "object",
  properties: {
    items: { type: "array", items: itemSchema, "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name" },
    plain: { type: "array", items: itemSchema },
    set: { type: "array", items: text, "x-kubernetes-patch-strategy": "merge" },
    map: { type: "object", additionalProperties: text },
    replaced: { type: "object", additionalProperties: text, "x-kubernetes-patch-strategy": "replace" },
    union: { type: "object", properties: { a: text, b: text }, "x-kubernetes-patch-strategy": "retainKeys" },
  },
};

const patchOf = (target: unknown, patch: unknown): unknown => applyStrategicMergePatch(schema, deepFreeze(target), deepFreeze(patch));

function failure(target: unknown, patch: unknown): StatusError {
  try {
    patchOf(target, patch);
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error("expected a failure");
}

describe("strategic merge patch", () => {
  test.each<[string, unknown, unknown, unknown]>([
    ["replaces a map whose strategy says so", { replaced: { a: "1" } }, { replaced: { b: "2" } }, { replaced: { b: "2" } }],
    ["replaces lists without a strategy", { plain: [{ name: "a" }] }, { plain: [{ name: "b", value: null }] }, { plain: [{ name: "b" }] }],
    ["merges what the schema does not know like a merge patch", { other: { a: 1, list: [1] } }, { other: { b: 2, list: [2] } }, { other: { a: 1, b: 2, list: [2] } }],
    [
      "drops nulls and directives of new values",
      {},
      {
        items: [
          { name: "a", value: null },
          { name: "b", $patch: "delete" },
        ],
        union: { $retainKeys: ["a"], a: "1" },
      },
      { items: [{ name: "a" }], union: { a: "1" } },
    ],
    ["keeps the null of a key, which finds no item", { items: [{ name: "a" }] }, { items: [{ name: null, value: "x" }] }, { items: [{ name: null, value: "x" }, { name: "a" }] }],
    ["deletes from a list of scalars", { set: ["a", "b"] }, { "$deleteFromPrimitiveList/set": ["a", "z"] }, { set: ["b"] }],
    ["ignores deletions that are no list", { set: ["a"] }, { "$deleteFromPrimitiveList/set": "a" }, { set: ["a"] }],
    ["merges deletions of items", { items: [{ name: "a" }] }, { "$deleteFromPrimitiveList/items": [{ name: "b" }] }, { items: [{ name: "b" }, { name: "a" }] }],
    ["ignores deletions from a list that is not there", {}, { "$deleteFromPrimitiveList/set": ["a"] }, {}],
    ["ignores an order of a list that is not there", {}, { "$setElementOrder/items": [{ name: "a" }] }, {}],
    [
      "puts new items where the order says",
      { items: [{ name: "a" }, { name: "b" }] },
      { "$setElementOrder/items": [{ name: "b" }, { name: "n" }, { name: "a" }], items: [{ name: "n" }] },
      { items: [{ name: "b" }, { name: "n" }, { name: "a" }] },
    ],
    ["keeps items that the order does not name where they were", { set: ["a", "b", "c", "d"] }, { "$setElementOrder/set": ["d", "a"] }, { set: ["b", "c", "d", "a"] }],
    ["replaces the whole object", { map: { a: "1" }, set: ["a"] }, { $patch: "replace", set: ["b"] }, { set: ["b"] }],
    ["removes keys that are not retained", { union: { a: "1" } }, { union: { $retainKeys: ["b"], b: "2" } }, { union: { b: "2" } }],
  ])("%s", (_, target, patch, expected) => expect(patchOf(target, patch)).toEqual(expected));

  test.each<[string, unknown, unknown, string]>([
    ["a patch that is no object", {}, [], "error decoding patch"],
    ["an item without its merge key", { items: [{ name: "a" }] }, { items: [{ value: "x" }] }, "map: map[value:x] does not contain declared merge key: name"],
    ["a patched key that is not retained", { union: {} }, { union: { $retainKeys: ["a"], b: "1" } }, "invalid patch format of retainKeys"],
    ["an element order that is no list", { set: [] }, { "$setElementOrder/set": "a" }, "expected a []interface {}, but received a string"],
    ["an element order of a list that is none", { set: [] }, { "$setElementOrder/set": ["a"], set: "a" }, "expected a []interface {}, but received a string"],
    ["an element order that is for no list", { set: [] }, { $setElementOrder: ["a"] }, "invalid patch format of setElementOrder list"],
    [
      "an element order of items that have no name",
      { items: [{ name: "a" }] },
      { "$setElementOrder/items": ["a"], items: [{ name: "a" }] },
      "expected a map[string]interface {}, but received a string",
    ],
    ["an element order that contradicts the patch", { set: ["a"] }, { "$setElementOrder/set": ["a", "b"], set: ["b", "a"] }, "doesn't match $setElementOrder list"],
    ["a deletion list that names no field", { set: ["a"] }, { $deleteFromPrimitiveList: ["a"] }, "invalid patch format of primitive list"],
    ["deletions of another type", { set: ["a"] }, { "$deleteFromPrimitiveList/set": [1] }, "list element types are not identical: [[a] [1]]"],
    ["an unknown directive", { map: {} }, { map: { $patch: "upsert" } }, "unknown patch type: upsert in map: map[$patch:upsert]"],
    ["a directive that is no text", { map: {} }, { map: { $patch: 5 } }, "unknown patch type: %!s(int64=5) in map: map[$patch:5]"],
    ["a merge directive in a list", { items: [{ name: "a" }] }, { items: [{ $patch: "merge" }] }, "merging lists cannot yet be specified in the patch"],
    ["lists of lists", { set: [["a"]] }, { set: ["b"] }, "lists of lists are not supported"],
    ["items of different types", { items: [{ name: "a" }] }, { items: ["b"] }, "list element types are not identical: [[map[name:a]] [b]]"],
    ["items of different types, as numbers and texts are", { set: ["a"] }, { set: [1] }, "list element types are not identical: [[a] [1]]"],
    ["a prototype", { map: {} }, { map: JSON.parse('{"__proto__":"x"}') as unknown }, "__proto__"],
  ])("refuses %s", (_, target, patch, message) => {
    const error = failure(target, patch);
    // Of most upstream says so as if it had failed itself.
    expect(error.status.code).toBe(/^invalid patch format|^error decoding|__proto__/.test(message) ? 400 : 500);
    expect(error.message).toContain(message);
  });

  test("that changes nothing returns the target itself", () => {
    const target = deepFreeze({ items: [{ name: "a", nested: { x: "1" } }], set: ["a", "b"], map: { a: "1" } });
    const patch = { items: [{ name: "a", nested: { x: "1", y: null } }], "$setElementOrder/set": ["a", "b"], map: { a: "1" }, replaced: null };
    expect(applyStrategicMergePatch(schema, target, patch)).toBe(target);
  });
});

const names = fc.constantFrom("a", "b", "c", "d");
const items = fc.uniqueArray(
  fc.record({ name: names, value: fc.constantFrom("1", "2"), nested: fc.dictionary(names, fc.constantFrom("1", "2"), { noNullPrototype: true }) }, { requiredKeys: ["name"] }),
  { selector: (item) => item.name },
);
const state = fc.record({ items, set: fc.uniqueArray(names), map: fc.dictionary(names, fc.constantFrom("1", "2"), { noNullPrototype: true }) });
type State = typeof state extends fc.Arbitrary<infer T> ? T : never;

test("a strategic merge patch made of the difference of two objects yields the second, order included", () => {
  fc.assert(
    fc.property(state, state, (from, to) => {
      expect(patchOf(from, strategicDifference(from, to))).toEqual(to);
    }),
    { numRuns: 500 },
  );
});

/** As kubectl apply makes patches: changed and new items, deletions, and the order of everything. */
function strategicDifference(from: State, to: State): Record<string, unknown> {
  const gone = from.items.filter((item) => !to.items.some((other) => other.name === item.name)).map(({ name }) => ({ name, $patch: "delete" }));
  const changed = to.items.map((item) => {
    const before = from.items.find((other) => other.name === item.name);
    if (before === undefined) return item;
    const nested = item.nested === undefined ? null : mapDifference(before.nested ?? {}, item.nested);
    return { name: item.name, value: item.value ?? null, nested };
  });
  return {
    ...(to.items.length > 0 || gone.length > 0 ? { items: [...changed, ...gone], "$setElementOrder/items": to.items.map(({ name }) => ({ name })) } : {}),
    ...(to.set.length > 0 ? { set: to.set, "$setElementOrder/set": to.set } : {}),
    "$deleteFromPrimitiveList/set": from.set.filter((item) => !to.set.includes(item)),
    map: mapDifference(from.map, to.map),
  };
}

function mapDifference(from: Readonly<Record<string, string>>, to: Readonly<Record<string, string>>): Record<string, string | null> {
  return { ...Object.fromEntries(Object.keys(from).map((key) => [key, null])), ...to };
}

test("long lists are merged in one pass", () => {
  const items = (count: number, more: object = {}) => Array.from({ length: count }, (_, index) => ({ name: `item${index}`, ...more }));
  const before = process.cpuUsage();
  expect((patchOf({ items: items(20_000) }, { items: items(60_000, { value: "x" }) }) as { readonly items: readonly unknown[] }).items).toEqual(items(60_000, { value: "x" }));
  expect(patchOf({ items: items(20_000) }, { items: items(60_000, { $patch: "delete" }) })).toEqual({ items: [] });
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(3_000);
});
