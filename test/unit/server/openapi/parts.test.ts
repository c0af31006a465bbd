import { expect, test } from "vitest";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { customKind, type CustomKind } from "../../../../engine/resources/apiextensions/custom-kind.ts";
import type { ResourceDefinition } from "../../../../engine/resources/define-resource.ts";
import { Discovery } from "../../../../engine/server/discovery/discovery.ts";
import type { Aggregator, RemoteVersion } from "../../../../engine/server/aggregation/aggregator.ts";
import { wholeOf } from "../../../../engine/server/http/response.ts";
import { OpenApi } from "../../../../engine/server/openapi/openapi.ts";
import { ResourceIndex } from "../../../../engine/server/resource-index.ts";
import { cronTabs } from "../../../kit/custom-kinds.ts";

type Json = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const KINDS = 200;

/** One of many kinds, five to a group, whose objects have these fields. */
function kindOf(number: number, ...fields: readonly string[]): CustomKind {
  const properties = Object.fromEntries(fields.map((name) => [name, { type: "string", description: "About this field a few words are said, as everywhere." }]));
  const group = `g${number % (KINDS / 5)}.example.com`;
  const definition = cronTabs({ type: "object", properties: { spec: { type: "object", properties } } }, {}, { group, names: { plural: `kind${number}s`, kind: `Kind${number}` } });
  return customKind({ ...definition, metadata: { name: `kind${number}s.${group}` } }, undefined);
}

/** Documents of our own kinds and of custom ones, which can be replaced. */
function startOpenApi(kinds: readonly CustomKind[], remotes: readonly RemoteVersion[] = []) {
  const resources = new ResourceIndex(catalog, []);
  const aggregator = {
    generation: 0,
    versions: () => remotes,
    services: () => [],
    find: (group: string, version: string) => remotes.find((remote) => remote.group === group && remote.version === version),
  } as unknown as Aggregator; // what documents ask of it
  const serve = (all: readonly CustomKind[]) => resources.setCustom(() => ({ served: all.flatMap(({ served }) => served), stored: all.map(({ stored }) => stored) }));
  serve(kinds);
  const openApi = new OpenApi(resources, new Discovery(resources, aggregator), "v1", aggregator);
  const index = async () => (JSON.parse((await openApi.index()).toString("utf8")) as { paths: Readonly<Record<string, { serverRelativeURL: string }>> }).paths;
  const combined = async () => JSON.parse(wholeOf((await openApi.combined()).body()).toString("utf8")) as Json;
  return { openApi, serve, index, combined };
}

/** How often everything else has its turn meanwhile. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  await work();
  isDone = true;
  return turns;
}

/** Counts how often the schema of a kind is looked at. */
function counted({ stored, served }: CustomKind, looked: () => void): CustomKind {
  const watched = served.map((definition): ResourceDefinition => {
    const { published } = definition;
    return Object.defineProperty({ ...definition }, "published", { enumerable: true, get: () => (looked(), published) });
  });
  return { stored, served: watched };
}

test("a changed kind is written anew, and no other one", async () => {
  const looks = new Array<number>(KINDS).fill(0);
  const watched = (number: number, ...fields: readonly string[]) => counted(kindOf(number, ...fields), () => looks[number]!++); // of these numbers
  const kinds = Array.from({ length: KINDS }, (_, number) => watched(number, "before"));
  const { openApi, serve, index, combined } = startOpenApi(kinds);
  const askAll = () => Promise.all([index(), combined(), openApi.combinedProtobuf()]);
  const [before] = await askAll();
  expect(looks.every((count) => count > 0)).toBe(true);
  looks.fill(0);
  kinds[7] = watched(7, "after");
  serve(kinds);
  const [after, version2] = await askAll();
  expect(looks.flatMap((count, number) => (count === 0 ? [] : [number]))).toEqual([7]);
  expect(Object.keys(after).filter((path) => after[path]?.serverRelativeURL !== before[path]?.serverRelativeURL)).toEqual(["apis/g7.example.com/v1"]);
  expect(version2["definitions"]?.["com.example.g7.v1.Kind7"]).toMatchObject({ properties: { spec: { properties: { after: { type: "string" } } } } });
});

test("what changed one by one is what a server says that begins with it, in whichever order the kinds have come", async () => {
  const kinds = Array.from({ length: 20 }, (_, number) => kindOf(number, "before"));
  const one = startOpenApi(kinds);
  await Promise.all([one.index(), one.combined(), one.openApi.combinedProtobuf()]);
  kinds[3] = kindOf(3, "after");
  kinds.splice(5, 1);
  one.serve(kinds);
  const other = startOpenApi([...kinds].reverse());
  expect(await one.index()).toEqual(await other.index());
  expect(await one.index()).not.toHaveProperty(["apis/g5.example.com/v1"]);
  for (const ask of [({ openApi }: typeof one) => openApi.combined(), ({ openApi }: typeof one) => openApi.combinedProtobuf()]) {
    const [mine, theirs] = [await ask(one), await ask(other)];
    expect(mine.etag).toBe(theirs.etag);
    expect(wholeOf(mine.body()).equals(wholeOf(theirs.body()))).toBe(true);
  }
});

test("everybody else has his turn while the kinds are written", async () => {
  const fields = Array.from({ length: 100 }, (_, number) => `field${number}`);
  const { openApi } = startOpenApi(Array.from({ length: KINDS }, (_, number) => kindOf(number, ...fields)));
  for (const ask of [() => openApi.index(), () => openApi.combined(), () => openApi.combinedProtobuf()]) expect(await turnsDuring(ask)).toBeGreaterThan(50);
});

test("what is long is sent piece by piece, and as long as was said", async () => {
  const { openApi } = startOpenApi([]);
  for (const { body } of [await openApi.combined(), await openApi.combinedProtobuf()]) {
    const pieces = [...(body() as Iterable<Buffer>)]; // longer than one piece
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.reduce((sum, piece) => sum + piece.length, 0)).toBe(body().length);
  }
});

test("another server's types keep their names when kinds come that have nothing to do with them, and give way to those that take them", async () => {
  const type = (description: string) => ({ type: "object", description });
  const document = {
    paths: { "/apis/r.io/v1/things": { get: { responses: { "200": { description: "OK", schema: { $ref: "#/definitions/com.example.g3.v1.Kind3" } } } } } },
    definitions: { "com.example.g3.v1.Kind3": type("theirs") },
  };
  const remote = { group: "r.io", version: "v1", documents: { openApiV2: { body: Buffer.from(JSON.stringify(document)) } } } as unknown as RemoteVersion; // what documents ask of it
  const { serve, combined } = startOpenApi([kindOf(1, "a")], [remote]);
  const theirs = async () => {
    const { definitions, paths } = await combined();
    const reference = (paths?.["/apis/r.io/v1/things"] as (typeof document.paths)["/apis/r.io/v1/things"]).get.responses["200"].schema.$ref;
    return [reference.replace("#/definitions/", ""), definitions?.[reference.replace("#/definitions/", "")]];
  };
  expect(await theirs()).toEqual(["com.example.g3.v1.Kind3", type("theirs")]);
  serve([kindOf(1, "b"), kindOf(2, "b")]);
  expect(await theirs()).toEqual(["com.example.g3.v1.Kind3", type("theirs")]);
  serve([kindOf(1, "b"), kindOf(3, "b")]);
  expect(await theirs()).toEqual(["com.example.g3.v1.Kind3_v2", type("theirs")]);
});

test("whoever asks while version 2 is put together gets the same one, which is put together once", async () => {
  let asked = 0;
  const body = Buffer.from(JSON.stringify({ paths: { "/apis/g.io/v1/x": { $ref: "#/definitions/X" } }, definitions: { X: { type: "object" } } }));
  const openApiV2 = {
    get body() {
      return (asked++, body);
    },
  };
  const { combined } = startOpenApi([kindOf(1)], [{ group: "g.io", version: "v1", documents: { openApiV2 } } as unknown as RemoteVersion]); // what documents read of it
  await combined();
  const once = asked;
  asked = 0;
  const again = startOpenApi([kindOf(1)], [{ group: "g.io", version: "v1", documents: { openApiV2 } } as unknown as RemoteVersion]); // as above
  const all = await Promise.all(Array.from({ length: 8 }, () => again.combined()));
  expect(new Set(all.map((document) => JSON.stringify(document))).size).toBe(1);
  expect(asked).toBe(once);
});
