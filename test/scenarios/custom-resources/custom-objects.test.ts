import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Status } from "../../../engine/apimachinery/status-error.ts";
import { hasReason } from "../../../engine/apimachinery/status-error.ts";
import { customResourceDefinitionResource } from "../../../engine/resources/apiextensions/custom-resource-definition.ts";
import { cronTab, cronTabs, establish, tabs } from "../../kit/custom-kinds.ts";
import { startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
beforeEach(async () => {
  api = await startTestApi();
});
afterEach(() => api.stop());

const schema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      required: ["cronSpec"],
      properties: {
        cronSpec: { type: "string", pattern: "^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$" },
        image: { type: "string", default: "cron:1" },
        replicas: { type: "integer", minimum: 1, maximum: 10, default: 1 },
        port: { "x-kubernetes-int-or-string": true },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true, properties: { known: { type: "object", properties: { a: { type: "string" } } } } },
        template: { type: "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true },
        tags: { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set" },
        jobs: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: { type: "object", required: ["name"], properties: { name: { type: "string" }, times: { type: "integer" } } },
        },
        note: { type: "string", nullable: true },
      },
    },
    status: { type: "object", properties: { active: { type: "integer" }, selector: { type: "string" } } },
  },
};
const spec = { cronSpec: "* * * * */5" };
const client = () => api.client.for(tabs);
const failure = async (work: Promise<unknown>): Promise<Status> => {
  try {
    await work;
  } catch (error) {
    if (hasReason(error)) return (error as unknown as { status: Status }).status;
    return (error as { status: Status }).status;
  }
  throw new Error("it should have failed");
};

describe("a custom kind", () => {
  test("is served the moment its definition is established, and not before", async () => {
    await expect(client().list("default")).rejects.toThrow("the server could not find the requested resource");
    await establish(api.client, cronTabs(schema));
    const made = await client().create(cronTab("one", spec));
    expect(made).toMatchObject({ apiVersion: "stable.example.com/v1", kind: "CronTab", metadata: { generation: 1 }, spec: { cronSpec: "* * * * */5", image: "cron:1", replicas: 1 } });
    expect((await client().list("default")).items).toHaveLength(1);
  });

  test("is pruned, but not where its schema says that unknown fields stay", async () => {
    await establish(api.client, cronTabs(schema));
    const { spec: kept } = await client().create(
      cronTab("one", {
        ...spec,
        other: 1,
        free: { any: { thing: 1 }, known: { a: "x", b: "y" } },
        template: { apiVersion: "v1", kind: "Pod", metadata: { name: "x", wrong: 1 }, spec: {} },
        note: null,
      }),
    );
    expect(kept).toEqual({
      ...spec,
      image: "cron:1",
      replicas: 1,
      free: { any: { thing: 1 }, known: { a: "x" } },
      template: { apiVersion: "v1", kind: "Pod", metadata: { name: "x" }, spec: {} },
      note: null,
    });
    const strict = await failure(client().create(cronTab("two", { ...spec, other: 1 }), { fieldValidation: "Strict" }));
    expect(strict).toMatchObject({ code: 400, message: 'CronTab in version "v1" cannot be handled as a CronTab: strict decoding error: unknown field "spec.other"' });
  });

  test("holds what its schema lets any key hold, but no fields in it that nobody described", async () => {
    const open = { type: "object", properties: { spec: { type: "object", properties: { any: { type: "object", additionalProperties: true } } } } };
    await establish(api.client, cronTabs(open));
    const any = { a: 1, b: { c: 1 }, list: [{ d: 1 }, 2], nothing: null };
    expect((await client().create(cronTab("one", { any }))).spec).toEqual({ any: { a: 1, b: {}, list: [{}, 2], nothing: null } });
    expect((await failure(client().create(cronTab("two", { any }), { fieldValidation: "Strict" }))).message).toContain(
      'strict decoding error: unknown field "spec.any.b.c", unknown field "spec.any.list[0].d"',
    );
  });

  test("is not read when its metadata, or that of an object in it, is none", async () => {
    await establish(api.client, cronTabs(schema));
    const unreadable = async (template: object) => (await failure(client().create(cronTab("one", { ...spec, template: { apiVersion: "v1", kind: "Pod", ...template } })))).message;
    const begin = 'CronTab in version "v1" cannot be handled as a CronTab: ';
    expect(await unreadable({ kind: 1 })).toBe(`${begin}spec.template.kind: Invalid value: 1: must be a string`);
    expect(await unreadable({ metadata: { labels: { a: 1 } } })).toBe(
      `${begin}spec.template.metadata: Invalid value: {"labels":{"a":1}}: json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string`,
    );
    expect(await unreadable({ metadata: 1 })).toBe(`${begin}spec.template.metadata: Invalid value: 1: json: cannot unmarshal number into Go value of type v1.ObjectMeta`);
    const labelled = { ...cronTab("one", spec), metadata: { name: "one", namespace: "default", labels: { a: 1 as unknown as string } } };
    expect((await failure(client().create(labelled))).message).toBe(`${begin}json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string`);
  });

  test("is judged by its schema in upstream's words", async () => {
    const rule = { rule: "self.replicas < 10" };
    const spec = { ...schema.properties.spec, "x-kubernetes-validations": [rule] };
    await establish(api.client, cronTabs({ ...schema, properties: { ...schema.properties, spec } }));
    const status = await failure(client().create(cronTab("bad", { cronSpec: "x", replicas: 11, image: 5, tags: ["a", "a"], jobs: [{ name: "a" }, { name: "a" }], port: 1.5 })));
    expect(status).toMatchObject({ reason: "Invalid", code: 422 });
    expect(status.details?.causes).toEqual([
      { reason: "FieldValueInvalid", field: "spec.cronSpec", message: `Invalid value: "x": spec.cronSpec in body should match '${schema.properties.spec.properties.cronSpec.pattern}'` },
      { reason: "FieldValueInvalid", field: "spec.replicas", message: "Invalid value: 11: spec.replicas in body should be less than or equal to 10" },
      { reason: "FieldValueTypeInvalid", field: "spec.image", message: 'Invalid value: "integer": spec.image in body must be of type string: "integer"' },
      { reason: "FieldValueTypeInvalid", field: "spec.port", message: 'Invalid value: "number": spec.port in body must be of type integer,string: "number"' },
      { reason: "FieldValueDuplicate", field: "spec.tags[1]", message: 'Duplicate value: "a"' },
      { reason: "FieldValueDuplicate", field: "spec.jobs[1]", message: 'Duplicate value: {"name":"a"}' },
      {
        reason: "FieldValueInvalid",
        field: "<nil>",
        message: "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
      },
    ]);
    expect((await failure(client().create(cronTab("bad", {})))).message).toContain("spec.cronSpec: Required value");
    expect((await failure(client().create({ ...cronTab("bad", { cronSpec: "* * * * *" }), metadata: { name: "Bad", namespace: "default" } }))).message).toContain("metadata.name: Invalid value");
  });

  test("is not said to wait for rules of which its schema has none", async () => {
    await establish(api.client, cronTabs(schema));
    expect((await failure(client().create(cronTab("bad", {})))).details?.causes).toEqual([{ reason: "FieldValueRequired", field: "spec.cronSpec", message: "Required value" }]);
  });

  test("says of every item of a list what it is", async () => {
    await establish(api.client, cronTabs(schema));
    await client().create(cronTab("one", spec));
    expect((await client().list("default")).items).toMatchObject([{ apiVersion: "stable.example.com/v1", kind: "CronTab" }]);
  });

  test("refuses an applied null where its schema wants a value", async () => {
    await establish(api.client, cronTabs(schema));
    const apply = (more: object) => client().apply(cronTab("one", { ...spec, ...more }), { fieldManager: "me" });
    await apply({ free: { known: { a: "x" } }, note: "yes" });
    expect((await apply({ free: { known: { a: "x" } }, note: null, replicas: null })).spec).toMatchObject({ note: null, replicas: 1 });
    // What the manager had put there goes, and its map stays, as with upstream.
    expect((await apply({ free: { known: null } })).spec).toMatchObject({ free: { known: {} } });
    expect((await failure(client().apply(cronTab("three", { ...spec, free: { known: null } }), { fieldManager: "me" }))).message).toContain(
      'spec.free.known: Invalid value: "null": spec.free.known in body must be of type object: "null"',
    );
    expect((await client().create(cronTab("two", { ...spec, free: { known: null } }))).spec).not.toHaveProperty("free.known");
  });

  test("shows a reader of one version the defaults of the version that is stored, and no others", async () => {
    const version = (field: string) => ({
      type: "object",
      properties: { spec: { type: "object", default: {}, properties: { old: { type: "string" }, new: { type: "string" }, [field]: { type: "string", default: "yes" } } } },
    });
    const { spec: both } = cronTabs(version("old"));
    const [served] = both.versions;
    await establish(api.client, {
      ...cronTabs(version("old")),
      spec: {
        ...both,
        versions: [
          { ...served!, storage: false },
          { ...served!, name: "v2", schema: { openAPIV3Schema: version("new") }, storage: true },
        ],
      },
    } as Parameters<typeof establish>[1]);
    expect((await client().create(cronTab("one"))).spec).toEqual({ old: "yes", new: "yes" });
    const second = api.client.for({ ...tabs, version: "v2" });
    await second.create({ ...cronTab("two"), apiVersion: "stable.example.com/v2" });
    expect((await client().get("default", "two")).spec).toEqual({ new: "yes" });
  });

  test("keeps integers that are too large for a double", async () => {
    const numbers = { type: "object", properties: { spec: { type: "object", properties: { large: { type: "integer", format: "int64" }, small: { type: "integer" } } } } };
    await establish(api.client, cronTabs(numbers));
    const large = 9223372036854775807n;
    expect((await client().create(cronTab("one", { large, small: 1 }))).spec).toEqual({ large, small: 1 });
    expect((await client().patch("default", "one", "merge", { spec: { small: 2 } })).spec).toEqual({ large, small: 2 });
    expect((await client().get("default", "one")).spec).toEqual({ large, small: 2 });
  });

  test("has a status and a scale of their own when it wants them, and counts what is wanted", async () => {
    const scale = { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.active", labelSelectorPath: ".status.selector" };
    await establish(api.client, cronTabs(schema, { subresources: { status: {}, scale } }));
    const made = await client().create({ ...cronTab("one", spec), status: { active: 3 } });
    expect(made.status).toBeUndefined();
    const told = await client().updateStatus({ ...made, spec: { ...made.spec, replicas: 9 }, metadata: { ...made.metadata, labels: { a: "b" } }, status: { active: 3, selector: "app=x" } });
    expect(told).toMatchObject({ spec: { replicas: 1 }, status: { active: 3 }, metadata: { generation: 1 } });
    expect(told.metadata.labels).toBeUndefined();
    const scaled = await client().patch("default", "one", "merge", { spec: { replicas: 4 } }, { subresource: "scale" });
    expect(scaled).toMatchObject({ kind: "Scale", apiVersion: "autoscaling/v1", spec: { replicas: 4 }, status: { replicas: 3, selector: "app=x" } });
    expect(await client().get("default", "one")).toMatchObject({ metadata: { generation: 2 }, spec: { replicas: 4 }, status: { active: 3 } });
    expect(
      (
        await failure(
          client().updateStatus({ ...told, metadata: { ...told.metadata, resourceVersion: (await client().get("default", "one")).metadata.resourceVersion ?? "" }, status: { active: "many" } }),
        )
      ).message,
    ).toContain('active in body must be of type integer: "string"');
  });

  test("is scaled by whoever says how far, of whatever version it is and whether or not it said so before", async () => {
    const scale = { specReplicasPath: ".spec.wanted", statusReplicasPath: ".status.active" };
    const wanted = { type: "object", properties: { spec: { type: "object", properties: { wanted: { type: "integer" } } } } };
    await establish(api.client, cronTabs(wanted, { subresources: { scale } }));
    await client().create(cronTab("one", {}));
    const put = (replicas: number) => client().updateSubresource({ apiVersion: "autoscaling/v1", kind: "Scale", metadata: { name: "one", namespace: "default" }, spec: { replicas } }, "scale");
    expect(await put(3)).toMatchObject({ kind: "Scale", spec: { replicas: 3 } });
    expect(await client().get("default", "one")).toMatchObject({ spec: { wanted: 3 } });
    expect((await failure(put(-1))).message).toBe('CronTab.stable.example.com "one" is invalid: .spec.wanted: Invalid value: -1: should be a non-negative integer');
    await client().patch("default", "one", "merge", { spec: { wanted: null } });
    expect(await client().patch("default", "one", "merge", { spec: { replicas: 2 } }, { subresource: "scale" })).toMatchObject({ spec: { replicas: 2 } });
  });

  test("is applied by the keys of its lists", async () => {
    await establish(api.client, cronTabs(schema));
    const apply = (manager: string, jobs: readonly object[], force = false) => client().apply(cronTab("one", { ...(manager === "a" ? spec : {}), jobs }), { fieldManager: manager, force });
    await apply("a", [{ name: "x", times: 1 }]);
    await apply("b", [{ name: "y", times: 2 }]);
    expect((await client().get("default", "one")).spec?.["jobs"]).toEqual([
      { name: "x", times: 1 },
      { name: "y", times: 2 },
    ]);
    await expect(apply("b", [{ name: "x", times: 3 }])).rejects.toThrow("conflict");
    await apply("a", []);
    expect((await client().get("default", "one")).spec?.["jobs"]).toEqual([{ name: "y", times: 2 }]);
  });

  test("is one of its kind, in its scope and by its fields alone", async () => {
    await establish(api.client, cronTabs(schema, { selectableFields: [{ jsonPath: ".spec.image" }] }));
    expect((await failure(client().create({ ...cronTab("one", spec), kind: "Other" }))).message).toBe('Other.stable.example.com "one" is invalid: kind: Invalid value: "Other": must be CronTab');
    const everywhere = api.client.for({ ...tabs, namespaced: false });
    expect((await failure(everywhere.create({ ...cronTab("one", spec), metadata: { name: "one" } }))).code).toBe(404);
    expect((await failure(client().list("default", { fieldSelector: "spec.cronSpec=x" }))).message).toBe("field label not supported: spec.cronSpec");
  });

  test("may be stricter than what is stored: what has not changed is not blamed", async () => {
    const definition = await establish(api.client, cronTabs({ type: "object", properties: { spec: { type: "object", properties: { a: { type: "string" }, b: { type: "string" } } } } }));
    await client().create(cronTab("one", { a: "long", b: "x" }));
    const { spec: was, metadata } = definition;
    await api.client.for(customResourceDefinitionResource).update({
      ...definition,
      metadata,
      spec: {
        ...was,
        versions: cronTabs({
          type: "object",
          properties: { spec: { type: "object", properties: { a: { type: "string", maxLength: 2 }, b: { type: "string", maxLength: 2 }, c: { type: "string", default: "new" } } } },
        }).spec.versions,
      },
    });
    expect((await client().get("default", "one")).spec).toEqual({ a: "long", b: "x", c: "new" });
    expect((await client().patch("default", "one", "merge", { spec: { b: "y" } })).spec).toMatchObject({ a: "long", b: "y" });
    expect((await failure(client().patch("default", "one", "merge", { spec: { a: "longer" } }))).message).toContain("spec.a: Too long: may not be more than 2 bytes");
  });

  test("ends its watches when its definition changes, and is gone with it", async () => {
    const definition = await establish(api.client, cronTabs(schema));
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { type } of client().watch("default", {}, AbortSignal.timeout(10_000))) seen.push(type);
    })();
    await client().create(cronTab("one", spec));
    await api.client
      .for(customResourceDefinitionResource)
      .update({ ...definition, spec: { ...definition.spec, names: { ...definition.spec.names, categories: ["all"] }, versions: cronTabs({ ...schema, description: "changed" }).spec.versions } });
    await watching;
    expect(seen.slice(0, 1)).toEqual(["ADDED"]);
    expect(api.server.parts.resources.all.some(({ group }) => group === "stable.example.com")).toBe(true);
    await api.client.for(customResourceDefinitionResource).delete("", "crontabs.stable.example.com");
    expect(await failure(client().create(cronTab("two", spec)))).toMatchObject({
      code: 403,
      message: 'crontabs.stable.example.com "two" is forbidden: create not allowed while custom resource definition is terminating',
    });
    const ending = await api.client.for(customResourceDefinitionResource).get("", "crontabs.stable.example.com");
    expect(ending.metadata.finalizers).toEqual(["customresourcecleanup.apiextensions.k8s.io"]);
    await api.client.for(customResourceDefinitionResource).update({ ...ending, metadata: { ...ending.metadata, finalizers: [] } });
    await expect(client().list("default")).rejects.toThrow("the server could not find the requested resource");
  });

  test("is still there for a server that starts later", async () => {
    await establish(api.client, cronTabs(schema));
    await client().create(cronTab("one", spec));
    await using other = await startTestApi({ storage: api.storage, defaultAccounts: false });
    expect((await other.client.for(tabs).list("default")).items.map(({ metadata }) => metadata.name)).toEqual(["one"]);
  });

  test("is served by every server of the same store, and by none after it is gone", async () => {
    await using other = await startTestApi({ storage: api.storage, defaultAccounts: false });
    const there = other.client.for(tabs);
    await establish(api.client, cronTabs(schema));
    await vi.waitUntil(
      () =>
        there.list("default").then(
          () => true,
          () => false,
        ),
      { timeout: 10_000 },
    );
    await there.create(cronTab("one", spec));
    await expect(client().get("default", "one")).resolves.toMatchObject({ spec });
    await client().delete("default", "one");
    const definitions = api.client.for(customResourceDefinitionResource);
    await definitions.delete("", "crontabs.stable.example.com");
    const ending = await definitions.get("", "crontabs.stable.example.com");
    await definitions.update({ ...ending, metadata: { ...ending.metadata, finalizers: [] } });
    await vi.waitUntil(
      () =>
        there.list("default").then(
          () => false,
          () => true,
        ),
      { timeout: 10_000 },
    );
    await expect(there.list("default")).rejects.toThrow("the server could not find the requested resource");
  });
});

describe("rules in CEL", () => {
  const ruled = (rules: readonly object[], more: object = {}) =>
    cronTabs({
      type: "object",
      properties: { spec: { type: "object", "x-kubernetes-validations": rules, properties: { min: { type: "integer" }, max: { type: "integer" }, name: { type: "string", maxLength: 30, ...more } } } },
    });

  test("are asked, with their message, reason and place", async () => {
    await establish(
      api.client,
      ruled([
        { rule: "self.min <= self.max", messageExpression: "'min is %d, more than %d'.format([self.min, self.max])", fieldPath: ".min", reason: "FieldValueForbidden" },
        { rule: "self.max < 100", message: "too much" },
        { rule: "!has(self.name) || self.name != 'root'" },
      ]),
    );
    const status = await failure(client().create(cronTab("one", { min: 200, max: 100, name: "root" })));
    expect(status.details?.causes).toEqual([
      { reason: "FieldValueForbidden", field: "spec.min", message: "Forbidden: min is 200, more than 100" },
      { reason: "FieldValueInvalid", field: "spec", message: "Invalid value: too much" },
      { reason: "FieldValueInvalid", field: "spec", message: "Invalid value: failed rule: !has(self.name) || self.name != 'root'" },
    ]);
    await client().create(cronTab("one", { min: 1, max: 2 }));
  });

  test("see what was before, when they are about changes", async () => {
    await establish(
      api.client,
      ruled(
        [
          { rule: "self.max >= oldSelf.max", message: "may only grow" },
          { rule: "oldSelf.hasValue() || self.min == 1", optionalOldSelf: true, message: "begins at one" },
        ],
        { "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "is immutable" }] },
      ),
    );
    expect((await failure(client().create(cronTab("one", { min: 2, max: 5 })))).message).toContain("begins at one");
    await client().create(cronTab("one", { min: 1, max: 5, name: "a" }));
    expect((await failure(client().patch("default", "one", "merge", { spec: { max: 4, name: "b" } }))).details?.causes?.map(({ field, message }) => `${field}: ${message}`)).toEqual([
      "spec: Invalid value: may only grow",
      'spec.name: Invalid value: "b": is immutable',
    ]);
    await client().patch("default", "one", "merge", { spec: { max: 6, min: 3 } });
  });

  test("that cannot be right are refused with their definition", async () => {
    const status = await failure(api.client.for(customResourceDefinitionResource).create(ruled([{ rule: "self.nothing == 1" }, { rule: "self.max" }, { rule: "self.name.matches('[')" }])));
    expect(status.message).toContain("spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule: Invalid value");
    expect(status.message).toContain("compilation failed: ERROR: <input>:1:5: undefined field 'nothing'");
    expect(status.message).toContain("cel expression must evaluate to a bool");
    const list = { type: "array", items: { type: "string" } };
    const costly = await failure(
      api.client
        .for(customResourceDefinitionResource)
        .create(cronTabs({ type: "object", properties: { list: { ...list, "x-kubernetes-validations": [{ rule: "self.all(a, self.all(b, a == b))" }] } } })),
    );
    expect(costly.message).toContain(
      "x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)",
    );
  });
});

describe("selectable fields", () => {
  test("narrow lists and watches", async () => {
    await establish(api.client, cronTabs(schema, { selectableFields: [{ jsonPath: ".spec.image" }] }));
    for (const image of ["a", "b", "a"]) await api.client.for(tabs).create({ ...cronTab("", { ...spec, image }), metadata: { generateName: "tab-", namespace: "default" } });
    expect((await client().list("default", { fieldSelector: "spec.image=a" })).items).toHaveLength(2);
    expect((await failure(client().list("default", { fieldSelector: "spec.replicas=1" }))).code).toBe(400);
  });
});
