import { ApiextensionsV1Api, CustomObjectsApi, KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { customResourceDefinitionResource } from "../../engine/resources/apiextensions/custom-resource-definition.ts";
import type { CustomResourceDefinition } from "../../engine/resources/types.ts";
import { decodeProtobuf, encodeProtobuf, unwrapUnknown, wrapUnknown } from "../../engine/apimachinery/protobuf/protobuf.ts";
import { cronTabs, establish } from "../kit/custom-kinds.ts";
import { findKubectls, runKubectl } from "../kit/kubectl.ts";
import { rawClient } from "../kit/raw-https.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

const kubectls = await findKubectls();
if (kubectls.length === 0) {
  if (process.env["CI"]) throw new Error("no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
  console.warn("skipped: no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
}

const schema = {
  type: "object",
  description: "A job at a time.",
  properties: {
    spec: {
      type: "object",
      description: "What is to be run.",
      required: ["cronSpec"],
      properties: {
        cronSpec: { type: "string", description: "When it runs." },
        replicas: { type: "integer", default: 1 },
        port: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] },
        extra: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      },
    },
    status: { type: "object", properties: { active: { type: "integer" } } },
  },
};
const version = {
  selectableFields: [{ jsonPath: ".spec.cronSpec" }],
  subresources: { status: {}, scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.active" } },
  additionalPrinterColumns: [
    { name: "Spec", type: "string", jsonPath: ".spec.cronSpec" },
    { name: "Replicas", type: "integer", jsonPath: ".spec.replicas" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
};
const TAB = `
apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: one}
spec: {cronSpec: "* * * * *", port: http, extra: {any: [1, 2]}}
`;

describe.skipIf(kubectls.length === 0).each(kubectls)("kubectl $version", (kubectl) => {
  let api: TestListener;
  beforeAll(async () => {
    api = await startTestListener();
    await establish(api.client, cronTabs(schema, version));
  });
  afterAll(() => api.stop());

  const raw = (args: string, input?: string) => runKubectl(kubectl, api.kubeconfig, args.split(" "), input === undefined ? {} : { input });
  const k = async (args: string, input?: string): Promise<string> => {
    const { code, stdout, stderr } = await raw(args, input);
    expect(code, `kubectl ${args}: ${stderr}${stdout}`).toBe(0);
    return stdout;
  };

  test("finds the kind, explains it, and shows its columns", async () => {
    expect(await k("api-resources --api-group=stable.example.com --no-headers")).toMatch(/^crontabs +ct +stable.example.com\/v1 +true +CronTab\s*$/);
    expect(await k("explain crontab.spec")).toMatch(/KIND: +CronTab[\s\S]*What is to be run\.[\s\S]*cronSpec\s+<string> -required-\s+When it runs\./);
    expect(await k("explain ct --recursive")).toMatch(/metadata\s+<ObjectMeta>[\s\S]*replicas\s+<integer>/);
    await k("apply -f -", TAB);
    expect(await k("get ct")).toMatch(/^NAME +SPEC +REPLICAS +AGE\none +\* \* \* \* \* +1 +\d+s\n$/);
  });

  test("is told what each item of a list is, which fields select, and discovers in YAML", async () => {
    const client = await rawClient(api.url, api.pki, { commonName: "admin", organizations: ["system:masters"] });
    await k("apply -f -", TAB.replace("one", "typed"));
    expect(JSON.parse(await k("get --raw /apis/stable.example.com/v1/namespaces/default/crontabs"))).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ kind: "CronTab", apiVersion: "stable.example.com/v1" })]) as unknown,
    });
    expect(await k("get --raw /openapi/v3/apis/stable.example.com/v1")).toContain('"x-kubernetes-selectable-fields":[{"fieldPath":"spec.cronSpec"}]');
    expect((await client.send("/apis/stable.example.com/v1", { headers: { accept: "application/yaml" } })).text).toMatch(
      /^apiVersion: v1\ngroupVersion: stable\.example\.com\/v1\nkind: APIResourceList\n/,
    );
    client.close();
  });

  test("applies, patches, scales and refuses what the schema does not know", async () => {
    expect(await k("apply -f -", TAB.replace('"* * * * *"', '"1 * * * *"').replace("one", "two"))).toContain("created");
    expect(await k("apply -f -", TAB.replace('"* * * * *"', '"2 * * * *"').replace("one", "two"))).toContain("configured");
    expect(await k("apply --server-side --force-conflicts -f -", TAB.replace("one", "two"))).toContain("serverside-applied");
    await k(`patch ct two --type merge -p {"spec":{"replicas":3}}`);
    await k("scale crontab two --replicas=5");
    expect(await k("get ct two -o jsonpath={.spec.replicas}/{.spec.extra.any[1]}")).toBe("5/2");
    expect(await k("get ct two --subresource=scale")).toMatch(/^NAME +DESIRED +AVAILABLE +AGE\ntwo +5 +0 +\d+s\n$/);
    await k(`patch ct two --subresource=status --type merge -p {"status":{"active":4}}`);
    expect(await k("get ct two -o jsonpath={.status.active}/{.metadata.generation}")).toMatch(/^4\/\d+$/);
    const unknown = await raw("apply -f -", TAB.replace("cronSpec:", "wrong: 1, cronSpec:"));
    expect(unknown.stderr).toContain('unknown field "spec.wrong"');
    const strategic = await raw(`patch ct two --type strategic -p {"spec":{"replicas":3}}`);
    expect(strategic.stderr).toContain("accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
    expect(await k("delete ct two")).toContain("deleted");
  });

  test("makes definitions from files, and waits for what they become", async () => {
    const made = JSON.stringify({ ...cronTabs(schema), metadata: { name: "others.stable.example.com" }, spec: { ...cronTabs(schema).spec, names: { plural: "others", kind: "Other" } } });
    expect(await k("create -f -", made)).toContain("customresourcedefinition.apiextensions.k8s.io/others.stable.example.com created");
    expect(await k("get crd -o name")).toContain("customresourcedefinition.apiextensions.k8s.io/others.stable.example.com");
    expect(await k("explain crd.spec.versions.schema.openAPIV3Schema.properties")).toContain("JSONSchemaProps");
    const bad = await raw("create -f -", made.replace('"others.stable.example.com"', '"wrong.stable.example.com"'));
    expect(bad.stderr).toContain(`metadata.name: Invalid value: "wrong.stable.example.com": must be spec.names.plural+"."+spec.group`);
  });
});

describe("over the wire", () => {
  let api: TestListener;
  let config: KubeConfig;
  let raw: Awaited<ReturnType<typeof rawClient>>;
  beforeAll(async () => {
    api = await startTestListener();
    raw = await rawClient(api.url, api.pki, { commonName: "admin", organizations: ["system:masters"] });
    config = new KubeConfig();
    config.loadFromFile(api.kubeconfig);
    await establish(api.client, cronTabs(schema, version));
  });
  afterAll(() => {
    raw.close();
    return api.stop();
  });

  test("the official JavaScript client works with custom objects and definitions", async () => {
    const objects = config.makeApiClient(CustomObjectsApi);
    const place = { group: "stable.example.com", version: "v1", namespace: "default", plural: "crontabs" };
    const made = (await objects.createNamespacedCustomObject({ ...place, body: { apiVersion: "stable.example.com/v1", kind: "CronTab", metadata: { name: "js" }, spec: { cronSpec: "@daily" } } })) as {
      spec: object;
    };
    expect(made.spec).toEqual({ cronSpec: "@daily", replicas: 1 });
    expect(await objects.getNamespacedCustomObjectScale({ ...place, name: "js" })).toMatchObject({ kind: "Scale", spec: { replicas: 1 } });
    expect(
      (await config.makeApiClient(ApiextensionsV1Api).readCustomResourceDefinition({ name: "crontabs.stable.example.com" })).spec.versions[0]?.schema?.openAPIV3Schema?.properties?.["spec"]?.required,
    ).toEqual(["cronSpec"]);
  });

  test("of a group of custom kinds there is nothing but these, each in its scope, and a deprecated version says so of everything", async () => {
    const own = await establish(api.client, {
      ...cronTabs(schema, { deprecated: true }, { group: "old.example.com", scope: "Cluster", names: { plural: "crontabs", singular: "crontab", kind: "CronTab", listKind: "CronTabList" } }),
      metadata: { name: "crontabs.old.example.com" },
    });
    expect(own.spec.scope).toBe("Cluster");
    const ask = async (target: string) => {
      const [method = "", path = ""] = target.split(" ");
      const body = method === "GET" ? {} : { headers: { "content-type": "application/strategic-merge-patch+json" }, body: "{}" };
      const { code, text, headers } = await raw.send(`/apis/${path}`, { method, ...body });
      return [code, text.startsWith("{") ? (JSON.parse(text) as { reason: string }).reason : text, headers["warning"]];
    };
    const deprecated = '299 - "old.example.com/v1 CronTab is deprecated"';
    for (const target of [
      "GET stable.example.com/v1/nothing",
      "GET stable.example.com/v1/crontabs/one",
      "PATCH stable.example.com/v1/crontabs/one",
      "GET old.example.com/v1/namespaces/default/crontabs",
      "PATCH old.example.com/v1/namespaces/default/crontabs/one",
    ])
      expect([target, ...(await ask(target))]).toEqual([target, 404, "404 page not found\n", undefined]);
    expect((await raw.send("/apis/stable.example.com/v1/crontabs", {})).code).toBe(200);
    expect(await ask("GET old.example.com/v1/crontabs/one/status")).toEqual([404, "NotFound", deprecated]);
    expect(await ask("PATCH old.example.com/v1/crontabs/one")).toEqual([415, "UnsupportedMediaType", deprecated]);
  });

  test("protobuf is refused for custom objects and understood for their definitions", async () => {
    const protobuf = "application/vnd.kubernetes.protobuf";
    const { send } = raw;
    const envelope = wrapUnknown("stable.example.com/v1", "CronTab", Buffer.alloc(0));
    const refused = await send("/apis/stable.example.com/v1/namespaces/default/crontabs", { method: "POST", body: envelope, headers: { "content-type": protobuf } });
    expect([refused.code, JSON.parse(refused.text).message]).toEqual([415, "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml"]);
    const partial = await send("/apis/stable.example.com/v1/crontabs", { headers: { accept: `${protobuf};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1` } });
    expect(unwrapUnknown(partial.body).kind).toBe("PartialObjectMetadataList");
    const read = await send("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/crontabs.stable.example.com", { headers: { accept: protobuf } });
    const definition = decodeProtobuf(customResourceDefinitionResource.schema, unwrapUnknown(read.body).raw) as unknown as CustomResourceDefinition;
    expect(definition.spec.versions[0]?.schema?.openAPIV3Schema).toEqual(schema);
    const other = { ...definition, metadata: { name: "others.stable.example.com" }, spec: { ...definition.spec, names: { plural: "others", kind: "Other" } } };
    const created = await send("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
      method: "POST",
      body: wrapUnknown("apiextensions.k8s.io/v1", "CustomResourceDefinition", encodeProtobuf(customResourceDefinitionResource.schema, other)),
      headers: { "content-type": protobuf },
    });
    expect([created.code, JSON.parse(created.text).spec?.names]).toEqual([201, { plural: "others", singular: "other", kind: "Other", listKind: "OtherList" }]);
  });

  test("discovery and OpenAPI show the kind within the moment, and forget it with its definition", async () => {
    const get = async (path: string) =>
      JSON.parse((await raw.send(path)).text) as {
        readonly groups?: readonly { name: string }[];
        readonly paths?: Record<string, unknown>;
        readonly components?: { schemas: Record<string, { properties?: object }> };
        readonly resources?: readonly { name: string }[];
        readonly definitions?: Record<string, object>;
      };
    const groups = async () => (await get("/apis")).groups?.map(({ name }) => name) ?? [];
    const { selectableFields: _none, ...plain } = version;
    await establish(api.client, {
      ...cronTabs(schema, plain),
      metadata: { name: "things.new.example.com" },
      spec: { ...cronTabs(schema, plain).spec, group: "new.example.com", names: { plural: "things", kind: "Thing" } },
    });
    expect(await groups()).toContain("new.example.com");
    expect((await get("/apis/new.example.com/v1")).resources?.map(({ name }) => name)).toEqual(["things", "things/status", "things/scale"]);
    const document = await get("/openapi/v3/apis/new.example.com/v1");
    expect(Object.keys(document.components?.schemas["com.example.new.v1.Thing"]?.properties ?? {})).toEqual(expect.arrayContaining(["apiVersion", "kind", "metadata", "spec", "status"]));
    // `kubectl explain` of any custom kind is looked through for these words.
    expect(document.components?.schemas["com.example.new.v1.Thing"]?.properties).toMatchObject({
      apiVersion: { description: expect.stringMatching(/^APIVersion defines/) as unknown },
      metadata: { description: expect.stringMatching(/^Standard object's metadata/) as unknown },
    });
    expect(Object.keys((await get("/openapi/v2")).definitions ?? {})).toContain("com.example.new.v1.Thing");
    await api.client
      .for(customResourceDefinitionResource)
      .patch("", "things.new.example.com", "json", [
        { op: "replace", path: "/spec/versions/0/schema/openAPIV3Schema", value: { type: "object", "x-kubernetes-preserve-unknown-fields": true, properties: { a: { type: "string" } } } },
      ]);
    // What keeps everything tells old clients nothing: they would refuse all else.
    expect((await get("/openapi/v2")).definitions?.["com.example.new.v1.Thing"]).toEqual({
      type: "object",
      "x-kubernetes-group-version-kind": [{ group: "new.example.com", version: "v1", kind: "Thing" }],
    });
    await api.client.for(customResourceDefinitionResource).delete("", "things.new.example.com");
    await api.client.for(customResourceDefinitionResource).patch("", "things.new.example.com", "merge", { metadata: { finalizers: null } });
    expect(await groups()).not.toContain("new.example.com");
    expect(Object.keys((await get("/openapi/v3")).paths ?? {})).not.toContain("apis/new.example.com/v1");
  });
});
