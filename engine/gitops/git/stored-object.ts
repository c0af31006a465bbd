import { promisify } from "node:util";
import zlib from "node:zlib";

export type ObjectType = "commit" | "tree" | "blob" | "tag";

/** An object as Git keeps it, without its header. */
export interface StoredObject {
  readonly type: ObjectType;
  readonly content: Buffer;
}

/**
 * What is deployed is text, and no manifest may be longer. A few thousand bytes of a pack can stand for gigabytes, and whoever may propose a
 * change sends packs.
 */
export const OBJECT_BYTES_MAX = 16 << 20;
/** What is shorter is inflated in less time than a thread needs to begin. */
const INLINE_BYTES_MAX = 64 << 10;

/** An object is longer than anything that is read here. */
export class OversizedObject extends Error {
  readonly id: string;

  constructor(id: string, bytes: number) {
    super(`the file has ${bytes} bytes; at most ${OBJECT_BYTES_MAX} (${OBJECT_BYTES_MAX >> 20} MiB) are allowed. Split it`);
    this.id = id;
  }
}

/** There is something else in its place. */
export class BrokenObject extends Error {}

const inflateLater = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.inflate);

/** The text behind a deflated one, which is known to have so many bytes; what follows it is left alone. Rejects when it has others. */
export async function inflateExactly(deflated: Buffer, bytes: number): Promise<Buffer> {
  const options = { maxOutputLength: Math.max(bytes, 1) };
  const content = bytes <= INLINE_BYTES_MAX ? zlib.inflateSync(deflated, options) : await inflateLater(deflated, options);
  if (content.length !== bytes) throw new Error(`an object of ${bytes} bytes has ${content.length}`);
  return content;
}

/** No stream of a text that deflates badly is longer than this. */
export function deflatedBytesMax(bytes: number): number {
  return bytes + ((bytes + 7) >> 3) + ((bytes + 63) >> 6) + 128;
}

/** The beginning of a deflated text, as much of it as `deflated` holds. */
export function inflateBeginning(deflated: Buffer): Buffer {
  return zlib.inflateSync(deflated, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
}
