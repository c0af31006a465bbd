import { expect, test } from "vitest";
import { cronTab, cronTabs, establish, tabs } from "../../kit/custom-kinds.ts";
import { startTestApi } from "../../kit/test-api.ts";

test("a dry run answers with the defaults that a reader would get, also of a status that writers do not set", async () => {
  await using api = await startTestApi();
  const status = { type: "object", default: { observedGeneration: -1 }, properties: { observedGeneration: { type: "integer" } } };
  await establish(api.client, cronTabs({ type: "object", properties: { spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true }, status } }, { subresources: { status: {} } }));
  const kind = api.client.for(tabs);
  expect((await kind.create(cronTab("a"), { dryRun: true })).status).toEqual({ observedGeneration: -1 });
  expect((await kind.create(cronTab("a"))).status).toEqual({ observedGeneration: -1 });
  expect((await kind.patch("default", "a", "merge", { spec: { x: 1 } }, { dryRun: true })).status).toEqual({ observedGeneration: -1 });
});
