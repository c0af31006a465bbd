import { afterEach, beforeEach, expect, test } from "vitest";
import { customResourceDefinitionResource } from "../../../../engine/resources/apiextensions/custom-resource-definition.ts";
import { Discovery } from "../../../../engine/server/discovery/discovery.ts";
import { failure } from "../../../kit/failure.ts";
import { cronTab, cronTabs, establish, tabs } from "../../../kit/custom-kinds.ts";
import { startTestApi, type TestApi } from "../../../kit/test-api.ts";

let api: TestApi;
beforeEach(async () => {
  api = await startTestApi();
});
afterEach(() => api.stop());

const NAME = "crontabs.stable.example.com";
const definitions = () => api.client.for(customResourceDefinitionResource);
const schema = { type: "object", properties: { spec: { type: "object" }, data: { type: "object", properties: { free: { type: "object" } } } } };

test("a new definition has been given no names and no conditions yet", async () => {
  const { status } = await definitions().create(cronTabs(schema));
  expect(status).toEqual({ conditions: null, acceptedNames: { plural: "", kind: "" }, storedVersions: ["v1"] });
});

test("the end of a definition is no new generation, gives no grace, and asks nobody after dependents", async () => {
  const made = await establish(api.client, cronTabs(schema));
  for (const propagationPolicy of ["Foreground", "Orphan"] as const) {
    await definitions().delete("", NAME, { propagationPolicy, dryRun: true });
    expect((await definitions().get("", NAME)).metadata.deletionTimestamp).toBeUndefined();
  }
  await definitions().delete("", NAME, { propagationPolicy: "Orphan" });
  const { metadata, status } = await definitions().get("", NAME);
  expect(metadata).toMatchObject({ generation: made.metadata.generation, finalizers: ["customresourcecleanup.apiextensions.k8s.io"] });
  expect(metadata.deletionTimestamp).toBeDefined();
  expect(metadata.deletionGracePeriodSeconds).toBeUndefined();
  expect(status?.conditions?.map(({ type }) => type)).toEqual(["NamesAccepted", "Established", "Terminating"]);
});

test("who says that nothing was ever stored changes nothing, and owns nothing", async () => {
  const made = await establish(api.client, cronTabs(schema));
  const after = await definitions().patch("", NAME, "merge", { status: { storedVersions: [] } }, { fieldManager: "eraser", subresource: "status" });
  expect(after.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
  expect(after.metadata.managedFields?.some(({ manager }) => manager === "eraser")).toBe(false);
});

test("the token of a version in which objects are stored is told while that is served", async () => {
  const versions = (isStoredServed: boolean) => [
    { name: "v1", served: true, storage: false, schema: { openAPIV3Schema: schema } },
    { name: "v2", served: isStoredServed, storage: true, schema: { openAPIV3Schema: schema } },
  ];
  const tokenOf = () => {
    const { body } = new Discovery(api.server.parts.resources).resourceList("stable.example.com", "v1") ?? { body: Buffer.from("{}") };
    return (JSON.parse(body.toString("utf8")) as { resources: { storageVersionHash?: string }[] }).resources[0]?.storageVersionHash;
  };
  const made = await establish(api.client, cronTabs(schema, {}, { versions: versions(true) as never }));
  await api.server.parts.resources.settled();
  expect(tokenOf()).toHaveLength(12);
  await definitions().update({ ...made, spec: { ...made.spec, versions: versions(false) as never } });
  await expect.poll(tokenOf).toBeUndefined();
});

test("a field whose schema is null has one without a type", async () => {
  const error = await failure(definitions().create(cronTabs({ type: "object", properties: { spec: null } })));
  expect(error.status.details?.causes?.map(({ field, message }) => `${field}: ${message}`)).toEqual([
    "spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields",
  ]);
});

test("an object of which no field is described takes any in an apply, and keeps none", async () => {
  await establish(api.client, cronTabs(schema));
  const apply = (more: object) => api.client.for(tabs).patch("default", "a", "apply", { ...cronTab("a"), ...more }, { fieldManager: "m" });
  const made = await apply({ spec: { size: 3 }, data: { free: { deep: { er: 1 } } } });
  expect(made).toMatchObject({ spec: {}, data: { free: {} } });
  expect(made.metadata.managedFields?.[0]?.fieldsV1).toEqual({ "f:data": { "f:free": { "f:deep": { ".": {}, "f:er": {} } } }, "f:spec": { "f:size": {} } });
  await expect(apply({ data: { other: 1 } })).rejects.toThrow(".data.other: field not declared in schema");
});
