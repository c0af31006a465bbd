import type { Schema } from "../../apimachinery/schema.ts";
import { OpenApiPiece } from "./piece.ts";
import type { OpenApiSchema, SharedTypes, TypePlace } from "./schemas.ts";

/** What one kind, or one page, adds to a document. */
export interface OpenApiPart {
  readonly paths: OpenApiPiece;
  /** Types that only it has, by their names. */
  readonly types: ReadonlyMap<string, OpenApiPiece>;
  /** Names of the shared types that it refers to. */
  readonly needs: ReadonlySet<string>;
}

/** Writes references for one part, and collects what they lead to. */
export class SchemaWriter {
  readonly #shared: SharedTypes;
  readonly #place: TypePlace;
  readonly #types = new Map<string, OpenApiPiece>();
  readonly #needs = new Set<string>();

  constructor(shared: SharedTypes, place: TypePlace) {
    this.#shared = shared;
    this.#place = place;
  }

  /** A reference to a type that everybody shares. */
  reference(type: Schema): OpenApiSchema {
    return this.#need(this.nameOf(type));
  }

  nameOf(type: Schema): string {
    return this.#shared.write(type, this.#place);
  }

  /** A reference to a type that is the same in all parts. */
  share(name: string, schema: OpenApiSchema): OpenApiSchema {
    return this.#need(this.#shared.add(name, schema));
  }

  /** A reference to a type that nobody else has. */
  add(name: string, schema: OpenApiSchema): OpenApiSchema {
    this.#types.set(name, this.#shared.pieceOf(name, schema));
    return this.#shared.referTo(name);
  }

  /** The part with these paths. */
  part(paths: Readonly<Record<string, unknown>>): OpenApiPart {
    return { paths: new OpenApiPiece(paths), types: this.#types, needs: this.#needs };
  }

  #need(name: string): OpenApiSchema {
    this.#needs.add(name);
    return this.#shared.referTo(name);
  }
}

/** All types that these parts need; what a part has of its own is what its name means. */
export function typesOf(parts: readonly OpenApiPart[], shared: SharedTypes): Map<string, OpenApiPiece> {
  const types = sharedTypesOf(parts, shared);
  for (const part of parts) for (const [name, piece] of part.types) types.set(name, piece);
  return types;
}

/** Those of them that are shared. */
export function sharedTypesOf(parts: readonly OpenApiPart[], shared: SharedTypes): Map<string, OpenApiPiece> {
  const found = new Map<string, OpenApiPiece>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    const { piece, needs } = shared.get(name);
    found.set(name, piece);
    for (const needed of needs) visit(needed);
  };
  for (const { needs } of parts) for (const name of needs) visit(name);
  return found;
}
