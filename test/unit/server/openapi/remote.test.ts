import { expect, test } from "vitest";
import { Turns } from "../../../../engine/lib/turns.ts";
import { remoteV2 } from "../../../../engine/server/openapi/remote.ts";
import { CombinedV2 } from "../../../../engine/server/openapi/v2.ts";

test("what another server says once, and refers to, is where it is needed", async () => {
  const document = {
    paths: { "/apis/g.io/v1/things": { get: { operationId: "x", parameters: [{ $ref: "#/parameters/limit-a1" }] }, parameters: [{ $ref: "#/parameters/limit-a1" }] } },
    definitions: {},
    parameters: { "limit-a1": { name: "limit", in: "query", type: "integer" } },
  };
  const { paths: merged } = await remoteV2({ group: "g.io", version: "v1", documents: { openApiV2: { body: Buffer.from(JSON.stringify(document)) } } as never }, () => undefined);
  const [limit] = [{ name: "limit", in: "query", type: "integer" }];
  expect(merged).toEqual({ "/apis/g.io/v1/things": { get: { operationId: "x", parameters: [limit] }, parameters: [limit] } });
});

test("what another server refers to and does not say is left as it stands, whatever it is called", async () => {
  const references = ["parameters/constructor", "definitions/constructor", "definitions/valueOf", "definitions/__proto__"].map((what) => ({ $ref: `#/${what}` }));
  const paths = { "/apis/g.io/v1/things": references };
  const definitions = { valueOf: { type: "object" }, ["__proto__"]: { type: "object" } };
  const body = Buffer.from(JSON.stringify({ paths, definitions }));
  const merged = await remoteV2({ group: "g.io", version: "v1", documents: { openApiV2: { body } } } as never, () => undefined);
  expect(merged).toEqual({ paths, definitions });
  expect(Object.keys(merged.definitions)).toEqual(["valueOf", "__proto__"]);
});

test("what another server says is looked at while others have their turns, and types may refer to each other without end", async () => {
  const definitions = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`D${index}`, { description: "x".repeat(500), $ref: `#/definitions/D${index + 1}` }]));
  const paths = { "/apis/g.io/v1/x": { $ref: "#/definitions/D0" } };
  const remote = { group: "g.io", version: "v1", documents: { openApiV2: { body: Buffer.from(JSON.stringify({ paths, definitions })) } } };
  let turns = 0;
  let isOver = false;
  const others = (): void => {
    turns++;
    if (!isOver) setImmediate(others);
  };
  others();
  const types = { get: () => undefined } as never; // of whom nobody has any
  const combined = await new CombinedV2(new Turns(64 << 10)).combine([], [], [remote as never], types).finally(() => (isOver = true));
  expect(combined.definitions).toHaveLength(5_000);
  expect(turns).toBeGreaterThan(20);
});

test.each<readonly [string, object]>([
  ["a parameter that is repeated until nothing holds it", { parameters: { p: "x".repeat(100_000) }, paths: { "/apis/g.io/v1/x": Array.from({ length: 10_000 }, () => ({ $ref: "#/parameters/p" })) } }],
])("of a server that describes itself by %s nothing is merged", async (_what, document) => {
  const body = Buffer.from(JSON.stringify(document));
  expect(await remoteV2({ group: "g.io", version: "v1", documents: { openApiV2: { body } } } as never, () => undefined)).toEqual({ paths: {}, definitions: {} });
});
