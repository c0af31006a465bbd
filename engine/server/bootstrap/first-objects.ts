import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { formatTime, type Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import type { Random } from "../../lib/random.ts";
import type { Storage } from "../../storage/storage.ts";

/** An object that is the same in every cluster, but for its `uid` and its times: where it is kept, and its JSON with what stands in for them. */
export interface FirstObject {
  readonly key: string;
  readonly text: string;
}

/** When, and by which chance, prepared objects are made: what is put in its place is the new cluster's own. */
export const STAND_IN = { timeMs: 0, uid: "00000000-0000-4000-8000-000000000000" };
/** Of an etcd as it comes, which allows 128 in one transaction. */
const OPERATIONS_MAX = 100;

/** What was made when the program was prepared; nothing where it runs from its sources. */
export function preparedFirstObjects(): readonly FirstObject[] {
  const file = fileURLToPath(new URL("./first-objects.json", import.meta.url));
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as readonly FirstObject[]) : []; // our own file
}

/**
 * Writes them into a store without objects. What another server has written meanwhile stays as that one wrote it, and what is missing then, or
 * cannot be written now, is left to `bootstrapCluster`, which looks at all of them at every start. Never rejects.
 */
export async function writeFirstObjects(
  storage: Storage,
  objects: readonly FirstObject[],
  { clock, random, logger }: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): Promise<void> {
  const standIn = formatTime(STAND_IN.timeMs);
  const now = formatTime(clock.now());
  try {
    for (let done = 0; done < objects.length; done += OPERATIONS_MAX) {
      const some = objects.slice(done, done + OPERATIONS_MAX);
      await storage.commit(
        some.map(({ key }) => ({ key, modRevision: 0 })),
        some.map(({ key, text }) => ({ do: "put", key, value: Buffer.from(text.replaceAll(standIn, now).replace(STAND_IN.uid, random.uuid())) })),
      );
    }
  } catch (error) {
    logger.warn("what every cluster begins with is not written at once", { error: describeError(error) });
  }
}
