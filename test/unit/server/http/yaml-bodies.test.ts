import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { decodeObject } from "../../../../engine/registry/decode-object.ts";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import { parseObjectBody } from "../../../../engine/server/http/request-body.ts";
import { readYamlBody } from "../../../../engine/server/http/yaml-body.ts";
import { YamlThread } from "../../../../engine/server/http/yaml-thread.ts";

/** More than is read in the thread of the server. */
const KEYS = 20_000;
const lines = (value: (index: number) => string) => Array.from({ length: KEYS }, (_, index) => `key${index}: ${value(index)}\n`).join("");

describe("YAML that is JSON", () => {
  test.each([
    ["whole numbers of 64 bits", '{"a":9223372036854775807}', { a: 9223372036854775807n }],
    ["keys that merge nowhere else", '{"<<":{"b":1}}', { "<<": { b: 1 } }],
    ["what only YAML takes: a comma at the end", '{"a":[1,2,],}', { a: [1, 2] }],
    ["a number beyond all, which YAML takes for a text", '{"a":1e400}', { a: "1e400" }],
  ])("has %s", (_, text, value) => {
    expect(readYamlBody(text)).toEqual({ value });
  });

  test("tells of keys that are there twice as YAML does", () => {
    expect(readYamlBody('{"a":1,\n"a":2}')).toEqual({ value: { a: 2 }, repeated: { is: "yaml", problems: ['line 2: key "a" already set in map'] } });
  });

  test("may be nested deeper than people write YAML", () => {
    expect(readYamlBody(`{"a":${"[".repeat(500)}${"]".repeat(500)}}`).value).toHaveProperty("a");
  });
});

test("a body of several documents is its first one, and one of none is nothing", () => {
  expect(readYamlBody("a: 1\n---\nb: 2\n")).toEqual({ value: { a: 1 } });
  for (const text of ["", "# none\n", "---\n"]) expect(readYamlBody(text)).toEqual({ value: null });
  expect(decodeObject(configMapResource, null).object.metadata).toEqual({});
});

test.each([
  ["what the next one names twice", "a: 1\n---\nb: 2\nb: 3\n", { a: 1 }],
  ["the next one where it is empty", "---\n---\na: 1\n", null],
  ["the next one where it is null", "null\n---\na: 1\n", null],
])("of a body of several documents nobody looks at %s", (_, text, value) => {
  expect(readYamlBody(text)).toEqual({ value });
});

test("a long body of several documents is its first one, and one of none is nothing", async () => {
  const thread = new YamlThread();
  const read = async (text: string) => (await thread.readAhead(Buffer.from(text)))?.("");
  expect(await read(`a: 1\n---\n${lines(() => "x")}key1: again\n`)).toEqual({ value: { a: 1 } });
  expect(await read("# none\n".repeat(KEYS))).toEqual({ value: null });
});

describe("long YAML", () => {
  test("is read aside, while others are served, and is what it would be otherwise", async () => {
    const text = `${lines((index) => (index % 2 === 0 ? "9223372036854775807" : `value ${index}`))}key1: again\n`;
    let turns = 0;
    const others = setInterval(() => turns++, 0);
    const readYaml = await new YamlThread().readAhead(Buffer.from(text)).finally(() => clearInterval(others));
    expect(turns).toBeGreaterThan(3);
    expect(readYaml?.("")).toEqual(readYamlBody(text));
    expect(readYaml?.("").repeated?.problems).toEqual([`line ${KEYS + 1}: key "key1" already set in map`]);
  });

  test("that is wrong is refused in the same words, and the next one is read", async () => {
    const thread = new YamlThread();
    const texts = [`${lines(String)} misplaced: 1\n`, `${lines(String)}---\na: 1\n`, `#${" ".repeat(200_000)}\n`, lines(String)];
    const readers = await Promise.all(texts.map((text) => thread.readAhead(Buffer.from(text))));
    const outcome = (act: () => unknown) => {
      try {
        return act();
      } catch (error) {
        return String(error instanceof Error ? error.message : error);
      }
    };
    const parse = (text: string, index: number, readYaml = readers[index]) => outcome(() => parseObjectBody("application/yaml", Buffer.from(text), "ConfigMap", () => undefined, readYaml));
    for (const [index, text] of texts.entries()) expect(parse(text, index)).toEqual(parse(text, index, readYamlBody));
    expect(parse(texts[1] ?? "", 1)).toEqual({ value: expect.not.objectContaining({ a: 1 }) as unknown });
    expect((await thread.readAhead(Buffer.from(texts[3] ?? "")))?.("").value).toHaveProperty("key7", 7);
  });

  test("that is JSON is read at once, and keeps nobody waiting for a thread", async () => {
    const thread = new YamlThread();
    const body = { data: "x".repeat(200_000) };
    const first = await Promise.race([thread.readAhead(Buffer.from(JSON.stringify(body))), setImmediate("a thread was needed")]);
    expect(typeof first === "function" && first("")).toEqual({ value: body });
  });

  test("that is short is left to who asks", async () => {
    expect(await new YamlThread().readAhead(Buffer.from("a: 1\n"))).toBeUndefined();
  });
});
