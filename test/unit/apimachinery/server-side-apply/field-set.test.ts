import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareElements, isElement, printElement } from "../../../../engine/apimachinery/server-side-apply/field-set-element.ts";
import {
  decodeFieldSet,
  difference,
  EMPTY_SET,
  FieldSetBuilder,
  intersection,
  isSubset,
  printPaths,
  sameSet,
  union,
  withoutSubtrees,
  type FieldSet,
} from "../../../../engine/apimachinery/server-side-apply/field-set.ts";

const element = fc.constantFrom("f:a", "f:b", 'k:{"name":"x"}', 'k:{"port":80}', 'k:{"port":443}', 'v:"s"', "i:0");
const path = fc.array(element, { minLength: 1, maxLength: 3 });
const paths = fc.array(path, { maxLength: 8 });

function build(members: readonly (readonly string[])[]): FieldSet {
  const builder = new FieldSetBuilder();
  for (const member of members) builder.add(member);
  return builder.build();
}

/** The model: a set of paths as text. */
function model(members: readonly (readonly string[])[]): Set<string> {
  return new Set(members.map((member) => member.map(printElement).join("")));
}

const sorted = (values: Iterable<string>): string[] => [...values].sort();

describe("field sets", () => {
  test("do what sets of paths do", () => {
    fc.assert(
      fc.property(paths, paths, (left, right) => {
        const a = build(left);
        const b = build(right);
        const [x, y] = [model(left), model(right)];
        expect(sorted(printPaths(a))).toEqual(sorted(x));
        expect(sorted(printPaths(union(a, b)))).toEqual(sorted(new Set([...x, ...y])));
        expect(sorted(printPaths(difference(a, b)))).toEqual([...x].filter((text) => !y.has(text)).sort());
        expect(sorted(printPaths(intersection(a, b)))).toEqual([...x].filter((text) => y.has(text)).sort());
        expect(isSubset(a, b)).toBe([...x].every((text) => y.has(text)));
        expect(sameSet(a, b)).toBe(x.size === y.size && [...x].every((text) => y.has(text)));
        const below = [...x].filter((text) => ![...y].some((prefix) => text === prefix || (text.startsWith(prefix) && /^[.[]/.test(text.slice(prefix.length)))));
        expect(sorted(printPaths(withoutSubtrees(a, b)))).toEqual(sorted(below));
      }),
      { numRuns: 1000 },
    );
  });

  test("have one form, whatever way they came about", () => {
    fc.assert(
      fc.property(paths, paths, (left, right) => {
        const text = JSON.stringify(build([...left, ...right]));
        expect(JSON.stringify(union(build(left), build(right)))).toBe(text);
        expect(JSON.stringify(union(build(right), build(left)))).toBe(text);
        expect(JSON.stringify(decodeFieldSet(JSON.parse(text)))).toBe(text);
        expect(difference(build(left), EMPTY_SET)).toEqual(build(left));
      }),
    );
  });

  test("keep their identity when an operation changes nothing", () => {
    const set = build([["f:a", "f:b"], ["f:c"]]);
    expect(union(set, build([["f:c"]]))).toBe(set);
    expect(difference(set, build([["f:a"], ["f:z"]]))).toBe(set);
    expect(withoutSubtrees(set, build([["f:z"]]))).toBe(set);
  });

  test("list their elements in upstream's order", () => {
    const elements = ["i:1", 'v:"b"', 'v:"a"', "v:10", "v:9", 'k:{"port":443,"protocol":"TCP"}', 'k:{"port":80,"protocol":"UDP"}', 'k:{"port":80,"protocol":"TCP"}', "f:b", "f:a", "."];
    expect(elements.sort(compareElements)).toEqual([
      ".",
      "f:a",
      "f:b",
      'k:{"port":80,"protocol":"TCP"}',
      'k:{"port":80,"protocol":"UDP"}',
      'k:{"port":443,"protocol":"TCP"}',
      "v:9",
      "v:10",
      'v:"a"',
      'v:"b"',
      "i:1",
    ]);
  });

  test("print their paths as conflicts show them, those that end at a level first", () => {
    const set = build([
      ["f:spec", "f:containers", 'k:{"name":"app"}', "f:image"],
      ["f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}'],
      ["f:spec", "f:replicas"],
      ["f:list", 'v:"x/y"'],
      ["f:list", "i:2"],
    ]);
    expect(printPaths(set)).toEqual(['.list[="x/y"]', ".list[2]", ".spec.replicas", '.spec.containers[name="app"].image', '.spec.ports[port=80,protocol="TCP"]']);
  });

  test.each(["f:a", "f:", "i:3", 'k:{"a":1}', "v:true", 'v:"x"'])("know %s as an element", (text) => expect(isElement(text)).toBe(true));
  test.each(["a", "x:a", "i:x", "k:[]", "k:{", "v:", ""])("refuse %s as an element", (text) => {
    expect(isElement(text)).toBe(false);
    expect(decodeFieldSet({ [text]: {} })).toBeUndefined();
  });
  test("refuse values that are no trees", () => {
    for (const value of [null, [], "x", { "f:a": null }, { "f:a": [] }, { "f:a": { "f:b": 1 } }]) expect(decodeFieldSet(value)).toBeUndefined();
  });
});
