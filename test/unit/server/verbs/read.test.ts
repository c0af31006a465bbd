import { afterAll, beforeAll, expect, test } from "vitest";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import type { ApiRequest } from "../../../../engine/apimachinery/api-request.ts";
import { failure } from "../../../kit/failure.ts";
import { sentConfigMap } from "../../../kit/sent-objects.ts";
import { adminUser, createTestNamespace, startTestApi, type TestApi } from "../../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await createTestNamespace(api.client, "shop");
});
afterAll(() => api.stop());

test("versions that are no numbers, and limits beside any version at all", async () => {
  const maps = api.client.for(configMapResource);
  for (const name of ["paged-a", "paged-b"]) await maps.create(sentConfigMap(name));
  const ask = (request: object) => api.server.handle({ user: adminUser, userAgent: "t", resource: configMapResource as never, namespace: "shop", ...request } as unknown as ApiRequest);
  const text = 'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax';
  expect((await failure(ask({ verb: "get", name: "paged-a", resourceVersion: "abc" }))).status).toEqual({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: text,
    code: 500,
  });
  expect((await failure(ask({ verb: "watch", options: { resourceVersion: "abc" } }))).status).toMatchObject({ code: 500, message: text });
  expect((await failure(ask({ verb: "list", options: { resourceVersion: "abc" } }))).status).toMatchObject({ code: 400, message: `invalid resource version: ${text}` });
  const { resourceVersion } = await maps.list("shop");
  const listed = async (options: object) => {
    const result = await ask({ verb: "list", options });
    return result.is === "list" ? [result.list.items.length > 1, result.list.continue !== undefined] : undefined;
  };
  expect(await listed({ limit: 1, resourceVersion: "0" })).toEqual([true, false]);
  expect(await listed({ limit: 1, resourceVersion: "0", resourceVersionMatch: "NotOlderThan" })).toEqual([true, false]);
  for (const options of [{}, { resourceVersion }]) expect(await listed({ limit: 1, ...options })).toEqual([false, true]);
});

test("a watch sees what happens after the list, in order", async () => {
  const maps = api.client.for(configMapResource);
  const { resourceVersion } = await maps.list("shop");
  const stop = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const event of maps.watch("shop", { resourceVersion }, stop.signal)) {
      seen.push(`${event.type} ${event.object.metadata.name ?? ""}`);
      if (seen.length === 3) stop.abort();
    }
  })();
  await maps.create(sentConfigMap("w"));
  await maps.patch("shop", "w", "merge", { data: { b: "2" } });
  await maps.delete("shop", "w");
  await watching;
  expect(seen).toEqual(["ADDED w", "MODIFIED w", "DELETED w"]);
});
