import type { RemoteVersion } from "../aggregation/aggregator.ts";
import { sharedTypesOf, type OpenApiPart } from "./part.ts";
import { OpenApiPiece } from "./piece.ts";
import type { Turns } from "../../lib/turns.ts";
import { remoteV2, withFreeNames, type NextTurn, type OpenApiV2Parts } from "./remote.ts";
import type { SharedTypes } from "./schemas.ts";

/** About as much as a document says of a path or a type, of which it has thousands. */
const ENTRY_BYTES = 2 << 10;

/** The document of version 2, but for what is always in it. */
export interface CombinedPieces {
  readonly paths: readonly OpenApiPiece[];
  readonly definitions: readonly OpenApiPiece[];
}

/** What another server adds, and the names it was asked about for that: as long as the same have them, it adds the same. */
interface RemotePieces {
  readonly body: Buffer | undefined;
  readonly asked: ReadonlyMap<string, OpenApiPiece | undefined>;
  readonly pieces: V2Pieces;
}

interface V2Pieces {
  readonly paths: OpenApiPiece;
  readonly types: ReadonlyMap<string, OpenApiPiece>;
}

/** Puts version 2 together, where all types stand side by side. */
export class CombinedV2 {
  readonly #remotes = new Map<string, RemotePieces>();
  readonly #turns: Turns;

  /** The turns are counted in bytes. */
  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** Custom kinds come after our own, for whoever defines a kind must not say what a type of another one is; other servers come last. */
  async combine(own: readonly OpenApiPart[], custom: readonly OpenApiPart[], remotes: readonly RemoteVersion[], shared: SharedTypes): Promise<CombinedPieces> {
    const paths = own.map((part) => part.paths);
    const types = sharedTypesOf([...own, ...custom], shared);
    const add = (pieces: V2Pieces) => {
      paths.push(pieces.paths);
      for (const [name, piece] of pieces.types) types.set(name, piece);
    };
    for (const part of own) for (const [name, piece] of part.types) types.set(name, piece);
    for (const part of custom) add(hasFreeNames(part, types) ? part : await renamed(part, types));
    const names = new Set(remotes.map(nameOf));
    for (const name of this.#remotes.keys()) if (!names.has(name)) this.#remotes.delete(name);
    for (const remote of remotes) add(await this.#remote(remote, types));
    return { paths, definitions: [...types.values()] };
  }

  async #remote(remote: RemoteVersion, types: ReadonlyMap<string, OpenApiPiece>): Promise<V2Pieces> {
    const body = remote.documents?.openApiV2?.body;
    const known = this.#remotes.get(nameOf(remote));
    if (known !== undefined && known.body === body && [...known.asked].every(([name, piece]) => types.get(name) === piece)) return known.pieces;
    const asked = new Map<string, OpenApiPiece | undefined>();
    const ask = (name: string) => {
      asked.set(name, types.get(name));
      return typeOf(name, types);
    };
    const next = () => this.#turns.next(ENTRY_BYTES);
    const pieces = await piecesOf(await remoteV2(remote, ask, next), next);
    this.#remotes.set(nameOf(remote), { body, asked, pieces });
    return pieces;
  }
}

function nameOf({ group, version }: RemoteVersion): string {
  return `${version}.${group}`;
}

function hasFreeNames({ types: own }: OpenApiPart, taken: ReadonlyMap<string, OpenApiPiece>): boolean {
  return [...own].every(([name, piece]) => (taken.get(name) ?? piece).digest === piece.digest);
}

async function renamed({ paths, types: own }: OpenApiPart, taken: ReadonlyMap<string, OpenApiPiece>): Promise<V2Pieces> {
  const definitions = Object.assign({}, ...[...own.values()].map((piece) => piece.members())) as Readonly<Record<string, unknown>>; // one member each
  return piecesOf(await withFreeNames({ paths: paths.members(), definitions }, (name) => typeOf(name, taken)));
}

function typeOf(name: string, types: ReadonlyMap<string, OpenApiPiece>): unknown {
  return types.get(name)?.members()[name];
}

async function piecesOf({ paths, definitions }: OpenApiV2Parts, next: NextTurn = async () => {}): Promise<V2Pieces> {
  const types = new Map<string, OpenApiPiece>();
  for (const [name, type] of Object.entries(definitions)) {
    await next();
    types.set(name, new OpenApiPiece({ [name]: type }));
  }
  return { paths: new OpenApiPiece(paths), types };
}
