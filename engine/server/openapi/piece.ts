import { createHash } from "node:crypto";
import { inBatches } from "../../lib/batches.ts";
import type { PiecewiseBytes } from "../../storage/list-json.ts";

/** What is smaller is sent as one. */
const CHUNK_BYTES = 128 << 10;
const COMMA = Buffer.from(",");

/** Some members of one of a document's objects, encoded: `"a":1,"b":2`. What has not changed is in all documents as it was. */
export class OpenApiPiece {
  readonly json: Buffer;
  /** Differs between pieces that differ. */
  readonly digest: string;

  constructor(members: Readonly<Record<string, unknown>>) {
    this.json = Buffer.from(JSON.stringify(members).slice(1, -1));
    this.digest = createHash("sha256").update(this.json).digest("base64");
  }

  members(): Readonly<Record<string, unknown>> {
    return JSON.parse(`{${this.json.toString("utf8")}}`) as Readonly<Record<string, unknown>>; // as it was made
  }
}

/** The pieces as the members of one object, without its braces. */
export function membersOf(pieces: Iterable<OpenApiPiece>): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (const { json } of pieces) {
    if (json.length === 0) continue;
    if (parts.length > 0) parts.push(COMMA);
    parts.push(json);
  }
  return parts;
}

/** All of these one behind the other, as one where that is short. */
export function inSequence(parts: readonly (Buffer | string)[]): Buffer | PiecewiseBytes {
  const buffers = parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part));
  const length = buffers.reduce((sum, part) => sum + part.length, 0);
  return length <= CHUNK_BYTES ? Buffer.concat(buffers, length) : { length, [Symbol.iterator]: () => chunks(buffers) };
}

/** Few large ones, which are less work to send than many small ones. */
function* chunks(parts: readonly Buffer[]): Generator<Buffer> {
  for (const batch of inBatches(parts, { lengthOf: (part) => part.length, lengthMax: CHUNK_BYTES })) yield Buffer.concat(batch);
}
