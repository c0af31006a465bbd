import { expect, test } from "vitest";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import { clusterRoleResource } from "../../../../engine/resources/rbac/cluster-role.ts";
import { roleResource } from "../../../../engine/resources/rbac/role.ts";
import { encodeList, encodeObject, type EncodeContext } from "../../../../engine/server/http/encode-result.ts";
import { encodeForStorage, StoredObject, unstoredObject } from "../../../../engine/storage/encoded-object.ts";

const context = { definition: configMapResource, representation: { encoding: "json", form: "object" }, includeObject: "Metadata", now: () => 0 } as unknown as EncodeContext; // without the schemas, which only protobuf needs

test("an object ends its line as every other JSON text does", () => {
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m", namespace: "shop" } };
  expect(encodeObject(unstoredObject(map), context).toString()).toBe(`${JSON.stringify(map)}\n`);
  const stored = new StoredObject(encodeForStorage(map), 7);
  const line = encodeObject(stored, context).toString();
  expect(line).toMatch(/^[^\n]*\}\n$/);
  expect(JSON.parse(line)).toEqual({ ...map, metadata: { ...map.metadata, resourceVersion: "7" } });
});

test("a list of what is made up when it is asked for names no version", async () => {
  const list = await encodeList({ resourceVersion: "", items: [] }, context);
  const text = Buffer.isBuffer(list) ? list.toString() : Buffer.concat([...list]).toString();
  expect(JSON.parse(text)).toEqual({ kind: "ConfigMapList", apiVersion: "v1", metadata: {}, items: [] });
});

test("a table of nothing has no rows, which is null for kinds that are shown by name and moment alone", async () => {
  const rowsOf = async (definition: EncodeContext["definition"]) => {
    const list = await encodeList({ resourceVersion: "7", items: [] }, { ...context, definition, representation: { encoding: "json", form: "table" } });
    return (JSON.parse(Buffer.isBuffer(list) ? list.toString() : Buffer.concat([...list]).toString()) as { readonly rows: unknown }).rows;
  };
  expect([await rowsOf(configMapResource), await rowsOf(roleResource), await rowsOf(clusterRoleResource)]).toEqual([[], null, null]);
});
