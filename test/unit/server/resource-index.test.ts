import { expect, test } from "vitest";
import { catalog } from "../../../engine/resources/catalog.ts";
import { customKind } from "../../../engine/resources/apiextensions/custom-kind.ts";
import { ResourceIndex } from "../../../engine/server/resource-index.ts";
import { cronTabs } from "../../kit/custom-kinds.ts";

test("kinds that come many at once are put in their places once, when somebody looks", () => {
  const { served, stored } = customKind(cronTabs({ type: "object" }), undefined);
  const resources = new ResourceIndex(catalog, []);
  const address = { group: "stable.example.com", version: "v1", resource: "crontabs" };
  expect([resources.find(address), resources.hasGroupVersion("stable.example.com", "v1")]).toEqual([undefined, false]);
  let asked = 0;
  const before = resources.generation;
  for (let kind = 0; kind < 100; kind++) resources.setCustom(() => (asked++, { served, stored: [stored] }));
  expect([asked, resources.generation - before]).toEqual([0, 100]);
  expect([resources.find(address), resources.findStored(address), resources.ofGroupVersion("stable.example.com", "v1")]).toEqual([served[0], stored, served]);
  expect(asked).toBe(1);
});
