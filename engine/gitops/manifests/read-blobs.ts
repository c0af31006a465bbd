import { Turns } from "../../lib/turns.ts";
import type { GitObjects } from "../git/git-source.ts";
import { OversizedObject } from "../git/stored-object.ts";
import { TreeFault } from "./tree-walk.ts";

/** What is read at once is kept until the last of it is there. */
const READS_MAX = 16;
/** More than a repository of a hundred thousand manifests has, and all of it read anew. */
const BYTES_MAX = 256 << 20;
/** After so much, whatever else the server has to do comes first: whoever reads a file of megabytes takes seconds for it. */
const BYTES_PER_TURN = 256 << 10;

/** Files with what is in them, in their order; in place of what is too long, why. Rejects with a TreeFault once all together are. */
export async function* readBlobs<F extends { readonly blob: string }>(
  objects: Pick<GitObjects, "blob">,
  files: readonly F[],
  bytesMax = BYTES_MAX,
): AsyncGenerator<readonly [F, Buffer | OversizedObject]> {
  const turns = new Turns(BYTES_PER_TURN);
  let bytes = 0;
  for (let start = 0; start < files.length; start += READS_MAX) {
    for (const [file, content] of await Promise.all(
      files.slice(start, start + READS_MAX).map(async (one) => [one, await readBlob(objects, one.blob)] as const),
    )) {
      const length = content instanceof OversizedObject ? 0 : content.length;
      bytes += length;
      if (bytes > bytesMax) throw new TreeFault(`the commit has more than ${bytesMax >> 20} MiB of new manifests; split it`);
      await turns.next(length);
      yield [file, content];
    }
  }
}

async function readBlob(objects: Pick<GitObjects, "blob">, id: string): Promise<Buffer | OversizedObject> {
  try {
    return await objects.blob(id);
  } catch (error) {
    if (error instanceof OversizedObject) return error;
    throw error;
  }
}
