import { describe, expect, test } from "vitest";
import { compileExpression } from "../../../engine/cel/compile.ts";
import { toJson } from "../../../engine/cel/json-value.ts";
import { AUTHORIZER, AuthorizerValue, type AuthorizationQuestion } from "../../../engine/cel/library/authorizer.ts";
import { resourceType, schemaType } from "../../../engine/cel/schema-type.ts";
import { DYN, STRING } from "../../../engine/cel/types.ts";
import type { Schema } from "../../../engine/apimachinery/schema.ts";

const evaluate = (source: string) => toJson(compileExpression(source, { variables: {} }).evaluate({}).value);

describe("the functions", () => {
  test.each<[string, unknown]>([
    ["'hello'.matches('^h.*o$') && !'hello'.matches('x')", true],
    ["'abc 123 de 45'.find('[0-9]+')", "123"],
    ["'abc 123 de 45'.findAll('[0-9]+')", ["123", "45"]],
    ["'abc 123 de 45'.findAll('[0-9]+', 1)", ["123"]],
    ["'aXbX'.findAll('X*')", ["", "X", "X"]],
    ["'foobar'.find('o*?b|fo')", "fo"],
    ["'a,b,c'.split(',') == ['a', 'b', 'c'] && 'a,b,c'.split(',', 2) == ['a', 'b,c']", true],
    ["['a', 'b'].join('-') + 'X-Y'.lowerAscii() + 'é'.upperAscii()", "a-bx-yé"],
    ["'tacocat'.indexOf('c') == 2 && 'tacocat'.lastIndexOf('c') == 4 && 'tacocat'.substring(4) == 'cat' && 'tacocat'.charAt(1) == 'a'", true],
    ["'abc'.indexOf('a', 9) == -1 && 'abc'.lastIndexOf('a', 9) == -1 && 'abc'.indexOf('', 2) == 2 && 'abc'.lastIndexOf('') == 3", true],
    ["timestamp('2026-01-01T05:00:00Z').getHours('') == 5", true],
    ["'aaa'.replace('a', 'b', 2)", "bba"],
    ["'%s is %d, %.2f, %x, %b'.format(['a', dyn(3), 1.5, 255, 5])", "a is 3, 1.50, ff, 101"],
    ["'%s'.format([[dyn(1), 'a', {'k': true}]])", "[1, a, {k: true}]"],
    ["[1, 2, 3].isSorted() && ['b', 'a'].isSorted() == false && [1, 5, 3].max() == 5 && [1, 5, 3].sum() == 9 && ['b', 'a'].min() == 'a'", true],
    ["[1, 2, 2].indexOf(2) == 1 && [1, 2, 2].lastIndexOf(2) == 2 && [1].indexOf(9) == -1", true],
    ["[1, 2, 3, 4].slice(1, 3) == [2, 3] && [1].slice(1, 1) == [] && [3, 1, 2].reverse() == [2, 1, 3]", true],
    ["[[1, 2], [], [3]].flatten() == [1, 2, 3]", true],
    ["[dyn(1), dyn([dyn(2), dyn([[3]])])].flatten(2)", [1, 2, [3]]],
    ["['b', 'b', 'c', 'a', 'c'].distinct() == ['b', 'c', 'a'] && lists.range(3) == [0, 1, 2] && lists.range(-1) == []", true],
    ["['b', 'c', 'a'].sort() == ['a', 'b', 'c'] && [3, 1, 2].sort() == [1, 2, 3] && [true, false].sort() == [false, true]", true],
    ["[{'name': 'b', 'at': '1'}, {'name': 'a', 'at': '2'}].sortBy(x, x.name).map(x, x.at)", ["2", "1"]],
    ["[1, 5, 3].sortBy(x, -x).sortBy(x, x == 3)", [5, 1, 3]],
    ["sets.contains([1, 2, 3], [2]) && sets.equivalent([1, 2], [2, 1, 1]) && !sets.intersects([1], [2])", true],
    ["quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('1.5').add(quantity('500m')).compareTo(quantity('2')) == 0", true],
    ["isQuantity('1x') || !isQuantity('200Mi') || quantity('50k').asInteger() != 50000 || quantity('9.5').isInteger()", false],
    ["quantity('1') == quantity('1000m') && quantity('2').sub(1).sign() == 1", true],
    ["url('https://u@example.com:80/a%20b?x=1&x=2').getHost() + url('https://example.com:80/a b').getEscapedPath()", "example.com:80/a%20b"],
    ["url('https://example.com#no-path').getHost()", undefined],
    ["url('https://example.com:8080/a/b?x=1&x=2').getPort() == '8080' && url('https://[::1]:80/').getHostname() == '::1' && isURL('/abs') && !isURL('no url')", true],
    ["url('https://a/?x=1&x=2').getQuery()", { x: ["1", "2"] }],
    ["url('https://a/x;y?z=1;2&w=%zz&v').getQuery()", { v: [""] }],
    ["ip('10.1.2.3').family() == 4 && isIP('::1') && !isIP('1.2.3') && !isIP('::ffff:1.2.3.4') && ip.isCanonical('2001:db8::1') && !ip.isCanonical('2001:DB8::1')", true],
    ["string(ip('2001:db8:0:0:1:0:0:1'))", "2001:db8::1:0:0:1"],
    ["ip('127.0.0.1').isLoopback() && ip('fe80::1').isLinkLocalUnicast() && ip('8.8.8.8').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast()", true],
    ["cidr('10.0.0.0/8').containsIP('10.2.3.4') && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.0.0.0/16').containsCIDR('10.0.0.0/8')", true],
    ["string(cidr('192.168.3.4/16').masked()) + string(cidr('::1/64').prefixLength())", "192.168.0.0/1664"],
    [
      "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-alpha.1').compareTo(semver('1.0.0')) == -1 && isSemver('v1.0', true) && !isSemver('v1.0.0') && semver('v01.02', true).minor() == 2",
      true,
    ],
    ["format.dns1123Label().validate('my-name').hasValue() || !format.dns1123Label().validate('My').hasValue() || format.named('nope').hasValue()", false],
    ["format.named('uuid').value().validate('x').value()", ["does not match the UUID format"]],
    ["duration('1h30m') == duration('90m') && duration('90s').getMinutes() == 1 && string(duration('1.5s')) == '1.5s'", true],
    ["timestamp('2026-01-31T12:00:00Z').getMonth() == 0 && timestamp('2026-01-31T23:30:00Z').getDate('+01:00') == 1 && timestamp('2026-03-01T00:00:00Z').getDayOfYear() == 59", true],
    ["timestamp('2026-07-01T00:00:00Z').getHours('Europe/Berlin')", 2],
    ["timestamp('2026-01-02T00:00:00Z') - timestamp('2026-01-01T00:00:00Z') == duration('24h')", true],
    ["string(timestamp('2026-01-01T00:00:00.5Z') + duration('1s'))", "2026-01-01T00:00:01.5Z"],
  ])("%s", (source, value) => (value === undefined ? expect(() => evaluate(source)).toThrow("URL parse error") : expect(evaluate(source)).toEqual(value)));

  test.each<[string, string]>([
    ["[1].slice(0, 2)", "cannot slice(0, 2), list is length 1"],
    ["[1].slice(-1, 0)", "cannot slice(-1, 0), negative indexes not supported"],
    ["[1].slice(1, 0)", "cannot slice(1, 0), start index must be less than or equal to end index"],
    ["dyn([1]).flatten(-1)", "level must be non-negative"],
    ["[dyn(1), dyn('a')].sort()", "list elements must have the same type"],
    ["dyn([[1], [2]]).sort()", "list elements must be comparable"],
    ["lists.range(1000000)", "operation cancelled: actual cost limit exceeded"],
    ["quantity('x')", "quantities must match the regular expression"],
    ["quantity('1kk')", "unable to parse quantity's suffix"],
  ])("%s fails: %s", (source, message) => expect(() => evaluate(source)).toThrow(message));

  test.each([
    ["level by level", ".flatten()", ""],
    ["at once", "", ".flatten(8)"],
  ])("a list that holds another many times is not unfolded without bounds, %s", (_how, each, all) => {
    const ten = (name: string) => `[${Array(10).fill(name).join(", ")}]`;
    const names = Array.from({ length: 8 }, (_, level) => `list${level}`);
    const list = names.reduce((inner, name) => `cel.bind(${name}, ${inner}, ${ten(name)}${each})`, ten("1"));
    expect(() => evaluate(`${list}${all}.size()`)).toThrow("operation cancelled: actual cost limit exceeded");
  });

  test("match regular expressions in linear time", () => {
    const program = compileExpression("text.matches('^(a+)+$') || text.find('(a+)+b') != ''", { variables: { text: STRING } });
    expect(program.evaluate({ text: `${"a".repeat(2_000)}!` }, { costMax: 1e9 }).value).toBe(false);
  });

  test("ask an authorizer, also one that answers later", async () => {
    const asked: AuthorizationQuestion[] = [];
    const authorizer = new AuthorizerValue(async (question) => {
      asked.push(question);
      return { isAllowed: question.verb === "get", reason: "because" };
    });
    const program = compileExpression(
      "authorizer.group('apps').resource('deployments').namespace('shop').check('get').allowed() && !authorizer.serviceAccount('a', 'b').path('/x').check('put').allowed()",
      { variables: { authorizer: AUTHORIZER } },
    );
    expect((await program.evaluateLater({ authorizer })).value).toBe(true);
    expect(asked).toEqual([
      { group: "apps", resource: "deployments", namespace: "shop", verb: "get" },
      { serviceAccount: { namespace: "a", name: "b" }, path: "/x", verb: "put" },
    ]);
  });
});

describe("URLs", () => {
  // What Go's net/url makes of them: scheme, host, name, port and path; a dash for what it refuses.
  test.each([
    ["https://example.com:8200#fragment", "-"],
    ["https://a.example.com#f", "-"],
    ["https://a/b#c", "https a a  /b"],
    ["https://a/b?x=1#c", "https a a  /b"],
    ["*", "    *"],
    ["mailto:x@y", "mailto    "],
    ["https://a b/", "-"],
    ['https://a/<b>"', "https a a  /%3Cb%3E%22"],
    ["https://[::1%25eth0]/", "https [::1%eth0] ::1%eth0  /"],
    ["https://[1.2.3.4]/", "-"],
    ["https://[::1/", "-"],
    ["https://a:b/", "-"],
    ["https://a:1:2/", "-"],
    ["foo://a:1:2/", "foo a:1:2 a:1 2 /"],
    ["https://a:/", "https a: a  /"],
    ["https://%41/", "-"],
    ["https://%C3%A9.example/é", "https é.example é.example  /%C3%A9"],
    ["https://a/%zz", "-"],
    ["https://us er@a/", "-"],
    ["//host/path", " host host  /path"],
    [":foo", "-"],
    ["", "-"],
    ["https://a/[b](c)'d'", "https a a  /[b](c)'d'"],
    ["https://a/%2Fb c!", "https a a  //b%20c%21"],
    ["HTTPS://A/?q", "https A A  /"],
    ["https://?x", "https    "],
    ["1a://b", "-"],
    ["https://a|b/", "-"],
    ["https://a<b>/", "https a<b> a<b>  /"],
  ])("%s is %s", (text, parts) => {
    const known = compileExpression("isURL(text)", { variables: { text: STRING } }).evaluate({ text }).value;
    expect(known).toBe(parts !== "-");
    const url = "[url(text)].map(u, [u.getScheme(), u.getHost(), u.getHostname(), u.getPort(), u.getEscapedPath()].join(' '))[0]";
    if (known === true) expect(compileExpression(url, { variables: { text: STRING } }).evaluate({ text }).value).toBe(parts);
  });
});

describe("schema types", () => {
  const schema: Schema = {
    type: "object",
    properties: {
      port: { "x-kubernetes-int-or-string": true },
      at: { type: "string", format: "date-time" },
      wait: { type: "string", format: "duration" },
      data: { type: "string", format: "byte" },
      ratio: { type: "number" },
      "a-b.c": { type: "string" },
      namespace: { type: "string" },
      free: { "x-kubernetes-preserve-unknown-fields": true },
      set: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
      ports: {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        maxItems: 3,
        items: { type: "object", properties: { name: { type: "string" }, port: { type: "integer" } } },
      },
      labels: { type: "object", additionalProperties: { type: "string" } },
    },
  };
  const self = schemaType(schema) ?? DYN;
  const run = (source: string, value: unknown) => compileExpression(source, { variables: { self } }).evaluate({ self: value }).value;

  test.each<[string, unknown]>([
    ["self.port == 80 && type(self.port) == int", { port: 80 }],
    ["self.port == 'http'", { port: "http" }],
    ["self.at < timestamp('2026-02-01T00:00:00Z')", { at: "2026-01-01T00:00:00Z" }],
    ["self.wait > duration('1m')", { wait: "2m" }],
    ["self.data == b'hi'", { data: "aGk=" }],
    ["self.ratio == 2.0 && type(self.ratio) == double", { ratio: 2 }],
    ["self.a__dash__b__dot__c == 'x' && has(self.a__dash__b__dot__c) && self.__namespace__ == 'n'", { "a-b.c": "x", namespace: "n" }],
    ["self.set == ['b', 'a']", { set: ["a", "b"] }],
    [
      "self.ports + [] == self.ports && size(self.ports) == 2",
      {
        ports: [
          { name: "a", port: 1 },
          { name: "b", port: 2 },
        ],
      },
    ],
    ["'x' in self.labels && self.labels.all(k, self.labels[k] == 'y')", { labels: { x: "y" } }],
  ])("%s", (source, value) => expect(run(source, value)).toBe(true));

  test("hide what the schema does not describe", () => {
    expect(() => run("self.free", {})).toThrow("undefined field 'free'");
    expect(() => run("self.nothing", {})).toThrow("undefined field 'nothing'");
    const root = resourceType(schema);
    expect(() => compileExpression("self.metadata.labels", { variables: { self: root } })).toThrow("undefined field 'labels'");
    expect(compileExpression("self.metadata.name + self.kind", { variables: { self: root } }).evaluate({ self: { kind: "K", metadata: { name: "n" } } }).value).toBe("nK");
  });

  test("bound what an expression may cost", () => {
    const max = (source: string) => compileExpression(source, { variables: { self } }).estimate.max;
    expect(max("self.ports.all(p, p.port > 0)")).toBeLessThan(50);
    expect(max("self.set.all(a, self.set.all(b, a == b))")).toBeGreaterThan(1e10);
  });
});
