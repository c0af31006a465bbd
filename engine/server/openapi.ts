import { createHash } from "node:crypto";
import { formatApiVersion } from "../apimachinery/group-version.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import { loadSchema } from "../resources/load-schema.ts";
import { scaleKind } from "../registry/scale.ts";
import { subresourceFacts, type Discovery, type Document } from "./discovery.ts";
import { bodyKindOf } from "./subresources.ts";
import type { Aggregator } from "./aggregation/aggregator.ts";
import { customSchema, customTypeName, selectableFields } from "./openapi-custom.ts";
import { LIST_PARAMETERS, queryParameter } from "./openapi-parameters.ts";
import { namedType, SchemaWriter, TypeNames, type OpenApiSchema } from "./openapi-schemas.ts";
import { withPartsV2, withRemoteV2, type OpenApiV2Parts } from "./openapi-remote.ts";
import { versionPartsV2, versionPartsV3 } from "./openapi-version.ts";
import type { ResourceIndex } from "./resource-index.ts";

/** The protobuf form of version 2. kubectl validates lists of objects with it, and asks for it in this form only. */
export const OPENAPI_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/** How older clients ask for it; no media type may be spelled so, and none is answered so. */
export const OPENAPI_V2_PROTOBUF_OLD = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

const OBJECT_TYPES = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
/** kubectl patches by merging where the strategic type is not among these. */
const PATCH_TYPES = ["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json"];

/** The one page besides the API's own resources that upstream describes and clients are generated from. */
const VERSION_PATH = "version";

/** OpenAPI documents out of the schemas: version 3 per group version, version 2 as one. Made on first use. */
export class OpenApi {
  readonly #resources: ResourceIndex;
  readonly #discovery: Discovery;
  readonly #aggregator: Aggregator | undefined;
  readonly #version: string;
  readonly #hasEnums: boolean;
  #typeNames: TypeNames | undefined;
  readonly #documents = new Map<string, Document & { readonly hash: string }>();

  constructor(resources: ResourceIndex, discovery: Discovery, version: string, aggregator?: Aggregator, hasEnums = true) {
    this.#hasEnums = hasEnums;
    this.#aggregator = aggregator;
    this.#resources = resources;
    this.#discovery = discovery;
    this.#version = version;
  }

  /** Reads every kind's schema: nothing that a server must do before somebody asks. */
  get #names(): TypeNames {
    if (this.#typeNames === undefined) {
      this.#typeNames = new TypeNames();
      // In the catalog's order, so that shared types are named after the group they belong to.
      for (const definition of this.#resources.all) if (definition.content === undefined) new SchemaWriter(this.#typeNames, "", definition).reference(namedType(definition.schema) ?? definition.schema);
    }
    return this.#typeNames;
  }

  /** `/openapi/v3`: where each document is, with a hash that makes it cacheable for ever. */
  index(): object {
    const documents = [...this.#discovery.groupVersions(), { path: VERSION_PATH }].flatMap(({ path }) => {
      const document = this.#v3(path);
      return document === undefined ? [] : [{ path, hash: document.hash }];
    });
    const paths = documents.map(({ path, hash }) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }]);
    return { paths: Object.fromEntries(paths) as object };
  }

  /** `/openapi/v3/apis/apps/v1`; undefined for what is not served. */
  groupVersion(path: string): (Document & { readonly hash: string }) | undefined {
    return this.#v3(path);
  }

  /** `/openapi/v2`. */
  combined(): Document {
    return this.#document(`v2 ${this.#generation}`, () => {
      const parts = (this.#aggregator?.versions() ?? []).reduce(withRemoteV2, this.#ownV2());
      return { swagger: "2.0", info: { title: "Mainstay", version: this.#version }, ...parts };
    });
  }

  /** The same in protobuf, for clients that read nothing else. */
  async combinedProtobuf(): Promise<Document> {
    const { encodeOpenApiV2 } = await import("./openapi-v2-protobuf.ts");
    return this.#document(`v2 protobuf ${this.#generation}`, () => encodeOpenApiV2(JSON.parse(Buffer.from(this.combined().body).toString("utf8")) as Record<string, unknown>)); // we wrote it
  }

  /** Of the kinds that are served here; custom ones last, for whoever defines a kind must not say what a type of another one is. */
  #ownV2(): OpenApiV2Parts {
    const definitions: Record<string, OpenApiSchema> = {};
    const paths: Record<string, unknown> = {};
    const custom: OpenApiV2Parts[] = [];
    const defined = new Set(this.#resources.all.flatMap(({ content, group, version }) => (content === undefined ? [] : [`${group}/${version}`])));
    for (const { group, version } of this.#discovery.groupVersions()) {
      if (this.#aggregator?.find(group, version) !== undefined) continue;
      const writer = new SchemaWriter(this.#names, "#/definitions/", { group, version }, this.#hasEnums);
      const parts = { paths: this.#paths(group, version, writer, 2), definitions: Object.fromEntries(writer.schemas) };
      if (defined.has(`${group}/${version}`)) {
        custom.push({ ...parts, definitions: v2Forms(parts.definitions) });
      } else {
        Object.assign(paths, parts.paths);
        Object.assign(definitions, parts.definitions);
      }
    }
    const page = versionPartsV2();
    return custom.reduce(withPartsV2, { paths: { ...paths, ...page.paths }, definitions: { ...v2Forms(definitions), ...page.definitions } });
  }

  get #generation(): string {
    return `${this.#resources.generation}/${this.#aggregator?.generation ?? 0}`;
  }

  #v3(path: string): (Document & { readonly hash: string }) | undefined {
    if (path === VERSION_PATH) return this.#document(`v3 ${path} 0`, () => ({ openapi: "3.0.0", info: { title: "Mainstay", version: this.#version }, ...versionPartsV3() }));
    const [, group = "", version = ""] = path.split("/");
    const remote = path.startsWith("apis/") ? this.#aggregator?.find(group, version) : undefined;
    if (remote !== undefined) {
      const { openApi, hash = "" } = remote.documents ?? {};
      return openApi && { body: openApi.body, hash, etag: `"${hash}"` };
    }
    const place = this.#discovery.groupVersions().find((candidate) => candidate.path === path);
    return place && this.#document(`v3 ${path} ${this.#resources.generationOf(place.group, place.version)}`, () => {
      const writer = new SchemaWriter(this.#names, "#/components/schemas/", place, this.#hasEnums);
      const paths = this.#paths(place.group, place.version, writer, 3);
      return { openapi: "3.0.0", info: { title: "Mainstay", version: this.#version }, paths, components: { schemas: Object.fromEntries([...writer.schemas].sort(([a], [b]) => (a < b ? -1 : 1))) } };
    });
  }

  /** Keys end in the generation of what they were made of; former ones are forgotten. */
  #document(key: string, make: () => object | Buffer): Document & { readonly hash: string } {
    let document = this.#documents.get(key);
    if (document === undefined) {
      const stem = key.slice(0, key.lastIndexOf(" ") + 1);
      for (const known of [...this.#documents.keys()]) if (known.startsWith(stem) && !known.slice(stem.length).includes(" ")) this.#documents.delete(known);
      const made = make();
      const body = Buffer.isBuffer(made) ? made : Buffer.from(JSON.stringify(made));
      const hash = createHash("sha512").update(body).digest("hex").toUpperCase();
      document = { body, hash, etag: `"${hash}"` };
      this.#documents.set(key, document);
    }
    return document;
  }

  #paths(group: string, version: string, writer: SchemaWriter, openApi: 2 | 3): Record<string, unknown> {
    const paths: Record<string, unknown> = {};
    for (const definition of this.#resources.all) if (definition.group === group && definition.version === version) Object.assign(paths, pathsOf(definition, writer, this.#names, openApi));
    return paths;
  }
}

function pathsOf(definition: ResourceDefinition, writer: SchemaWriter, names: TypeNames, openApi: 2 | 3): Record<string, unknown> {
  const { group, version, kind, resource, namespaced, verbs } = definition;
  const root = group === "" ? `/api/${version}` : `/apis/${formatApiVersion(group, version)}`;
  const collection = namespaced ? `${root}/namespaces/{namespace}/${resource}` : `${root}/${resource}`;
  const isCustom = definition.content !== undefined;
  const object = isCustom ? writer.add(customTypeName(definition), customSchema(definition, writer, openApi)) : writer.reference(namedType(definition.schema) ?? definition.schema);
  const gvk = { group, version, kind };
  const listName = `${isCustom ? customTypeName(definition) : names.nameOf(namedType(definition.schema) ?? definition.schema, group, version)}List`;
  const list = verbs.includes("list") ? writer.add(listName, listSchema(definition, object, writer)) : object;
  const operation = (action: string, answer: OpenApiSchema, body?: OpenApiSchema) => operationOf({ action, gvk, answer, body, openApi, isCustom });
  const has = (verb: (typeof verbs)[number], key: string, value: () => unknown) => (verbs.includes(verb) ? { [key]: value() } : {});
  const paths: Record<string, unknown> = {
    [collection]: { ...has("list", "get", () => operation("list", list)), ...has("create", "post", () => operation("post", object, object)), ...has("deletecollection", "delete", () => operation("deletecollection", list)) },
  };
  if (verbs.includes("get")) {
    paths[`${collection}/{name}`] = {
      get: operation("get", object),
      ...has("update", "put", () => operation("put", object, object)),
      ...has("patch", "patch", () => operation("patch", object, { type: "object" })),
      ...has("delete", "delete", () => operation("delete", writer.reference(loadSchema("meta/v1/meta.yaml", "Status")))),
    };
  }
  if (namespaced && verbs.includes("list")) paths[`${root}/${resource}`] = { get: operation("list", list) };
  for (const subresource of definition.subresources) {
    const facts = subresourceFacts(definition, subresource);
    const schema = bodyKindOf(group, resource, subresource.name)?.schema ?? ("scale" in subresource ? scaleKind.schema : definition.schema);
    const part = isCustom && schema === definition.schema ? object : writer.reference(namedType(schema) ?? schema);
    const methods = facts.verbs.map((verb) => [{ get: "get", create: "post", update: "put", patch: "patch" }[verb] ?? verb, verb] as const);
    const operations = methods.map(([method]) => [method, operationOf({ action: method, gvk: { group: facts.group, version: facts.version, kind: facts.kind }, answer: part, body: method === "get" ? undefined : part, openApi, isCustom })] as const);
    paths[`${collection}/{name}/${subresource.name}`] = Object.fromEntries(operations);
  }
  return paths;
}

function listSchema(definition: ResourceDefinition, object: OpenApiSchema, writer: SchemaWriter): OpenApiSchema {
  const { group, version, resource, listKind } = definition;
  return {
    description: "A list of them, with the state of the store it was read at.",
    type: "object",
    required: ["items"],
    properties: {
      apiVersion: { type: "string", description: "Group and version of this kind." },
      kind: { type: "string", description: "Name of this kind." },
      metadata: { allOf: [writer.reference(loadSchema("meta/v1/meta.yaml", "ListMeta"))], description: "About the list." },
      items: { type: "array", items: object, description: `List of ${resource}.` },
    },
    "x-kubernetes-group-version-kind": [{ group, version, kind: listKind }],
    ...(definition.content === undefined ? {} : selectableFields(definition)),
  };
}

interface OperationInput {
  readonly action: string;
  readonly gvk: { readonly group: string; readonly version: string; readonly kind: string };
  readonly answer: OpenApiSchema;
  readonly body: OpenApiSchema | undefined;
  readonly openApi: 2 | 3;
  /** Custom objects have neither a protobuf form nor strategic patches. */
  readonly isCustom: boolean;
}

/** Write operations name `dryRun` and `fieldValidation`: kubectl looks for them before it uses them. */
function operationOf({ action, gvk, answer, body, openApi, isCustom }: OperationInput): object {
  const isWrite = ["post", "put", "patch", "delete", "deletecollection"].includes(action);
  const names = isWrite ? ["dryRun", "fieldManager", ...(action.startsWith("delete") ? ["gracePeriodSeconds", "propagationPolicy"] : ["fieldValidation"]), ...(action === "patch" ? ["force"] : [])] : action === "list" ? LIST_PARAMETERS : [];
  const objectTypes = isCustom ? OBJECT_TYPES.filter((type) => !type.endsWith("protobuf")) : OBJECT_TYPES;
  const types = action !== "patch" ? objectTypes : isCustom ? PATCH_TYPES.filter((type) => !type.includes("strategic")) : PATCH_TYPES;
  const content = (schema: OpenApiSchema, list: readonly string[]) => Object.fromEntries(list.map((type) => [type, { schema }]));
  const bodyParameter = body !== undefined && openApi === 2 ? [{ name: "body", in: "body", required: true, schema: body }] : [];
  const parameters = [...bodyParameter, ...names.map((name) => queryParameter(name, openApi))];
  return {
    ...(openApi === 2 ? { consumes: types, produces: objectTypes } : {}),
    ...(parameters.length === 0 ? {} : { parameters }), // an empty list does not survive clients that read and write the document
    ...(body !== undefined && openApi === 3 ? { requestBody: { required: true, content: content(body, types) } } : {}),
    responses: { "200": { description: "OK", ...(openApi === 3 ? { content: content(answer, objectTypes) } : { schema: answer }) } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": gvk,
  };
}

/** Version 2 knows no alternatives of types and no wrapped references. */
function v2Form(schema: OpenApiSchema): OpenApiSchema {
  const { allOf, oneOf, items, additionalProperties, properties, ...rest } = schema as V2Source;
  return {
    ...rest,
    ...(items === undefined ? {} : { items: v2Form(items) }),
    ...(typeof additionalProperties === "object" ? { additionalProperties: v2Form(additionalProperties) } : additionalProperties === undefined ? {} : { additionalProperties }),
    ...(properties === undefined ? {} : { properties: v2Forms(properties) }),
    ...(oneOf === undefined ? {} : { type: "string" }),
    ...(allOf?.[0] === undefined ? {} : v2Form(allOf[0])),
  };
}

function v2Forms(schemas: Readonly<Record<string, OpenApiSchema>>): Record<string, OpenApiSchema> {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, v2Form(schema)]));
}

/** What of a schema holds further schemas; property names may be those of its own words. */
interface V2Source {
  readonly allOf?: readonly OpenApiSchema[];
  readonly oneOf?: unknown;
  readonly items?: OpenApiSchema;
  readonly additionalProperties?: OpenApiSchema | boolean;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
}
