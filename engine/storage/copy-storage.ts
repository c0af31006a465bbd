import type { Entry, Storage } from "./storage.ts";

/** Everything in a store as of one revision, in the order in which it was last written. */
export interface StorageSnapshot {
  readonly revision: number;
  readonly entries: readonly Pick<Entry, "key" | "value" | "modRevision">[];
}

/** All keys of ours begin so, in every store. */
const ROOT = "/";
const PAGE = 1_000;
/** Written to let a revision pass in which nothing happened to what is copied. */
const FILLER_KEY = "/mainstay/revision";
const FILLERS_AT_ONCE = 64;

/** Reads a store at one revision while it goes on being written to. */
export async function readSnapshot(storage: Storage): Promise<StorageSnapshot> {
  const revision = await storage.currentRevision();
  const entries: Entry[] = [];
  for (let afterKey = ""; ;) {
    const page = await storage.list(ROOT, { revision, limit: PAGE, ...(afterKey === "" ? {} : { afterKey }) });
    entries.push(...page.entries.filter(({ key }) => key !== FILLER_KEY));
    const last = page.entries.at(-1);
    if (page.remaining === 0 || last === undefined) break;
    afterKey = last.key;
  }
  return { revision, entries: entries.sort((a, b) => a.modRevision - b.modRevision) };
}

/**
 * Writes a snapshot into an empty store such that every entry has the revision it had, and the store continues from the snapshot's:
 * clients' resourceVersions stay true. Revisions in which nothing happened that is still there are passed by writing a filler.
 * Throws when the store is not empty or has come further than the first entry.
 */
export async function writeSnapshot(storage: Storage, { revision, entries }: StorageSnapshot): Promise<void> {
  const { entries: present } = await storage.list(ROOT, { limit: 1 });
  if (present.length > 0) throw new Error(`the store to write to is not empty: it holds ${present[0]?.key}`);
  let current = await storage.currentRevision();
  const advance = async (to: number) => {
    while (current < to) {
      const count = Math.min(FILLERS_AT_ONCE, to - current);
      await Promise.all(
        Array.from({ length: count }, (_, index) => storage.commit([], [{ do: "put", key: FILLER_KEY, value: Buffer.from(String(current + index)) }])),
      );
      current += count;
    }
  };
  for (let index = 0; index < entries.length;) {
    const modRevision = entries[index]?.modRevision ?? 0;
    if (modRevision <= current)
      throw new Error(`the store to write to is at revision ${current} already, beyond the first object's ${modRevision}: it must be a new one`);
    let end = index;
    while (entries[end]?.modRevision === modRevision) end++;
    await advance(modRevision - 1);
    const result = await storage.commit(
      [],
      entries.slice(index, end).map(({ key, value }) => ({ do: "put", key, value })),
    );
    if (result.revision !== modRevision) throw new Error(`somebody else writes to the store: revision ${result.revision} where ${modRevision} was due`);
    current = modRevision;
    index = end;
  }
  // The last step takes the filler away, when there was one.
  await advance(revision - 1);
  if (current < revision) {
    const result = await storage.commit([], [{ do: "delete", key: FILLER_KEY }]);
    current = result.revision;
    await advance(revision);
  }
  await storage.compact(current);
}
