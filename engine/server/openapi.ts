import { createHash } from "node:crypto";
import type { Aggregator } from "./aggregation/aggregator.ts";
import type { Discovery, Document } from "./discovery.ts";
import { OTHER_PAGES, pagePath, type PagePlace } from "./openapi-pages.ts";
import { sharedParameters } from "./openapi-parameters.ts";
import { withPartsV2, withRemoteV2, type OpenApiV2Parts } from "./openapi-remote.ts";
import { pathsOf } from "./openapi-resources.ts";
import { namedType, SchemaWriter, TypeNames, type OpenApiSchema } from "./openapi-schemas.ts";
import type { ResourceIndex } from "./resource-index.ts";

/** The protobuf form of version 2. kubectl validates lists of objects with it, and asks for it in this form only. */
export const OPENAPI_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/** How older clients ask for it; no media type may be spelled so, and none is answered so. */
export const OPENAPI_V2_PROTOBUF_OLD = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/** Every caller but an anonymous one shows a token, or a certificate, which OpenAPI's readers have no use for. */
const BEARER_TOKEN = { description: "A token of the caller.", type: "apiKey", name: "authorization", in: "header" };
const V3_PREFIX = "#/components/schemas/";
const V2_PREFIX = "#/definitions/";

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
      for (const definition of this.#resources.all)
        if (definition.content === undefined) new SchemaWriter(this.#typeNames, "", definition).reference(namedType(definition.schema) ?? definition.schema);
    }
    return this.#typeNames;
  }

  /** `/openapi/v3`: where each document is, with a hash that makes it cacheable for ever. */
  index(): Document {
    return this.#document(`index ${this.#generation}`, () => {
      const served = this.#discovery.groupVersions().map(({ path }) => path);
      const documents = [...served, ...this.#pages().keys()].sort().flatMap((path) => {
        const document = this.#v3(path);
        return document === undefined ? [] : [{ path, hash: document.hash }];
      });
      const paths = documents.map(({ path, hash }) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }]);
      return Buffer.from(`${JSON.stringify({ paths: Object.fromEntries(paths) as object })}\n`);
    });
  }

  /** `/openapi/v3/apis/apps/v1`; undefined for what is not served. */
  groupVersion(path: string): (Document & { readonly hash: string }) | undefined {
    return this.#v3(path);
  }

  /** `/openapi/v2`. */
  combined(): Document {
    return this.#document(`v2 ${this.#generation}`, () => {
      const parts = (this.#aggregator?.versions() ?? []).reduce(withRemoteV2, this.#ownV2());
      return {
        swagger: "2.0",
        info: { title: "Mainstay", version: this.#version },
        ...parts,
        parameters: sharedParameters(),
        securityDefinitions: { BearerToken: BEARER_TOKEN },
        security: [{ BearerToken: [] }],
      };
    });
  }

  /** The same in protobuf, for clients that read nothing else. */
  async combinedProtobuf(): Promise<Document> {
    const { encodeOpenApiV2 } = await import("./openapi-v2-protobuf.ts");
    return this.#document(`v2 protobuf ${this.#generation}`, () =>
      encodeOpenApiV2(JSON.parse(Buffer.from(this.combined().body).toString("utf8")) as Record<string, unknown>),
    ); // we wrote it
  }

  /** Of the kinds that are served here; custom ones last, for whoever defines a kind must not say what a type of another one is. */
  #ownV2(): OpenApiV2Parts {
    const definitions: Record<string, OpenApiSchema> = {};
    const paths: Record<string, unknown> = {};
    const custom: OpenApiV2Parts[] = [];
    const defined = new Set(this.#resources.all.flatMap(({ content, group, version }) => (content === undefined ? [] : [`${group}/${version}`])));
    for (const { group, version } of this.#discovery.groupVersions()) {
      if (this.#aggregator?.find(group, version) !== undefined) continue;
      const writer = new SchemaWriter(this.#names, V2_PREFIX, { group, version }, this.#hasEnums);
      const parts = { paths: this.#paths(group, version, writer, 2), definitions: Object.fromEntries(writer.schemas) };
      if (defined.has(`${group}/${version}`)) {
        custom.push({ ...parts, definitions: v2Forms(parts.definitions) });
      } else {
        Object.assign(paths, parts.paths);
        Object.assign(definitions, parts.definitions);
      }
    }
    const pages = new SchemaWriter(this.#names, V2_PREFIX, { group: "", version: "v1" }, this.#hasEnums);
    for (const page of this.#pages().values()) Object.assign(paths, pagePath(page, pages, 2));
    return custom.reduce(withPartsV2, { paths, definitions: v2Forms({ ...definitions, ...Object.fromEntries(pages.schemas) }) });
  }

  get #generation(): string {
    return `${this.#resources.generation}/${this.#aggregator?.generation ?? 0}`;
  }

  #v3(path: string): (Document & { readonly hash: string }) | undefined {
    const page = this.#pages().get(path);
    if (page !== undefined) {
      return this.#document(`v3 ${path} 0`, () => {
        const writer = new SchemaWriter(this.#names, V3_PREFIX, { group: "", version: "v1" }, this.#hasEnums);
        return this.#documentV3(pagePath(page, writer, 3), writer);
      });
    }
    const [, group = "", version = ""] = path.split("/");
    const remote = path.startsWith("apis/") ? this.#aggregator?.find(group, version) : undefined;
    if (remote !== undefined) {
      const { openApi, hash = "" } = remote.documents ?? {};
      return openApi && { body: openApi.body, hash, etag: `"${hash}"` };
    }
    const place = this.#discovery.groupVersions().find((candidate) => candidate.path === path);
    return (
      place &&
      this.#document(`v3 ${path} ${this.#resources.generationOf(place.group, place.version)}`, () => {
        const writer = new SchemaWriter(this.#names, V3_PREFIX, place, this.#hasEnums);
        return this.#documentV3(this.#paths(place.group, place.version, writer, 3), writer);
      })
    );
  }

  #documentV3(paths: Record<string, unknown>, writer: SchemaWriter): object {
    const schemas = Object.fromEntries([...writer.schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
    const components = { ...(writer.schemas.size === 0 ? {} : { schemas }), securitySchemes: { BearerToken: BEARER_TOKEN } };
    return { openapi: "3.0.0", info: { title: "Mainstay", version: this.#version }, paths, components };
  }

  /** What is described besides the resources, by its path: discovery's own pages, and a few more. Groups of which only custom kinds are served have none. */
  #pages(): ReadonlyMap<string, PagePlace> {
    const groups = [...new Set(this.#resources.all.filter(({ content }) => content === undefined).map(({ group }) => group))].filter((group) => group !== "");
    return new Map<string, PagePlace>([
      ["api", "api"],
      ["apis", "apis"],
      ...groups.map((group) => [`apis/${group}`, { group }] as const),
      ...OTHER_PAGES.map((page) => [page, page] as const),
    ]);
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
    const definitions = this.#resources.all.filter((definition) => definition.group === group && definition.version === version);
    const hasOwn = definitions.some(({ content }) => content === undefined);
    const parts = definitions.map((definition) => pathsOf(definition, writer, this.#names, openApi));
    return Object.assign(hasOwn ? pagePath({ group, version }, writer, openApi) : {}, ...parts) as Record<string, unknown>;
  }
}

/** Version 2 knows no alternatives of types and no wrapped references. */
function v2Form(schema: OpenApiSchema): OpenApiSchema {
  const { allOf, oneOf, items, additionalProperties, properties, ...rest } = schema as V2Source;
  return {
    ...rest,
    ...(items === undefined ? {} : { items: v2Form(items) }),
    ...(typeof additionalProperties === "object"
      ? { additionalProperties: v2Form(additionalProperties) }
      : additionalProperties === undefined
        ? {}
        : { additionalProperties }),
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
