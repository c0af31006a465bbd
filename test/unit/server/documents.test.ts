import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { decodeProtobuf, unwrapUnknown } from "../../../engine/apimachinery/protobuf/protobuf.ts";
import type { Schema } from "../../../engine/apimachinery/schema.ts";
import { conform } from "../../../engine/apimachinery/structural-schema.ts";
import { parseYamlDocuments } from "../../../engine/apimachinery/yaml/yaml.ts";
import { loadSchema } from "../../../engine/resources/load-schema.ts";
import { storageClassResource } from "../../../engine/resources/storage/storage-class.ts";
import { bootstrapCluster } from "../../../engine/server/bootstrap/bootstrap.ts";
import { Paths, type PathAnswer } from "../../../engine/server/paths.ts";
import type { HttpRequest } from "../../../engine/server/http/http-request.ts";
import { wholeOf } from "../../../engine/server/http/response.ts";
import type { CustomResourceDefinition } from "../../../engine/resources/types.ts";
import { cronTabs, establish } from "../../kit/custom-kinds.ts";
import { adminUser, startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
let paths: Paths;
let isStarted = true;
beforeAll(async () => {
  api = await startTestApi();
  paths = new Paths({ server: api.server, isStarted: () => isStarted });
});
afterAll(() => api.stop());

async function get(target: string, headers: HttpRequest["headers"] = {}) {
  const url = new URL(target, "https://x");
  const answer = await paths.answer({ method: "GET", path: url.pathname, query: url.searchParams, headers, body: undefined, user: adminUser, signal: new AbortController().signal });
  if (answer === undefined) return undefined;
  const body = wholeOf(answer.body);
  return { ...answer, body, text: body.toString("utf8") };
}

const textOf = (answer: PathAnswer | undefined) => (answer === undefined ? "{}" : wholeOf(answer.body).toString("utf8"));

type Json = { readonly [key: string]: Json } & readonly Json[] & string;
const json = async (target: string, headers?: HttpRequest["headers"]): Promise<Json> => JSON.parse((await get(target, headers))?.text ?? "null") as Json;

/** Every schema in these, themselves first. */
function schemasIn(schemas: readonly unknown[]): readonly object[] {
  return schemas.flatMap((schema) => {
    if (typeof schema !== "object" || schema === null) return [];
    const { properties = {}, items, additionalProperties } = schema as { properties?: object; items?: unknown; additionalProperties?: unknown };
    return [schema, ...schemasIn([...Object.values(properties), items, additionalProperties])];
  });
}

/** What protobuf does not tell from absence. */
function withoutZeros(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutZeros);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).map(([name, part]): [string, unknown] => [name, withoutZeros(part)]);
  return Object.fromEntries(kept.filter(([, part]) => part !== "" && part !== false && !(typeof part === "object" && part !== null && Object.keys(part).length === 0)));
}

function referencesIn(value: unknown, found: Set<string> = new Set()): Set<string> {
  if (typeof value === "object" && value !== null) {
    for (const [key, part] of Object.entries(value)) {
      if (key === "$ref" && typeof part === "string") found.add(part);
      else referencesIn(part, found);
    }
  }
  return found;
}

describe("discovery", () => {
  const aggregated = { accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json" };

  test("aggregated documents list every group with its resources, and are not sent twice", async () => {
    const answer = await get("/apis", aggregated);
    expect(answer?.contentType).toBe("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    const groups = (JSON.parse(answer?.text ?? "") as { items: { metadata: { name: string }; versions: { resources: { resource: string; subresources?: { subresource: string }[] }[] }[] }[] }).items;
    expect(groups.map((group) => group.metadata.name)).toContain("apps");
    const deployments = groups.find((group) => group.metadata.name === "apps")?.versions[0]?.resources.find((resource) => resource.resource === "deployments");
    expect(deployments).toMatchObject({
      scope: "Namespaced",
      singularResource: "deployment",
      shortNames: ["deploy"],
      categories: ["all"],
      responseKind: { group: "", version: "", kind: "Deployment" },
    });
    expect(deployments?.subresources).toMatchObject([
      { subresource: "scale", responseKind: { group: "autoscaling", version: "v1", kind: "Scale" }, verbs: ["get", "patch", "update"] },
      { subresource: "status" },
    ]);
    expect((await get("/apis", { ...aggregated, "if-none-match": answer?.headers?.["etag"] }))?.code).toBe(304);
  });

  test("the versions of a group that several definitions share stand in Kubernetes' order, and lists say as well which fields select", async () => {
    const schema = { type: "object", properties: { spec: { type: "object", properties: { at: { type: "string" } } } } };
    const version = (name: string, storage: boolean) => ({ name, storage, served: true, schema: { openAPIV3Schema: schema }, selectableFields: [{ jsonPath: ".spec.at" }] });
    const define = (kind: string, versions: readonly object[]) => {
      const plural = `${kind.toLowerCase()}s`;
      const definition = cronTabs(schema, {}, { group: "many.example.com", names: { plural, kind }, versions: versions as CustomResourceDefinition["spec"]["versions"] }); // written as the test needs them
      return establish(api.client, { ...definition, metadata: { name: `${plural}.many.example.com` } });
    };
    await define("Beta", [version("v1beta1", true)]);
    await define("Both", [version("v1beta1", false), version("v1", true)]);
    expect(await json("/apis/many.example.com")).toMatchObject({ versions: [{ version: "v1" }, { version: "v1beta1" }], preferredVersion: { version: "v1" } });
    const { components } = (await json("/openapi/v3/apis/many.example.com/v1")) as Json;
    expect(components?.["schemas"]?.["com.example.many.v1.BothList"]).toMatchObject({ "x-kubernetes-selectable-fields": [{ fieldPath: "spec.at" }] });
    expect(await json("/apis/many.example.com/v1")).toMatchObject({ resources: [{ name: "boths", verbs: ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"] }] });
  });

  test("the older documents are there for older clients", async () => {
    expect(await json("/api")).toMatchObject({ kind: "APIVersions", versions: ["v1"] });
    expect(await json("/apis/apps")).toMatchObject({ kind: "APIGroup", name: "apps", preferredVersion: { groupVersion: "apps/v1" } });
    const list = await json("/apis/apps/v1");
    expect((list["resources"] as unknown as { name: string }[]).map((resource) => resource.name)).toEqual([
      "controllerrevisions",
      "daemonsets",
      "daemonsets/status",
      "deployments",
      "deployments/scale",
      "deployments/status",
      "replicasets",
      "replicasets/scale",
      "replicasets/status",
      "statefulsets",
      "statefulsets/scale",
      "statefulsets/status",
    ]);
    const core = (await json("/api/v1"))["resources"] as unknown as { name: string; storageVersionHash?: string }[];
    const hashOf = (resources: typeof core, name: string) => resources.find((resource) => resource.name === name)?.storageVersionHash;
    // As upstream has them: of what is stored, in the version it is stored in.
    expect(["configmaps", "events", "bindings", "componentstatuses", "pods/status"].map((name) => hashOf(core, name))).toEqual(["qFsyl6wFWjQ=", "r2yiGXH7wu8=", undefined, undefined, undefined]);
    expect(hashOf((await json("/apis/events.k8s.io/v1"))["resources"] as unknown as typeof core, "events")).toBe("r2yiGXH7wu8=");
    expect(hashOf((await json("/apis/autoscaling/v1"))["resources"] as unknown as typeof core, "horizontalpodautoscalers")).toBe("qwQve8ut294=");
    expect(await get("/apis/nope.io")).toBeUndefined();
    expect(await get("/apis/apps/v2")).toBeUndefined();
    for (const accept of ["application", "text/plain"]) await expect(json("/api", { accept })).rejects.toThrow("406: Not Acceptable");
    for (const accept of ["application/json", "application/xml, */*;q=0.1", "application/*"]) expect(await json("/apis/apps", { accept })).toMatchObject({ kind: "APIGroup" });
    // Old clients that know only v2beta1 get the plain list.
    expect(await json("/apis", { accept: "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json" })).toMatchObject({ kind: "APIGroupList" });
    await expect(json("/apis", { accept: "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList" })).rejects.toThrow(
      "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf",
    );
    for (const accept of ["application/yaml", "application/vnd.kubernetes.protobuf"])
      await expect(json("/version", { accept })).rejects.toThrow("406: Not Acceptable\n\nAvailable representations: application/json");
  });

  test("says the same in protobuf and in YAML", async () => {
    const aggregated = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    const pages: readonly (readonly [path: string, form: string, apiVersion: string, schema: Schema])[] = [
      ["/api", "", "", loadSchema("meta/v1/discovery.yaml", "APIVersions")],
      ["/api/v1", "", "", loadSchema("meta/v1/discovery.yaml", "APIResourceList")],
      ["/apis", "", "v1", loadSchema("meta/v1/discovery.yaml", "APIGroupList")],
      ["/apis/apps", "", "v1", loadSchema("meta/v1/discovery.yaml", "APIGroup")],
      ["/apis/apps/v1", "", "v1", loadSchema("meta/v1/discovery.yaml", "APIResourceList")],
      ["/api", aggregated, "apidiscovery.k8s.io/v2", loadSchema("apidiscovery.k8s.io/v2/api-group-discovery-list.yaml")],
      ["/apis", aggregated, "apidiscovery.k8s.io/v2", loadSchema("apidiscovery.k8s.io/v2/api-group-discovery-list.yaml")],
    ];
    for (const [path, form, apiVersion, schema] of pages) {
      const plain = await json(path, { accept: `application/json${form}` });
      const wire = await get(path, { accept: `application/vnd.kubernetes.protobuf${form}` });
      expect(wire?.contentType).toBe(`application/vnd.kubernetes.protobuf${form}`);
      const envelope = unwrapUnknown(wire?.body ?? Buffer.alloc(0));
      expect([envelope.apiVersion, envelope.kind]).toEqual([apiVersion, plain["kind"]]);
      const read = conform(schema, decodeProtobuf(schema, envelope.raw), { defaults: true, prune: true }).value;
      expect(withoutZeros(read)).toEqual(withoutZeros(Object.fromEntries(Object.entries(plain).filter(([name]) => name !== "kind" && name !== "apiVersion"))));
      expect(parseYamlDocuments((await get(path, { accept: `application/yaml${form}` }))?.text ?? "")[0]?.value).toEqual(plain);
    }
    expect((await get("/apis", { accept: `application/yaml${aggregated}` }))?.headers).toMatchObject({ vary: "Accept", "cache-control": "public" });
  });
});

describe("OpenAPI", () => {
  test("a custom kind whose name is that of a built-in type does not take its place", async () => {
    await using other = await startTestApi();
    const definition = cronTabs({ type: "object", properties: { trap: { type: "string" } } }, {}, { group: "core.api.k8s.io", names: { plural: "pods", kind: "Pod" } });
    await establish(other.client, { ...definition, metadata: { name: "pods.core.api.k8s.io", annotations: { "api-approved.kubernetes.io": "unapproved, a test" } } });
    const answer = await new Paths({ server: other.server, isStarted: () => true }).answer({
      method: "GET",
      path: "/openapi/v2",
      query: new URLSearchParams(),
      headers: {},
      body: undefined,
      user: { username: "ann", groups: [] },
      signal: new AbortController().signal,
    });
    const { definitions, paths } = JSON.parse(textOf(answer)) as {
      definitions: Record<string, { properties: Record<string, unknown> }>;
      paths: Record<string, { get: { responses: Record<string, { schema: object }> } }>;
    };
    expect(Object.keys(definitions["io.k8s.api.core.v1.Pod"]?.properties ?? {})).toEqual(expect.arrayContaining(["spec", "status"]));
    expect(definitions["io.k8s.api.core.v1.Pod_v2"]?.properties).toHaveProperty("trap");
    const answers = (path: string) => paths[path]?.get.responses["200"]?.schema;
    expect(answers("/api/v1/namespaces/{namespace}/pods/{name}")).toEqual({ $ref: "#/definitions/io.k8s.api.core.v1.Pod" });
    expect(answers("/apis/core.api.k8s.io/v1/namespaces/{namespace}/pods/{name}")).toEqual({ $ref: "#/definitions/io.k8s.api.core.v1.Pod_v2" });
  });

  test("every document is at the address its hash says, and all its references lead somewhere", async () => {
    const index = (await json("/openapi/v3"))["paths"] as unknown as Record<string, { serverRelativeURL: string }>;
    expect(Object.keys(index)).toContain("apis/apps/v1");
    for (const { serverRelativeURL } of Object.values(index)) {
      const answer = await get(serverRelativeURL);
      expect(answer?.headers?.["cache-control"]).toBe("public, immutable");
      const document = JSON.parse(answer?.text ?? "") as { components: { schemas: Record<string, unknown> } };
      for (const reference of referencesIn(document)) expect(document.components.schemas).toHaveProperty([reference.replace("#/components/schemas/", "")]);
    }
  });

  test("a wrong hash leads to the right one", async () => {
    const answer = await get("/openapi/v3/api/v1?hash=OLD");
    expect(answer?.code).toBe(301);
    expect((await get(answer?.headers?.["location"] ?? ""))?.code).toBe(200);
  });

  test("it says what kubectl looks for: kinds, merge keys, and the parameters of a patch", async () => {
    const version = (await json("/version")) as Readonly<Record<string, unknown>>;
    for (const [at, schemas] of [
      ["/openapi/v3/version", "components.schemas"],
      ["/openapi/v2", "definitions"],
    ] as const) {
      const described = await json(at);
      expect(described).toHaveProperty(["paths", "/version/", "get", "operationId"], "getCodeVersion");
      const info = schemas.split(".").reduce<unknown>((value, name) => (value as Readonly<Record<string, unknown>>)[name], described) as Readonly<
        Record<string, { readonly properties: object; readonly required: readonly string[] }>
      >; // each step is an object
      const { properties = {}, required = [] } = info["io.k8s.apimachinery.pkg.version.Info"] ?? {};
      expect(Object.keys(version).filter((name) => !(name in properties))).toEqual([]);
      expect(required.filter((name) => !(name in version))).toEqual([]);
    }
    const document = await json("/openapi/v3/apis/apps/v1");
    const schemas = document["components"]?.["schemas"] as unknown as Record<string, { properties: Record<string, object> }>;
    expect(schemas["io.k8s.api.apps.v1.Deployment"]).toMatchObject({ "x-kubernetes-group-version-kind": [{ group: "apps", version: "v1", kind: "Deployment" }] });
    // Whichever group is asked for first: types are of their own kind's group.
    expect(
      Object.keys(schemas)
        .filter((name) => /\.(Scale|ScaleSpec|ShardInfo)$/.test(name))
        .sort(),
    ).toEqual(["io.k8s.api.autoscaling.v1.Scale", "io.k8s.api.autoscaling.v1.ScaleSpec", "io.k8s.apimachinery.pkg.apis.meta.v1.ShardInfo"]);
    expect(schemas["io.k8s.api.core.v1.PodSpec"]?.properties["containers"]).toMatchObject({
      type: "array",
      "x-kubernetes-patch-merge-key": "name",
      "x-kubernetes-patch-strategy": "merge",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
    });
    const patch = document["paths"]?.["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]?.["patch"] as unknown as { parameters: { name: string }[] };
    expect(patch.parameters.map((parameter) => parameter.name)).toEqual(expect.arrayContaining(["dryRun", "fieldValidation"]));
    expect(JSON.stringify(document)).not.toContain("x-protobuf");
  });

  test("nothing in it is empty: clients that write what they have read leave that out", async () => {
    for (const path of ["apis/apiextensions.k8s.io/v1", "api/v1"]) expect((await get(`/openapi/v3/${path}`))?.text).not.toMatch(/"(parameters|properties|required)":(\[\]|\{\})/);
  });

  test("every operation of upstream's is there under its name, and no other", async () => {
    const upstream = JSON.parse(readFileSync(path.join(import.meta.dirname, "upstream-operations.json"), "utf8")) as Readonly<Record<string, Readonly<Record<string, string>>>>;
    const ids = (paths: object) =>
      Object.fromEntries(
        Object.entries(paths as Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>)
          .filter(([at]) => !/^\/apis\/(mainstay\.dev|metrics\.k8s\.io|many\.example\.com)\//.test(at))
          .map(([at, item]) => [
            at,
            Object.fromEntries(
              Object.entries(item)
                .filter(([method]) => method !== "parameters")
                .map(([method, { operationId }]) => [method, operationId]),
            ),
          ]),
      );
    expect(ids((await json("/openapi/v2"))["paths"] ?? {})).toEqual(upstream);
    const index = (await json("/openapi/v3"))["paths"] ?? {};
    const documents = await Promise.all(Object.values(index as unknown as Record<string, { serverRelativeURL: string }>).map(({ serverRelativeURL }) => json(serverRelativeURL)));
    expect(Object.assign({}, ...documents.map((document) => ids(document["paths"] ?? {})))).toEqual(upstream);
  });

  test("operations say what they take and answer, and an address what all of its operations may be asked", async () => {
    const { paths: all, parameters } = (await json("/openapi/v2")) as unknown as { paths: Record<string, Record<string, Record<string, unknown>>>; parameters: Record<string, { name: string }> };
    const named = (list: unknown) => ((list ?? []) as { name?: string; $ref?: string }[]).map(({ name, $ref = "" }) => name ?? parameters[$ref.replace("#/parameters/", "")]?.name);
    const item = all["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"] ?? {};
    expect(named(item["parameters"])).toEqual(["name", "namespace", "pretty"]);
    expect(item["delete"]).toMatchObject({
      tags: ["apps_v1"],
      consumes: ["*/*"],
      schemes: ["https"],
      "x-kubernetes-action": "delete",
      "x-kubernetes-group-version-kind": { group: "apps", version: "v1", kind: "Deployment" },
    });
    expect(named(item["delete"]?.["parameters"])).toEqual(["body", "dryRun", "gracePeriodSeconds", "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents", "propagationPolicy"]);
    expect(Object.keys(item["patch"]?.["responses"] as object)).toEqual(["200", "201", "401"]);
    expect(item["patch"]?.["consumes"]).toEqual(["application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"]);
    // One operation shares all with itself.
    const eviction = all["/api/v1/namespaces/{namespace}/pods/{name}/eviction"] ?? {};
    expect([named(eviction["parameters"]), named(eviction["post"]?.["parameters"])]).toEqual([["dryRun", "fieldManager", "fieldValidation", "name", "namespace", "pretty"], ["body"]]);
    expect(named(all["/api/v1/namespaces/{namespace}/pods/{name}/exec"]?.["parameters"])).toEqual(["command", "container", "name", "namespace", "stderr", "stdin", "stdout", "tty"]);
    expect(named(all["/api/v1/nodes/{name}/proxy/{path}"]?.["parameters"])).toEqual(["name", "path", "path"]);
    const answered = (at: string) => (all[at]?.["delete"]?.["responses"] as Record<string, { schema: { $ref: string } }>)["200"]?.schema.$ref.split(".").pop();
    expect(["/api/v1/namespaces/{namespace}/pods/{name}", "/apis/storage.k8s.io/v1/storageclasses/{name}", "/api/v1/namespaces/{name}", "/api/v1/namespaces/{namespace}/pods"].map(answered)).toEqual([
      "Pod",
      "StorageClass",
      "Status",
      "Status",
    ]);
  });

  test("custom kinds have operations of their names, as upstream describes them", async () => {
    await using other = await startTestApi();
    const paths = new Paths({ server: other.server, isStarted: () => true });
    const ask = (path: string) => paths.answer({ method: "GET", path, query: new URLSearchParams(), headers: {}, body: undefined, user: adminUser, signal: new AbortController().signal });
    const isListed = async () => textOf(await ask("/openapi/v3")).includes('"apis/stable-1.example.com/v1"');
    expect(await isListed()).toBe(false);
    await establish(other.client, {
      ...cronTabs(
        { type: "object", properties: { spec: { type: "object" } } },
        { subresources: { status: {}, scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" } } },
        { group: "stable-1.example.com" },
      ),
      metadata: { name: "crontabs.stable-1.example.com" },
    });
    expect(await isListed()).toBe(true);
    const answer = await ask("/openapi/v3/apis/stable-1.example.com/v1");
    const document = JSON.parse(textOf(answer)) as {
      paths: Record<string, Record<string, { operationId: string; requestBody?: { content: object }; parameters?: { name: string }[]; "x-kubernetes-group-version-kind": object }>>;
    };
    const items = Object.entries(document.paths).map(([at, { parameters: _parameters, ...methods }]) => [
      at.replace("/apis/stable-1.example.com/v1", ""),
      Object.values(methods).map(({ operationId }) => operationId),
    ]);
    expect(Object.fromEntries(items)).toEqual({
      "/crontabs": ["listStable1ExampleComV1CronTabForAllNamespaces"],
      "/namespaces/{namespace}/crontabs": ["listStable1ExampleComV1NamespacedCronTab", "createStable1ExampleComV1NamespacedCronTab", "deleteStable1ExampleComV1CollectionNamespacedCronTab"],
      "/namespaces/{namespace}/crontabs/{name}": ["read", "replace", "patch", "delete"].map((verb) => `${verb}Stable1ExampleComV1NamespacedCronTab`),
      "/namespaces/{namespace}/crontabs/{name}/status": ["read", "patch", "replace"].map((verb) => `${verb}Stable1ExampleComV1NamespacedCronTabStatus`),
      "/namespaces/{namespace}/crontabs/{name}/scale": ["read", "patch", "replace"].map((verb) => `${verb}Stable1ExampleComV1NamespacedCronTabScale`),
    });
    const scale = document.paths["/apis/stable-1.example.com/v1/namespaces/{namespace}/crontabs/{name}/scale"];
    expect(scale?.["get"]?.["x-kubernetes-group-version-kind"]).toEqual({ group: "stable-1.example.com", version: "v1", kind: "CronTab" });
    expect(Object.keys(scale?.["put"]?.requestBody?.content ?? {})).toEqual(["application/json", "application/yaml"]);
  });

  test("what it says is required is what upstream says", async () => {
    const schemas = (await json("/openapi/v2"))["definitions"] as unknown as Record<string, { required?: string[] }>;
    const required = (name: string) => schemas[`io.k8s.${name}`]?.required;
    expect(["api.core.v1.Pod", "api.apps.v1.Deployment", "api.core.v1.PodSpec", "api.core.v1.Event", "api.events.v1.Event", "api.networking.v1.IPAddress"].map(required)).toEqual([
      undefined,
      undefined,
      ["containers"],
      ["metadata", "involvedObject"],
      ["eventTime"],
      ["spec"],
    ]);
    expect(Object.keys(schemas)).toEqual(
      expect.arrayContaining([
        "io.k8s.api.core.v1.TopologySelectorTerm",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ServiceReference",
        "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference",
        "io.k8s.api.admissionregistration.v1.ServiceReference",
      ]),
    );
  });

  test("version 2 is one document with all definitions", async () => {
    const document = await json("/openapi/v2");
    const definitions = document["definitions"] as unknown as Record<string, unknown>;
    for (const reference of referencesIn(document)) expect(document).toHaveProperty(reference.replace("#/", "").split(/\/(.*)/s, 2));
    for (const schema of schemasIn(Object.values(definitions))) expect(Object.keys(schema)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(allOf|oneOf)$/)]));
    // Properties that are named after words of schemas are properties.
    expect(definitions).toHaveProperty(
      ["io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps", "properties"],
      expect.objectContaining({
        type: expect.objectContaining({ type: "string" }) as object,
        allOf: expect.objectContaining({ type: "array" }) as object,
        properties: expect.objectContaining({ type: "object" }) as object,
      }),
    );
    expect(document["paths"]?.["/api/v1/namespaces/{namespace}/services"]?.["get"]?.["parameters"]).toContainEqual({ $ref: "#/parameters/limit" });
    expect(document["parameters"]?.["limit"]).toEqual({ name: "limit", in: "query", type: "integer", uniqueItems: true, description: expect.stringContaining("page") as string });
    await expect(get("/openapi/v2", { accept: "text/html" })).rejects.toMatchObject({ reason: "NotAcceptable" });
  });
});

describe("health", () => {
  test("the checks have upstream's names, and can be asked for and excluded one by one", async () => {
    const text = (await get("/readyz?verbose&exclude=etcd&exclude=nothing"))?.text ?? "";
    for (const name of ["ping", "log", "informer-sync", "poststarthook/crd-informer-synced", "poststarthook/rbac/bootstrap-roles", "autoregister-completion"])
      expect(text).toContain(`[+]${name} ok\n`);
    expect(text).toContain("[+]etcd excluded: ok\n");
    expect(text).toMatch(/warn: some health checks cannot be excluded: no matches for "nothing"\nreadyz check passed\n$/);
    expect((await get("/livez/etcd"))?.text).toBe("ok");
    expect((await get("/livez/poststarthook/rbac/bootstrap-roles"))?.text).toBe("ok");
    expect(await get("/readyz/unknown")).toBeUndefined();
  });

  test("all can read what is missing, and those who may ask for it alone why", async () => {
    isStarted = false;
    const answer = await get("/readyz");
    expect(answer?.code).toBe(500);
    expect(answer?.text).toContain("[-]poststarthook/start-system-namespaces-controller failed: reason withheld\n");
    expect(await get("/readyz/autoregister-completion")).toMatchObject({ code: 500, text: "internal server error: the system's namespaces are not there yet\n" });
    isStarted = true;
    expect((await get("/readyz"))?.text).toBe("ok");
    const metrics = (await get("/metrics/slis"))?.text ?? "";
    expect(metrics).toContain('kubernetes_healthcheck{name="autoregister-completion",type="readyz"} 1\n');
    expect(metrics).toContain('kubernetes_healthchecks_total{name="autoregister-completion",status="error",type="readyz"} 1\n');
  });
});

test("the class for claims that name none and the Service of the cluster's names come with the first machine", async () => {
  const classes = async () => (await api.client.for(storageClassResource).list("")).items.map(({ metadata }) => metadata.name);
  const names = async () => (await api.client.for(serviceResource).list("kube-system")).items.map(({ metadata, spec }) => [metadata.name, spec?.clusterIP]);
  await api.client.for(storageClassResource).delete("", "local-path");
  await api.client.for(serviceResource).delete("kube-system", "kube-dns");
  await bootstrapCluster(api.server, { serviceCidr: "10.43.0.0/16", apiPort: 6443, hasMachines: false });
  expect([await classes(), await names()]).toEqual([[], []]);
  const joining = new Paths({
    server: api.server,
    isStarted: () => true,
    network: { clusterCidr: "10.42.0.0/16", clusterDns: "10.43.0.10", clusterDomain: "cluster.local" },
    signer: { ca: "CA", sign: () => Promise.resolve("certificate") },
  });
  const body = Buffer.from(JSON.stringify({ nodeName: "m1", nodePassword: "a secret of this machine alone", csr: "request" }));
  const answer = await joining.answer({
    method: "POST",
    path: "/mainstay/v1/join",
    query: new URLSearchParams(),
    headers: {},
    body: () => Promise.resolve(body),
    user: adminUser,
    signal: new AbortController().signal,
  });
  expect(answer?.code).toBe(201);
  expect(await classes()).toEqual(["local-path"]);
  expect(await names()).toEqual([["kube-dns", "10.43.0.10"]]);
});

test("the version and the list of paths are written for people", async () => {
  expect((await get("/version"))?.text).toMatch(/^\{\n  "major": "1",\n  "minor": "36",\n/);
  expect((await get("/"))?.text).toMatch(/^\{\n  "paths": \[\n    "\//);
});

test("token keys and the issuer are published", async () => {
  expect(await json("/.well-known/openid-configuration")).toMatchObject({ issuer: "https://kubernetes.default.svc.cluster.local", id_token_signing_alg_values_supported: ["ES256"] });
  expect(await json("/openid/v1/jwks")).toMatchObject({ keys: [{ use: "sig", alg: "ES256", kty: "EC", crv: "P-256" }] });
});

test("metrics count requests", async () => {
  expect((await get("/metrics"))?.text).toMatch(
    /^apiserver_request_total\{code="201",component="apiserver",dry_run="",group="",resource="namespaces",scope="resource",subresource="",system_client="kube-apiserver",verb="POST",version="v1"\} 4$/m,
  );
});

test("enumerations can be left out of OpenAPI, but for those of custom kinds", async () => {
  await using other = await startTestApi({ disabledFeatures: new Set(["OpenAPIEnums"]) });
  await establish(other.client, cronTabs({ type: "object", properties: { spec: { type: "object", properties: { color: { type: "string", enum: ["red", "green"] } } } } }));
  const without = new Paths({ server: other.server, isStarted: () => true });
  const page = async (from: Paths, path: string) =>
    textOf(await from.answer({ method: "GET", path, query: new URLSearchParams(), headers: {}, body: undefined, user: adminUser, signal: new AbortController().signal }));
  for (const path of ["/openapi/v2", "/openapi/v3/api/v1", "/openapi/v3/apis/apps/v1"]) {
    expect(await page(paths, path)).toContain('"enum":["Always","IfNotPresent","Never"]');
    expect(await page(without, path)).not.toMatch(/"enum":\["(?!red)/);
  }
  expect(await page(without, "/openapi/v3/apis/stable.example.com/v1")).toContain('"enum":["red","green"]');
});
