import { describe, expect, test } from "vitest";
import { CelCompileError, CelError } from "../../../engine/cel/cel-error.ts";
import { compileExpression } from "../../../engine/cel/compile.ts";
import { toJson } from "../../../engine/cel/json-value.ts";
import { DYN, INT, listOf, mapOf, objectType, STRING } from "../../../engine/cel/types.ts";

const person = { name: "Ada", age: 36, tags: ["a", "b"], address: { city: "London" }, ratio: 1.5 };

function evaluate(source: string, bindings: Readonly<Record<string, unknown>> = {}): unknown {
  const variables = Object.fromEntries(Object.keys(bindings).map((name) => [name, DYN]));
  return toJson(compileExpression(source, { variables }).evaluate(bindings).value);
}

test("a variable may have a dot in its name, which a local one of its first part hides", () => {
  const variables = { a: mapOf(STRING, INT), "a.b": STRING };
  const program = compileExpression("a.b + string(a.c) + [{'b': 'local'}].map(a, a.b)[0]", { variables });
  expect(program.evaluate({ a: { b: 1, c: 2 }, "a.b": "whole" }).value).toBe("whole2local");
  expect(program.uses("a.b")).toBe(true);
  expect(compileExpression("a.c", { variables }).uses("a.b")).toBe(false);
});

/** What holds the same twice, which holds the same twice, and so on. */
function nested(innermost: string, levels: number): string {
  const names = Array.from({ length: levels }, (_, level) => `x${level}`);
  return names.reduceRight((inner, name, level) => `cel.bind(${name}, ${level === 0 ? innermost : `[x${level - 1}, x${level - 1}]`}, ${inner})`, `x${levels - 1}`);
}

describe("expressions", () => {
  test.each<[string, unknown]>([
    ["1 + 2 * 3 - 4 / 2 % 3", 5],
    ["-9223372036854775808 == -9223372036854775807 - 1", true],
    ["0x1F == 31 && 3u == 3 && 3.0 == 3 && 1 < 1.5", true],
    ["'a' + \"b\" + r'\\n' + '''c\nd''' + '\\u00e9\\x41\\101'", "ab\\nc\ndéAA"],
    ["b'\\xff' == b'\\377' && size(b'é') == 2 && size('é') == 1", true],
    ["[1, 2, 3].filter(x, x > 1).map(x, x * 2)", [4, 6]],
    ["[1, 2, 3].map(x, x != 2, x * 10)", [10, 30]],
    ["[1, 2].all(x, x > 0) && [1, 2].exists(x, x == 2) && [1, 2, 2].exists_one(x, x == 1)", true],
    ["{'a': 1, 'b': 2}.map(k, k)", ["a", "b"]],
    ["[10, 20].transformList(i, v, i * v)", [0, 20]],
    ["{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v + 1)", { b: 3 }],
    ["{'a': 1}.transformMapEntry(k, v, {k + '!': v})", { "a!": 1 }],
    ["['x', 'y'].exists(i, v, i == 1 && v == 'y') && {'k': 1}.all(k, v, k == 'k' && v == 1)", true],
    ["[1, 0].exists(x, 1 / x == 1)", true],
    ["true || 1 / 0 == 1", true],
    ["1 / 0 == 1 || true", true],
    ["!(1 / 0 == 1 && false)", true],
    ["1 in [1, 2] && 'a' in {'a': 1} && !(3 in [1])", true],
    ["{'a': {'b': 1}}.a.b == 1 && {'a': 1}['a'] == 1", true],
    ["has({'a': 1}.a) && !has({'a': 1}.b)", true],
    ["type(1) == int && type('') == string && type([]) == list && type(type(1)) == type", true],
    ["[1, 2] + [3] == [1, 2, 3] && {'a': dyn(1)} == {'a': dyn(1.0)} && [dyn(1)] != [dyn('1')]", true],
    ["{'a': 1}.?b.orValue(7) + {'a': 1}.?a.orValue(7)", 8],
    ["has(dyn(null).a) || has(dyn(1).a) || has({'a': dyn('text')}.a.b)", false],
    ["dyn(null).?a.hasValue() || optional.of(dyn(1)).a.hasValue() || dyn('text')[?0].hasValue()", false],
    ["optional.of(3).optMap(x, x + 1).value()", 4],
    ["optional.none().hasValue() || [1][?3].hasValue()", false],
    ["[?optional.none(), ?optional.of(1)]", [1]],
    ["{?'a': optional.none(), 'b': 2}", { b: 2 }],
    ["true ? 'yes' : 'no'", "yes"],
    ["cel.bind(x, 3, x * x)", 9],
    [`${nested("[1]", 40)} == ${nested("[1]", 40)}`, true],
    [`${nested("[1]", 40)} == ${nested("[2]", 40)}`, false],
    [`${nested("{'a': 1}", 40)} == ${nested("{'a': 1}", 40)}`, true],
    ["// a comment\n 1", 1],
  ])("%s is %j", (source, value) => expect(evaluate(source)).toEqual(value));

  test("see whole JSON numbers as ints and others as doubles, at any depth", () => {
    expect(evaluate("p.age + 1 == 37 && p.ratio == 1.5 && p.address.city == 'London' && p.tags[1] == 'b'", { p: person })).toBe(true);
    expect(evaluate("has(p.address.city) && !has(p.address.street) && size(p.tags) == 2", { p: person })).toBe(true);
  });

  test.each<[string, string]>([
    ["1 +", "<input>:1:4: Syntax error: mismatched input '<EOF>'"],
    ["'a'.", "<input>:1:5: Syntax error: no viable alternative at input '.'"],
    ["nothing(1)", "<input>:1:8: undeclared reference to 'nothing'"],
    ["'a'.size() + 'a'.nothing()", "<input>:1:25: undeclared reference to 'nothing'"],
    ["'a'.matches('[')", "<input>:1:13: invalid matches argument"],
    ["duration('1x') == duration('1h')", "<input>:1:10: invalid duration argument"],
    ["timestamp('today') == timestamp('2026-01-01T00:00:00Z')", "<input>:1:11: invalid timestamp argument"],
    ["'a'.sortBy(1, 2)", "sortBy can only be applied to a list, identifier, comprehension, call or select expression"],
    ["1 + 'a'", "<input>:1:3: found no matching overload for '_+_' applied to '(int, string)'"],
    ["x", "undeclared reference to 'x' (in container '')"],
    ["[1, 'a']", "expected type 'int' but found 'string'"],
    ["[dyn(1), 'a']", "expected type 'dyn' but found 'string'"],
    ["['a', dyn(1)]", "expected type 'string' but found 'dyn'"],
    ["[dyn(1), {}]", "expected type 'dyn' but found 'map(dyn, dyn)'"],
    ["{'a': dyn(1), 'b': 'x'}", "expected type 'dyn' but found 'string'"],
    ["[['a'], [dyn(1)]]", "expected type 'list(string)' but found 'list(dyn)'"],
    ["true ? 1 : 'a'", "found no matching overload for '_?_:_' applied to '(bool, int, string)'"],
    ["'a'.nothing()", "undeclared reference to 'nothing'"],
    ["[1].constructor(1, 2)", "undeclared reference to 'constructor'"],
    ["'a'.contains(1)", "found no matching overload for 'contains' applied to 'string.(int)'"],
    ["has(1)", "invalid argument to has() macro"],
    ["1 && true", "expected type 'bool' but found 'int'"],
    ["'a", "token recognition error"],
    ["[1].map(1, 2)", "argument must be a simple name"],
  ])("%s does not compile: %s", (source, message) => expect(() => evaluate(source)).toThrow(message));

  test("name every problem with its place", () => {
    expect(() => evaluate("a + b")).toThrow(CelCompileError);
    expect(() => evaluate("a +\n b")).toThrow(
      "ERROR: <input>:1:1: undeclared reference to 'a' (in container '')\n | a +\n | ^\nERROR: <input>:2:2: undeclared reference to 'b' (in container '')\n |  b\n | .^",
    );
  });

  test.each<[string, string]>([
    ["1 / 0", "division by zero"],
    ["1 % 0", "modulus by zero"],
    ["9223372036854775807 + 1", "integer overflow"],
    ["[1][5]", "index out of bounds: 5"],
    ["{'a': 1}.b", "no such key: b"],
    ["{'a': true}.b || {'a': true}.c", "no such key: b"],
    ["{'a': true}.b && {'a': true}.c", "no such key: b"],
    ["{'a': true}.a && {'a': true}.c", "no such key: c"],
    ["dyn(1) + dyn('a')", "no such overload"],
    ["dyn(null).a", "no such key: a"],
    ["has(dyn([1]).a)", "no such overload"],
    ["int('x')", "type conversion error from 'string' to 'int'"],
    ["uint('-1')", "type conversion error from 'string' to 'uint'"],
    ["double('x')", "type conversion error from 'string' to 'double'"],
    ["bool('x')", "type conversion error from 'string' to 'bool'"],
    ["optional.none().value()", "optional.none() dereference"],
  ])("%s fails: %s", (source, message) => expect(() => evaluate(source)).toThrow(new CelError(message)));

  test("refuse results of other types than asked for", () => {
    expect(() => compileExpression("1", { variables: {}, results: [STRING] })).toThrow("must evaluate to string, got int");
    expect(compileExpression("dyn(1)", { variables: {}, results: [STRING] }).resultType).toEqual(DYN);
  });

  test("check fields of declared types, and may construct those that are messages", () => {
    const object = objectType("Object", { spec: objectType("Object.spec", { replicas: INT, labels: mapOf(STRING, STRING), names: listOf(STRING) }) });
    const compile = (source: string) => compileExpression(source, { variables: { object }, messages: [object] });
    expect(() => compile("object.spec.missing")).toThrow("undefined field 'missing'");
    expect(() => compile("object.spec.replicas == 'a'")).toThrow("found no matching overload for '_==_' applied to '(int, string)'");
    expect(
      toJson(compile("Object{spec: Object.spec{replicas: object.spec.replicas + 1, ?labels: optional.of({'a': 'b'}), ?names: optional.none()}}").evaluate({ object: { spec: { replicas: 2 } } }).value),
    ).toEqual({ spec: { replicas: 3, labels: { a: "b" } } });
    expect(() => compile("Object{spec: Object.spec{replicas: 'a'}}")).toThrow("expected type of field 'replicas' is 'int' but provided type is 'string'");
  });

  test("end when their budget is spent, also inside of an or", () => {
    const program = compileExpression("true || list.all(a, list.all(b, list.all(c, a + b + c >= 0)))", { variables: { list: DYN } });
    const runaway = compileExpression("list.all(a, list.all(b, list.all(c, a + b + c >= 0))) || true", { variables: { list: DYN } });
    const list = Array.from({ length: 500 }, (_, index) => index);
    expect(program.evaluate({ list }).value).toBe(true);
    expect(() => runaway.evaluate({ list })).toThrow("operation cancelled: actual cost limit exceeded");
    expect(runaway.evaluate({ list: [1, 2] }).cost).toBeLessThan(200);
    expect(() => compileExpression("list.size() > 0", { variables: { list: DYN } }).evaluate({ list }, { costMax: 1 })).toThrow("cost limit exceeded");
  });

  test.each([
    ["||", "==", true],
    ["&&", "!=", false],
  ] as const)("take any number of terms joined by %s", (operator, comparison, decided) => {
    const terms = Array.from({ length: 5_000 }, (_, index) => `n ${comparison} ${index}`);
    const program = compileExpression(terms.join(` ${operator} `), { variables: { n: INT } });
    for (const n of [0, 2_500, 4_999]) expect(program.evaluate({ n }).value).toBe(decided);
    expect(program.evaluate({ n: 5_000 }).value).toBe(!decided);
  });

  test("refuse what would overflow the parser's stack", () => {
    expect(() => evaluate(`${"(".repeat(5_000)}1${")".repeat(5_000)}`)).toThrow("recursion limit exceeded");
    expect(() => evaluate(`${"!".repeat(5_000)}true`)).toThrow("recursion limit exceeded");
    expect(() => evaluate(Array.from({ length: 5_000 }, () => "1").join(" + "))).toThrow("recursion limit exceeded");
  });
});
