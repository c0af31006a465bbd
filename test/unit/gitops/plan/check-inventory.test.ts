import { expect, test } from "vitest";
import { checkInventories } from "../../../../engine/gitops/plan/check-inventory.ts";
import { entryOf } from "../../../../engine/gitops/sync/inventory.ts";
import type { Application } from "../../../../engine/resources/types.ts";
import { desired, unit } from "../objects.ts";

const COUNT = 20_000;
const many = (prefix: string, count: number, owner = unit("web")) => Array.from({ length: count }, (_, index) => desired("ConfigMap", `${prefix}-${index}`, {}, owner));
const state = (objects: ReturnType<typeof many>, ...units: ReturnType<typeof unit>[]) => ({ units, objects: new Map(objects.map((object) => [object.identity, object])) });

test("an application of more objects than it can name is refused before anything is applied, and so is one that gets there by what leaves it", () => {
  const all = many("map", COUNT);
  expect(checkInventories(state(all, unit("web")), [])).toEqual([
    { file: "apps/web/map-0.yaml", line: 1, message: "20000 objects are more than application web can hold; put them into the folders of several applications" },
  ]);
  const half = COUNT / 2;
  const halves = [...many("a", half), ...many("b", half, unit("api"))];
  expect(checkInventories(state(halves, unit("web"), unit("api")), [])).toEqual([]);
  const before: Application = { apiVersion: "mainstay.dev/v1alpha1", kind: "Application", metadata: { name: "web" }, status: { inventory: many("old", half).map((one) => entryOf(one)) } };
  expect(checkInventories(state(halves, unit("web"), unit("api")), [before]).map(({ message }) => message)).toEqual([
    "10000 objects, and 10000 that leave, are more than application web can hold; put them into the folders of several applications",
  ]);
});
