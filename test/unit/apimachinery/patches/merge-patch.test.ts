import fc from "fast-check";
import { expect, test } from "vitest";
import { applyMergePatch } from "../../../../engine/apimachinery/patches/merge-patch.ts";
import { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import { deepFreeze } from "../../../../engine/lib/freeze.ts";

const json = (text: string): unknown => deepFreeze(JSON.parse(text));

// The table of RFC 7386, appendix A.
test.each([
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', "{}"],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', "null", "null"],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ["[1,2]", '{"a":"b","c":null}', '{"a":"b"}'],
  ["{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
])("merge patch of %s with %s is %s", (target, patch, expected) => {
  expect(JSON.stringify(applyMergePatch(json(target), json(patch)))).toBe(expected);
});

test("a merge patch refuses to reach a prototype, at any depth", () => {
  expect(() => applyMergePatch({}, JSON.parse('{"__proto__":{"x":1}}'))).toThrow(StatusError);
  expect(() => applyMergePatch({ a: {} }, JSON.parse('{"a":{"b":{"__proto__":1}}}'))).toThrow(/__proto__/);
});

test("a merge patch takes inherited names for absent fields", () => {
  const target = deepFreeze({ a: 1 });
  expect(applyMergePatch(target, { toString: null, constructor: null })).toBe(target);
  expect(applyMergePatch(target, { constructor: { b: 1 } })).toEqual({ a: 1, constructor: { b: 1 } });
});

const key = fc.constantFrom("a", "b", "c");
const { value } = fc.letrec<{ value: unknown; map: Record<string, unknown> }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.integer({ min: 0, max: 2 }), fc.constant("x"), fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }), tie("map")),
  map: fc.dictionary(key, tie("value"), { maxKeys: 3, noNullPrototype: true }),
}));
const patch = fc.dictionary(key, fc.oneof(value, fc.constant(null), fc.dictionary(key, fc.constant(null), { noNullPrototype: true })), { noNullPrototype: true });

test("applying a merge patch twice is applying it once, and changes neither argument", () => {
  fc.assert(
    fc.property(value, patch, (target, change) => {
      deepFreeze(target);
      deepFreeze(change);
      const once = applyMergePatch(target, change);
      expect(applyMergePatch(once, change)).toBe(once);
    }),
  );
});

test("a merge patch made of the difference of two values yields the second", () => {
  fc.assert(
    fc.property(value, value, (from, to) => {
      expect(applyMergePatch(deepFreeze(from), difference(from, to))).toEqual(to);
    }),
  );
});

/** The smallest independent definition: what differs, null where something is gone. */
function difference(from: unknown, to: unknown): unknown {
  if (!isMap(from) || !isMap(to)) return to;
  const changes: Record<string, unknown> = {};
  for (const name of Object.keys(from)) if (!(name in to)) changes[name] = null;
  for (const name of Object.keys(to)) if (JSON.stringify(from[name]) !== JSON.stringify(to[name])) changes[name] = difference(from[name], to[name]);
  return changes;
}

function isMap(item: unknown): item is Record<string, unknown> {
  return typeof item === "object" && item !== null && !Array.isArray(item);
}

test.each([
  [{}, { a: [{ u: null, v: 1 }, null, [{ w: null }]] }, { a: [{ v: 1 }, null, [{}]] }],
  [{ a: [1] }, { a: [{ u: null }] }, { a: [{}] }],
  [{ a: { b: 1 } }, { a: [{ u: null }] }, { a: [{ u: null }] }],
])("nulls in the objects of lists go, but from a list in the place of an object: %j with %j", (target, patch, expected) => {
  expect(applyMergePatch(target, patch)).toEqual(expected);
});
