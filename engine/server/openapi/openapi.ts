import { createHash } from "node:crypto";
import { Turns } from "../../lib/turns.ts";
import type { PiecewiseBytes } from "../../storage/list-json.ts";
import type { Aggregator, RemoteVersion } from "../aggregation/aggregator.ts";
import type { Discovery } from "../discovery/discovery.ts";
import { OTHER_PAGES, type PagePlace } from "./pages.ts";
import { sharedParameters } from "./parameters.ts";
import { typesOf, type OpenApiPart } from "./part.ts";
import { OpenApiParts, type OpenApiSource } from "./parts.ts";
import { inSequence, membersOf, type OpenApiPiece } from "./piece.ts";
import { TypeNames } from "./type-names.ts";
import { CombinedV2, type CombinedPieces } from "./v2.ts";
import type { ResourceIndex } from "../resource-index.ts";

/** The protobuf form of version 2. kubectl validates lists of objects with it, and asks for it in this form only. */
export const OPENAPI_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/** How older clients ask for it; no media type may be spelled so, and none is answered so. */
export const OPENAPI_V2_PROTOBUF_OLD = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/** Every caller but an anonymous one shows a token, or a certificate, which OpenAPI's readers have no use for. */
const BEARER_TOKEN = { description: "A token of the caller.", type: "apiKey", name: "authorization", in: "header" };
/** How much is written before others have their turn: some milliseconds' work. */
const TURN_BYTES = 64 << 10;

/** A document that is put together when it is sent. */
export interface OpenApiDocument {
  /** Of what it is made of: the same on every server that serves the same. */
  readonly hash: string;
  readonly etag: string;
  readonly body: () => Buffer | PiecewiseBytes;
}

/**
 * OpenAPI documents out of the schemas: version 3 per group version, version 2 as one. What a kind adds to them is written when somebody first
 * asks and then kept, so that a changed kind costs what that one costs; nobody waits for all of it but who asks.
 */
export class OpenApi {
  readonly #resources: ResourceIndex;
  readonly #discovery: Discovery;
  readonly #aggregator: Aggregator | undefined;
  readonly #version: string;
  readonly #turns = new Turns(TURN_BYTES);
  readonly #v2: OpenApiParts;
  readonly #v3: OpenApiParts;
  #ownPages: ReadonlyMap<string, PagePlace> | undefined;
  readonly #typesWritten = new Map<OpenApiParts, Promise<void>>();
  readonly #documents = new Map<string, { readonly parts: readonly OpenApiPart[]; readonly document: OpenApiDocument }>();
  #index: { readonly generation: string; readonly body: Buffer } | undefined;
  readonly #combinedV2 = new CombinedV2(this.#turns);
  #combined: { readonly generation: string; readonly made: Promise<Combined> } | undefined;
  readonly #protobuf = new WeakMap<OpenApiPiece, Buffer>();

  constructor(resources: ResourceIndex, discovery: Discovery, version: string, aggregator?: Aggregator, hasEnums = true) {
    this.#aggregator = aggregator;
    this.#resources = resources;
    this.#discovery = discovery;
    this.#version = version;
    const names = new TypeNames();
    this.#v2 = new OpenApiParts(2, names, hasEnums, this.#turns);
    this.#v3 = new OpenApiParts(3, names, hasEnums, this.#turns);
  }

  /** `/openapi/v3`: where each document is, with a hash that makes it cacheable for ever. */
  async index(): Promise<Buffer> {
    const generation = this.#generation;
    if (this.#index?.generation === generation) return this.#index.body;
    // What is served now, whatever comes and goes while it is written.
    const places = [...this.#discovery.groupVersions().map(({ path }) => path), ...this.#pages().keys()]
      .sort()
      .map((path) => [path, this.#placeOf(path)] as const);
    const paths: Record<string, object> = {};
    for (const [path, place] of places) {
      const document = place && (await this.#documentV3(path, place));
      if (document !== undefined) paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${document.hash}` };
    }
    for (const path of this.#documents.keys()) if (paths[path] === undefined) this.#documents.delete(path);
    const body = Buffer.from(`${JSON.stringify({ paths })}\n`);
    // Otherwise whoever asked later may know more already.
    if (generation === this.#generation) this.#index = { generation, body };
    return body;
  }

  /** `/openapi/v3/apis/apps/v1`; undefined for what is not served. */
  async groupVersion(path: string): Promise<OpenApiDocument | undefined> {
    const place = this.#placeOf(path);
    return place && this.#documentV3(path, place);
  }

  /** `/openapi/v2`. */
  async combined(): Promise<OpenApiDocument> {
    const { pieces, hash } = await this.#combine();
    const { swagger, info, ...rest } = this.#frameV2();
    return documentOf(`${hash}-json`, () =>
      inSequence([
        `{"swagger":${JSON.stringify(swagger)},"info":${JSON.stringify(info)},"paths":{`,
        ...membersOf(pieces.paths),
        '},"definitions":{',
        ...membersOf(pieces.definitions),
        `},${JSON.stringify(rest).slice(1)}`,
      ]),
    );
  }

  /** The same in protobuf, for clients that read nothing else. */
  async combinedProtobuf(): Promise<OpenApiDocument> {
    const { encodeDefinitions, encodeOpenApiV2, encodePaths } = await import("./v2-protobuf.ts");
    const { pieces, hash } = await this.#combine();
    const encodeAll = async (from: readonly OpenApiPiece[], encode: typeof encodePaths) => {
      const encoded: Buffer[] = [];
      for (const piece of from) {
        const bytes = this.#protobuf.get(piece) ?? encode(piece.members());
        encoded.push(bytes);
        if (this.#protobuf.has(piece)) continue;
        this.#protobuf.set(piece, bytes);
        await this.#turns.next(piece.json.length);
      }
      return encoded;
    };
    const paths = await encodeAll(pieces.paths, encodePaths);
    const definitions = await encodeAll(pieces.definitions, encodeDefinitions);
    return documentOf(`${hash}-protobuf`, () => inSequence(encodeOpenApiV2(this.#frameV2(), paths, definitions)));
  }

  /** Whoever asks while it is put together waits for the same one. */
  #combine(): Promise<Combined> {
    const generation = this.#generation;
    if (this.#combined?.generation === generation) return this.#combined.made;
    const made = this.#makeCombined();
    this.#combined = { generation, made };
    made.catch(() => {
      if (this.#combined?.made === made) this.#combined = undefined;
    });
    return made;
  }

  /** Of what is served when it is called, whatever comes and goes meanwhile. */
  async #makeCombined(): Promise<Combined> {
    const remotes = this.#aggregator?.versions() ?? [];
    const sources = this.#discovery
      .groupVersions()
      .filter(({ group, version }) => this.#aggregator?.find(group, version) === undefined)
      .flatMap(({ group, version }) => this.#sourcesOf(group, version));
    const pages = [...this.#pages().values()].map((page): OpenApiSource => ({ page }));
    const isCustom = (source: OpenApiSource) => "kind" in source && source.kind.content !== undefined;
    await this.#writeTypes(this.#v2);
    const own = await this.#v2.make([...sources.filter((source) => !isCustom(source)), ...pages]);
    const custom = await this.#v2.make(sources.filter(isCustom));
    const pieces = await this.#combinedV2.combine(own, custom, remotes, this.#v2.types);
    return { pieces, hash: hashOf([...pieces.paths, ...pieces.definitions], this.#frameV2()) };
  }

  get #generation(): string {
    return `${this.#resources.generation}/${this.#aggregator?.generation ?? 0}`;
  }

  #frameV2() {
    return {
      swagger: "2.0",
      info: this.#info(),
      parameters: sharedParameters(),
      securityDefinitions: { BearerToken: BEARER_TOKEN },
      security: [{ BearerToken: [] }],
    };
  }

  #info(): Readonly<Record<string, string>> {
    return { title: "Mainstay", version: this.#version };
  }

  /** Types get their names in the catalog's order, so that shared ones are named after the group they belong to: one form's after the other's. */
  #writeTypes(parts: OpenApiParts): Promise<void> {
    let written = this.#typesWritten.get(parts);
    if (written === undefined) {
      const own = this.#resources.all.filter(({ content }) => content === undefined);
      written = Promise.all(this.#typesWritten.values()).then(() => parts.writeTypes(own));
      this.#typesWritten.set(parts, written);
    }
    return written;
  }

  #placeOf(path: string): Place | undefined {
    const page = this.#pages().get(path);
    if (page !== undefined) return { is: "own", sources: [{ page }] };
    const [, , group = "", version = ""] = /^(api|apis\/([^/]+))\/([^/]+)$/.exec(path) ?? [];
    const remote = group === "" ? undefined : this.#aggregator?.find(group, version);
    if (remote !== undefined) return { is: "remote", documents: remote.documents };
    return this.#resources.hasGroupVersion(group, version) ? { is: "own", sources: this.#sourcesOf(group, version) } : undefined;
  }

  /** What a document describes: the page of the group and version, where it is one of ours, and its kinds, custom ones in the order of their names. */
  #sourcesOf(group: string, version: string): readonly OpenApiSource[] {
    const kinds = this.#resources.ofGroupVersion(group, version);
    const own = kinds.filter(({ content }) => content === undefined);
    const custom = kinds.filter(({ content }) => content !== undefined).sort((a, b) => (a.resource < b.resource ? -1 : 1));
    return [...(own.length > 0 ? [{ page: { group, version } }] : []), ...[...own, ...custom].map((kind) => ({ kind }))];
  }

  async #documentV3(path: string, place: Place): Promise<OpenApiDocument | undefined> {
    if (place.is === "remote") {
      const { openApi, hash = "" } = place.documents ?? {};
      return openApi && documentOf(hash, () => openApi.body);
    }
    await this.#writeTypes(this.#v3);
    const parts = await this.#v3.make(place.sources);
    const known = this.#documents.get(path);
    if (known?.parts.length === parts.length && parts.every((part, index) => part === known.parts[index])) return known.document;
    const made = this.#madeV3(parts);
    this.#documents.set(path, { parts, document: made });
    return made;
  }

  #madeV3(parts: readonly OpenApiPart[]): OpenApiDocument {
    const head = { openapi: "3.0.0", info: this.#info() };
    const paths = parts.map((part) => part.paths);
    const schemas = () => [...typesOf(parts, this.#v3.types)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, piece]) => piece);
    return documentOf(hashOf([...paths, ...schemas()], head), () => {
      const types = membersOf(schemas());
      return inSequence([
        `${JSON.stringify(head).slice(0, -1)},"paths":{`,
        ...membersOf(paths),
        '},"components":{',
        ...(types.length === 0 ? [] : ['"schemas":{', ...types, "},"]),
        `"securitySchemes":${JSON.stringify({ BearerToken: BEARER_TOKEN })}}}`,
      ]);
    });
  }

  /** What is described besides the resources, by its path: discovery's own pages, and a few more. Groups of which only custom kinds are served have none. */
  #pages(): ReadonlyMap<string, PagePlace> {
    this.#ownPages ??= new Map<string, PagePlace>([
      ["api", "api"],
      ["apis", "apis"],
      ...[...new Set(this.#resources.all.filter(({ content }) => content === undefined).map(({ group }) => group))]
        .filter((group) => group !== "")
        .map((group) => [`apis/${group}`, { group }] as const),
      ...OTHER_PAGES.map((page) => [page, page] as const),
    ]);
    return this.#ownPages;
  }
}

/** Whose a document of version 3 is. */
type Place = { readonly is: "own"; readonly sources: readonly OpenApiSource[] } | { readonly is: "remote"; readonly documents: RemoteVersion["documents"] };

/** All of version 2. */
interface Combined {
  readonly pieces: CombinedPieces;
  readonly hash: string;
}

function documentOf(hash: string, body: OpenApiDocument["body"]): OpenApiDocument {
  return { hash, etag: `"${hash}"`, body };
}

function hashOf(pieces: readonly OpenApiPiece[], rest: object): string {
  const hash = createHash("sha512").update(JSON.stringify(rest));
  for (const { digest } of pieces) hash.update(digest);
  return hash.digest("hex").toUpperCase();
}
