import { expect, test } from "vitest";
import { formatYaml } from "../../../engine/apimachinery/yaml/yaml.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { encodeList, type EncodeContext } from "../../../engine/server/http/encode-result.ts";
import { writeAnswer, type RawResponse } from "../../../engine/server/http/response.ts";
import { unstoredObject } from "../../../engine/storage/encoded-object.ts";

const maps = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: `m${index}`, namespace: "shop" },
    data: { text: `- a: ${index}\n  b: "x"`, items: "items: []" },
  }));
const context = { definition: configMapResource, representation: { encoding: "yaml", form: "object" }, includeObject: "Metadata", now: () => 0 } as unknown as EncodeContext; // without the schemas, which only protobuf needs
const yamlOf = (count: number) => encodeList({ resourceVersion: "7", continue: "items: []", items: maps(count).map((map) => unstoredObject(map)) }, context);

test.each([0, 1, 300])("a list of %d objects is the same YAML as if it were written at once", async (count) => {
  const items = maps(count).map(({ apiVersion: _apiVersion, kind: _kind, ...map }) => map);
  expect((await (yamlOf(count) as Promise<Buffer>)).toString()).toBe(formatYaml({ kind: "ConfigMapList", apiVersion: "v1", metadata: { resourceVersion: "7", continue: "items: []" }, items }));
});

test("others are served while a long list is written in YAML", async () => {
  let turns = 0;
  let isWriting = true;
  const count = (): void => {
    turns++;
    if (isWriting) setImmediate(count);
  };
  setImmediate(count);
  await yamlOf(10_000);
  isWriting = false;
  expect(turns).toBeGreaterThan(5);
});

test.each([
  [1 << 20, true],
  [5 << 20, false],
])("an answer of %d bytes is indented for people: %s", async (bytes, isIndented) => {
  let sent: Buffer = Buffer.alloc(0);
  const raw = { destroyed: false, writeHead: () => {}, end: (chunk: Buffer) => void (sent = chunk) } as unknown as RawResponse; // all that is used of one
  const body = Buffer.from(JSON.stringify({ text: "x".repeat(bytes) }));
  await writeAnswer(raw, { code: 200, contentType: "application/json", body }, { auditId: "", acceptEncoding: "", isHead: false, isPretty: true });
  expect(sent.toString().startsWith('{\n  "text"')).toBe(isIndented);
  expect(JSON.parse(sent.toString())).toEqual(JSON.parse(body.toString()));
});
