import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatLabelSelector, labelSelectorPredicate, parseFieldSelector, parseLabelSelector, type LabelSelector } from "../../../engine/apimachinery/selectors.ts";

const web = { app: "web", tier: "front", size: "3" };

describe("label selectors in text form", () => {
  test.each([
    ["", true],
    ["app=web", true],
    ["app==web", true],
    ["app!=web", false],
    ["other!=web", true],
    ["app", true],
    ["!app", false],
    ["!other", true],
    ["app in (web,db)", true],
    ["app notin (web)", false],
    ["other notin (web)", true],
    ["app=web,tier=back", false],
    ["size>2", true],
    ["size<3", false],
    ["other>1", false],
    ["app=", false],
    ["app in ()", false],
    ["in in (in)", false],
    ["  app =  web , tier", true],
    ["app in (,web)", true],
  ])("%j matches: %s", (text, matches) => expect(parseLabelSelector(text)(web)).toBe(matches));

  test.each([
    "app=web",
    "app!=web",
    "app",
    "!app",
    "app in (web,db)",
    "app notin (web,db)",
    "size>3",
    "app=web,app!=db",
    "app=web,app=db",
    "app!=db,app!=x",
    "app!=db,app!=web",
    "app in (web,db),app in (x,db)",
    "app,app=db,app!=x",
    "size>1,size>3",
    "size>3,size>1",
    "size<3,size<5",
    "size<5,size<3",
    "size>1,size<4",
    "app,!app",
    "none",
    "!none",
    "none!=a",
    "constructor",
    "!constructor",
  ])("%s says the same among many others, whatever the labels are", (text) => {
    const others = Array.from({ length: 20 }, (_, index) => `other${index}!=x`).join(",");
    const many = parseLabelSelector(`${others},${text}`);
    const objects: readonly (Record<string, string> | undefined)[] = [undefined, {}, { app: "web" }, { app: "db", size: "4" }, { app: "web", size: "2", more: "x" }];
    for (const labels of objects) expect(many(labels)).toBe(parseLabelSelector(text)(labels));
    expect(many({ app: "web", size: "4", other7: "x" })).toBe(false);
  });

  test("look at the labels of an object, however many things are asked of them", () => {
    let looked = 0;
    const labels = new Proxy<Record<string, string>>({ app: "web", size: "4" }, { get: (target, key) => (looked++, Reflect.get(target, key)) });
    expect(parseLabelSelector(`app,${Array.from({ length: 10_000 }, (_, index) => `!l${index}`).join(",")}`)(labels)).toBe(true);
    expect(looked).toBeLessThan(10);
    const onOneKey = parseLabelSelector(Array.from({ length: 100_000 }, (_, index) => `app!=v${index}`).join(","));
    expect([onOneKey({ app: "web" }), onOneKey({ app: "v99999" }), onOneKey({})]).toEqual([true, false, true]);
  });

  test("are held against ten thousand objects at once, however much is asked of one label", () => {
    const selector = parseLabelSelector(
      ["app!=v", "app in (web,v", "size>"].flatMap((term) => Array.from({ length: 30_000 }, (_, index) => `${term}${index}${term.includes("(") ? ")" : ""}`)).join(","),
    );
    const objects = Array.from({ length: 10_000 }, (_, index) => ({ app: "web", size: `${index + 25_000}` }));
    expect(objects.filter(selector).map(({ size }) => size)).toEqual(objects.slice(5_000).map(({ size }) => size));
  });

  test("take nothing for a label that every object has by its nature", () => {
    expect([parseLabelSelector("constructor")({ app: "web" }), parseLabelSelector("!toString")({ app: "web" })]).toEqual([false, true]);
  });

  test("treat absent labels as none", () => expect([parseLabelSelector("app")(undefined), parseLabelSelector("!app")(undefined)]).toEqual([false, true]));

  test.each([
    ["a===", "unable to parse requirement: found '=', expected: identifier"],
    ["a=b,", "found '', expected: identifier after ','"],
    [",a", "found ',', expected: !, identifier, or 'end of string'"],
    ["a=b c", "found 'c', expected: ',' or 'end of string'"],
    ["a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ["a constructor (b)", "unable to parse requirement: found 'constructor', expected: in, notin, =, ==, !=, gt, lt"],
    ["a in b", "unable to parse requirement: found 'b' expected: '('"],
    ["a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"],
    ["a in (b", "unable to parse requirement: found '', expected: ',' or ')'"],
    ["a>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"],
  ])("%j is refused: %s", (text, message) =>
    expect(() => parseLabelSelector(text)).toThrow(expect.objectContaining({ message, status: expect.objectContaining({ code: 400, reason: "BadRequest" }) })),
  );

  test("name the rule that a key or value breaks", () => {
    expect(() => parseLabelSelector("-a=b")).toThrow(/^unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of alphanumeric/);
    expect(() => parseLabelSelector("a=-b")).toThrow(/^unable to parse requirement: values\[0\]\[a\]: Invalid value: "-b": a valid label must be an empty string/);
  });
});

describe("label selectors in object form", () => {
  test("select nothing when absent and everything when empty", () => expect([labelSelectorPredicate(undefined)(web), labelSelectorPredicate({})(web)]).toEqual([false, true]));

  test("want all of their terms", () => {
    const selector: LabelSelector = {
      matchLabels: { app: "web" },
      matchExpressions: [
        { key: "tier", operator: "NotIn", values: ["back"] },
        { key: "old", operator: "DoesNotExist" },
      ],
    };
    expect(labelSelectorPredicate(selector)(web)).toBe(true);
    expect(labelSelectorPredicate(selector)({ ...web, old: "yes" })).toBe(false);
    expect(formatLabelSelector(selector)).toBe("app=web,!old,tier notin (back)");
  });

  test("mean the same when written as text and read back", () => {
    const key = fc.constantFrom("app", "tier", "example.com/role", "in");
    const value = fc.constantFrom("web", "db", "x.y_z-1", "");
    const expression = fc.oneof(
      fc.record({ key, operator: fc.constantFrom("In", "NotIn"), values: fc.array(value, { minLength: 1, maxLength: 3 }) }),
      fc.record({ key, operator: fc.constantFrom("Exists", "DoesNotExist") }),
    );
    const selector = fc.record({ matchLabels: fc.dictionary(key, value), matchExpressions: fc.array(expression, { maxLength: 4 }) });
    const labels = fc.dictionary(key, value);
    fc.assert(
      fc.property(selector, labels, (object, set) => {
        expect(parseLabelSelector(formatLabelSelector(object))(set)).toBe(labelSelectorPredicate(object)(set));
      }),
    );
  });
});

describe("field selectors", () => {
  test("are terms of field, operator and value", () => {
    expect(parseFieldSelector("metadata.name=web,status.phase!=Running,spec.nodeName==n1,")).toEqual([
      { field: "metadata.name", operator: "=", value: "web" },
      { field: "status.phase", operator: "!=", value: "Running" },
      { field: "spec.nodeName", operator: "=", value: "n1" },
    ]);
    expect(parseFieldSelector("")).toEqual([]);
  });

  test("take escaped separators as part of the value", () => expect(parseFieldSelector(String.raw`a=x\,y\=z\\`)).toEqual([{ field: "a", operator: "=", value: String.raw`x,y=z\ `.trim() }]));

  test.each([
    ["spec.x", "invalid selector: 'spec.x'; can't understand 'spec.x'"],
    ["a=b=c", "invalid field selector: unescaped character in value: ="],
    ["a=\\b", "invalid field selector: invalid escape sequence: \\b"],
    ["a=b\\", "invalid field selector: invalid escape sequence: \\"],
  ])("%j is refused", (text, message) => expect(() => parseFieldSelector(text)).toThrow(expect.objectContaining({ message })));
});
