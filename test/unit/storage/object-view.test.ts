import { expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import type { ResourceDefinition, StoredForm } from "../../../engine/resources/define-resource.ts";
import { StoredObject } from "../../../engine/storage/encoded-object.ts";
import { viewOf } from "../../../engine/storage/object-view.ts";

const definition = configMapResource as unknown as ResourceDefinition<KubeObject>;

/** So many views of objects of this size, then the first one again: how many were made. */
function made(count: number, size: number): number {
  let calls = 0;
  const form = { definition, fromStored: (object: KubeObject) => ((calls += 1), { ...object, apiVersion: "v2" }) } as unknown as StoredForm<KubeObject>; // all that views ask for
  const stored = Array.from({ length: count }, (_, index) => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: `m${index}` }, data: { text: "x".repeat(size) } };
    return new StoredObject<KubeObject>(Buffer.from(JSON.stringify(object)), index + 1);
  });
  for (const each of stored) viewOf(definition, form, each);
  expect(viewOf(definition, form, stored[0]!).object).toMatchObject({ apiVersion: "v2", metadata: { name: "m0" } });
  return calls;
}

test("views are made once for all who ask soon, as many as their sizes allow", () => {
  expect(made(1_000, 100)).toBe(1_000);
  expect(made(40, 1 << 20)).toBe(41);
});
