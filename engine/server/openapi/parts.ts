import type { Turns } from "../../lib/turns.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import { pagePath, type PagePlace } from "./pages.ts";
import { SchemaWriter, type OpenApiPart } from "./part.ts";
import { pathsOf } from "./resource-paths.ts";
import { namedType, SharedTypes } from "./schemas.ts";
import type { TypeNames } from "./type-names.ts";
import { v2Form } from "./v2-form.ts";

/** What a document is made of: a kind, or a page. */
export type OpenApiSource = { readonly kind: ResourceDefinition } | { readonly page: PagePlace };

/** The parts of all documents of one form, each made once; a kind that has changed is another one. */
export class OpenApiParts {
  readonly types: SharedTypes;
  readonly #openApi: 2 | 3;
  readonly #turns: Turns;
  readonly #ofKinds = new WeakMap<ResourceDefinition, OpenApiPart>();
  readonly #ofPages = new Map<string, OpenApiPart>();

  /** `turns` counts bytes. */
  constructor(openApi: 2 | 3, names: TypeNames, hasEnums: boolean, turns: Turns) {
    this.#openApi = openApi;
    this.#turns = turns;
    this.types =
      openApi === 3
        ? new SharedTypes(names, "#/components/schemas/", { hasEnums, hasDefaults: true }, (schema) => schema)
        : new SharedTypes(names, "#/definitions/", { hasEnums, hasDefaults: false }, v2Form);
  }

  /** Writes the types of kinds in their order: what several have is called after the first. */
  async writeTypes(kinds: readonly ResourceDefinition[]): Promise<void> {
    for (const kind of kinds) {
      const before = this.types.bytes;
      this.types.write(namedType(kind.schema) ?? kind.schema, kind);
      await this.#turns.next(this.types.bytes - before);
    }
  }

  /** In the order of their sources. Others have their turns while many are made. */
  async make(sources: readonly OpenApiSource[]): Promise<readonly OpenApiPart[]> {
    const parts: OpenApiPart[] = [];
    for (const source of sources) {
      const known = "kind" in source ? this.#ofKinds.get(source.kind) : this.#ofPages.get(JSON.stringify(source.page));
      parts.push(known ?? (await this.#made(source)));
    }
    return parts;
  }

  async #made(source: OpenApiSource): Promise<OpenApiPart> {
    const before = this.types.bytes;
    const part = "kind" in source ? this.#ofKind(source.kind) : this.#ofPage(source.page);
    const own = [...part.types.values()].reduce((sum, { json }) => sum + json.length, part.paths.json.length);
    await this.#turns.next(own + this.types.bytes - before);
    return part;
  }

  #ofKind(kind: ResourceDefinition): OpenApiPart {
    const writer = new SchemaWriter(this.types, kind);
    const part = writer.part(pathsOf(kind, writer, this.#openApi));
    this.#ofKinds.set(kind, part);
    return part;
  }

  #ofPage(page: PagePlace): OpenApiPart {
    const writer = new SchemaWriter(this.types, { group: "", version: "v1" });
    const part = writer.part(pagePath(page, writer, this.#openApi));
    this.#ofPages.set(JSON.stringify(page), part);
    return part;
  }
}
