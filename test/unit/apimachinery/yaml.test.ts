import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEFAULT_YAML_LIMITS, formatYaml, parseYamlDocuments, YamlError } from "../../../engine/apimachinery/yaml/yaml.ts";
import { processorMs } from "../../kit/processor-time.ts";

const valueOf = (text: string): unknown => parseYamlDocuments(text)[0]?.value;

function problemOf(text: string): { message: string; line: number; column: number } {
  try {
    parseYamlDocuments(text);
  } catch (error) {
    if (error instanceof YamlError) return { message: error.message, line: error.line, column: error.column };
    throw error;
  }
  throw new Error("no YamlError was thrown");
}

describe("reading plain words as kubectl does", () => {
  test.each<[string, unknown]>([
    ["on", true],
    ["yes", true],
    ["Y", true],
    ["n", false],
    ["OFF", false],
    ["oN", "oN"],
    ["true", true],
    ["~", null],
    ["null", null],
    ["Null", null],
    ["0644", 420],
    ["0o644", 420],
    ["0888", 888],
    ["0b101", 5],
    ["0x1F", 31],
    ["1_000", 1000],
    ["-5", -5],
    ["1e3", 1000],
    ["1.5", 1.5],
    [".5", 0.5],
    ["12:30", "12:30"],
    ["2026-01-01", "2026-01-01"],
    ["1.2.3", "1.2.3"],
    ["'1'", "1"],
    ['"on"', "on"],
    ["!!str 1", "1"],
    ["!!binary aGk=", "hi"],
  ])("%s is %j", (text, value) => expect(valueOf(`a: ${text}`)).toEqual({ a: value }));

  test("keys are text", () => expect(valueOf("1: a\nb c: d")).toEqual({ "1": "a", "b c": "d" }));

  test("merge keys fill in what is not said", () => expect(valueOf("base: &b {x: 1, z: 2}\na:\n  <<: *b\n  z: 3")).toEqual({ base: { x: 1, z: 2 }, a: { x: 1, z: 3 } }));

  test("JSON is read as well", () => expect(valueOf('{"a": [1, "on", null]}')).toEqual({ a: [1, "on", null] }));
});

describe("streams of documents", () => {
  test("are read without their empty ones, each with its first line", () => {
    const documents = parseYamlDocuments('# head\na: 1\n---\n---\n# comment\n\nb: 2\n...\n---\n{"c": 3}\n');
    expect(documents.map(({ value, line }) => [value, line])).toEqual([
      [{ a: 1 }, 2],
      [{ b: 2 }, 7],
      [{ c: 3 }, 10],
    ]);
  });

  test("may be nothing at all", () => expect(parseYamlDocuments("# only a comment\n---\n")).toEqual([]));
});

describe("the way back to lines", () => {
  const text =
    "---\napiVersion: v1\n---\nkind: Deployment\nmetadata:\n  labels:\n    app.kubernetes.io/name: web\nspec:\n  list:\n  - name: a\n    ports:\n    - 80\n    - 81\n  -\n    name: b\n  inline: {x: 1,\n    y: 2}\n  text: |\n    line\n    line\n  after: 1\n";
  const document = parseYamlDocuments(text)[1]!;

  test.each<[(string | number)[], number]>([
    [[], 4],
    [["kind"], 4],
    [["metadata", "labels", "app.kubernetes.io/name"], 7],
    [["spec", "list", 0], 10],
    [["spec", "list", 0, "ports", 1], 13],
    [["spec", "list", 1, "name"], 15],
    [["spec", "inline", "y"], 17],
    [["spec", "after"], 21],
    [["spec", "missing", "deeper"], 8],
    [["spec", "list", 7], 9],
    [["spec", "list", "name"], 9],
  ])("%j is on line %d", (path, line) => expect(document.lineOf(path)).toBe(line));

  test("ends at an alias for what is written elsewhere", () => expect(parseYamlDocuments("a: &x\n  b: 1\nc: *x")[0]!.lineOf(["c", "b"])).toBe(3));
});

describe("unacceptable text", () => {
  test.each<[string, string, RegExp, number, number]>([
    ["a tab in the indentation", "a:\n\tb: 1", /tab characters/, 2, 1],
    ["a key that is there twice", "a: 1\nb: 2\na: 3", /duplicated mapping key/, 3, 1],
    ["a list without its end", "a: [1", /unexpected end/, 1, 6],
    ["an alias of nothing", "a: *x", /unidentified alias/, 1, 5],
    ["wrong indentation", "  a: 1\n b: 2", /expected/, 2, 2],
    ["a number that JSON lacks", "a: .inf", /Infinity/, 1, 1],
    ["a key that is a list", "? [a]\n: 1", /complex keys/, 1, 1],
  ])("%s is named with its place", (_name, text, message, line, column) => expect(problemOf(text)).toEqual({ message: expect.stringMatching(message), line, column }));

  test("aliases that explode are stopped", () => {
    const levels = ["a0: &a0 [x,x,x,x,x,x,x,x,x]", ...Array.from({ length: 8 }, (_, level) => `a${level + 1}: &a${level + 1} [${Array(9).fill(`*a${level}`).join(",")}]`)];
    expect(problemOf(levels.join("\n")).message).toMatch(/aliases expand/);
    expect(problemOf(`a: &a x\nb: [${Array(201).fill("*a").join(",")}]`).message).toMatch(/alias/);
    expect(problemOf("- &a [*a]").message).toMatch(/aliases expand/);
  });

  test("lines that stand too far left are put right in short texts, and not over and over again in long ones", () => {
    const faults = (count: number) => Array.from({ length: count }, (_, index) => `k${index}: [\n]\n`).join("");
    expect(Object.keys(valueOf(faults(60)) as object)).toHaveLength(60);
    const sound = `a:\n${"- b\n".repeat(150_000)}`;
    const onceMs = processorMs(() => valueOf(sound));
    expect(processorMs(() => expect(problemOf(sound + faults(60)).message).toMatch(/deficient indentation/))).toBeLessThan(10 * onceMs);
  });

  test("a file over a megabyte is refused before it is read", () => {
    expect(problemOf("x".repeat((1 << 20) + 1))).toEqual({ message: "the file is larger than 1048576 bytes; split it", line: 1, column: 1 });
    expect(() => parseYamlDocuments("abc", { ...DEFAULT_YAML_LIMITS, bytesMax: 2 })).toThrow(/larger than 2 bytes/);
  });

  test("deep nesting is refused", () => expect(problemOf("[".repeat(200)).message).toMatch(/depth|nest/i));

  test("a key named like the prototype stays an ordinary key", () => {
    const value = valueOf("__proto__: {polluted: true}") as object;
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe("writing as kubectl does", () => {
  test("sorts keys, does not indent lists, writes blocks", () => {
    expect(formatYaml({ b: [{ z: 1, x: [1, 2] }, [3]], a: { e: {}, l: [], m: null }, text: "two\nlines\n", open: "no\nend" })).toBe(
      "a:\n  e: {}\n  l: []\n  m: null\nb:\n- x:\n  - 1\n  - 2\n  z: 1\n- - 3\nopen: |-\n  no\n  end\ntext: |\n  two\n  lines\n",
    );
  });

  test.each([
    ["on", '"on"'],
    ["0644", '"0644"'],
    ["1e3", '"1e3"'],
    ["null", '"null"'],
    ["~", '"~"'],
    ["", '""'],
    ["2026-01-01", '"2026-01-01"'],
    ["2026-01-01T00:00:00Z", '"2026-01-01T00:00:00Z"'],
    ["12:30", '"12:30"'],
    ["1_000", '"1_000"'],
    ["1.0", '"1.0"'],
    [".nan", '".nan"'],
    ["y", '"y"'],
    ["No", '"No"'],
    ["a: b", "'a: b'"],
    ["a #b", "'a #b'"],
    ["- x", "'- x'"],
    ["{a}", "'{a}'"],
    ["*b", "'*b'"],
    ["it's", "it's"],
    ["x:y", "x:y"],
    ["http://x:80/", "http://x:80/"],
    ["123abc", "123abc"],
    ["e3", "e3"],
    ["---", "'---'"],
    ["tab\tx", '"tab\\tx"'],
    ["space \nline", '"space \\nline"'],
    ["é", "é"],
  ])("%j becomes %s", (text, written) => expect(formatYaml({ k: text })).toBe(`k: ${written}\n`));

  test("quotes keys as well", () => expect(formatYaml({ on: 1, y: 4, "1": 2, "a b": 3 })).toBe('"1": 2\na b: 3\n"on": 1\n"y": 4\n'));

  test("does not fold long lines", () => expect(formatYaml({ k: `${"x".repeat(200)} y` }).split("\n")).toHaveLength(2));

  test("writes what it reads back", () => {
    const json = fc.jsonValue({ maxDepth: 4 }).filter((value) => value !== null && !JSON.stringify(value).includes("__proto__"));
    fc.assert(
      fc.property(json, (value) => {
        expect(valueOf(formatYaml(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 300 },
    );
  });
});
