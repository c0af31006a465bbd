import { isUtf8 } from "node:buffer";
import { promises as fs } from "node:fs";
import path from "node:path";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import { mapConcurrently } from "../../lib/map-concurrently.ts";
import { isRefName } from "./ref-name.ts";

const COMMIT = /^[0-9a-f]{40}(?=\s|$)/;
const SYMBOLIC = /^ref:\s*(.*)$/;
/** As many refs as Git follows from one to the next. */
const SYMBOLIC_MAX = 5;
/** Files that are read at once. */
const READS_MAX = 16;
/** Repositories whose packed refs are kept as they were read. */
const PACKED_KEPT = 16;

/**
 * The commit a ref points to, by its whole name; undefined when there is no such ref. Rejects where that cannot be told: a file that holds no
 * commit says nothing about an older one that Git has packed.
 */
export async function readRef(gitDir: string, ref: string): Promise<string | undefined> {
  return resolve(gitDir, ref, await readOwnFile(gitDir, ref));
}

/**
 * The refs below a folder with their commits, while others write: none is left out that is there all the while. What Git packs is in the one
 * file before it goes from its own, so each ref's own file is looked at first. Names that Git would not take, or that are no UTF-8, are passed over.
 */
export async function listRefs(gitDir: string, folder: string): Promise<ReadonlyMap<string, string>> {
  const own = await readOwnFiles(gitDir, await ownRefs(gitDir, folder));
  const found = new Map([...(await readPackedRefs(gitDir))].filter(([ref]) => ref.startsWith(`${folder}/`)));
  for (const [ref, text] of own) {
    const commit = await resolve(gitDir, ref, text);
    if (commit === undefined) found.delete(ref);
    else found.set(ref, commit);
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `text` is what the ref's own file says, where it has one. */
async function resolve(gitDir: string, ref: string, text: string | undefined): Promise<string | undefined> {
  let [name, said] = [ref, text];
  for (let hop = 0; hop < SYMBOLIC_MAX; hop++) {
    if (said === undefined) return (await readPackedRefs(gitDir)).get(name);
    const [commit] = COMMIT.exec(said) ?? [];
    if (commit !== undefined) return commit;
    const target = SYMBOLIC.exec(said)?.[1];
    if (target === undefined) throw new Error(`${name} is broken: write the id of its commit into ${path.join(gitDir, name)}, or remove that file`);
    if (!isRefName(target)) return undefined;
    name = target;
    said = await readOwnFile(gitDir, name);
  }
  return undefined;
}

/** Names of refs that have a file of their own. Folders and files come and go meanwhile: branches are deleted and packed, locks are let go. */
async function ownRefs(gitDir: string, folder: string): Promise<readonly string[]> {
  const names: string[] = [];
  const folders = [folder];
  for (let next = folders.pop(); next !== undefined; next = folders.pop())
    for (const entry of await fs.readdir(path.join(gitDir, next), { withFileTypes: true }).catch(unlessGone(gitDir, []))) {
      const name = `${next}/${entry.name}`;
      if (!isRefName(name)) continue; // among them the locks of writers who are at it
      if (entry.isDirectory()) folders.push(name);
      else names.push(name);
    }
  return names;
}

/** What the files of refs say, of those that are still there. */
async function readOwnFiles(gitDir: string, refs: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const texts = await mapConcurrently(refs, READS_MAX, (ref) => readOwnFile(gitDir, ref));
  return new Map(
    refs.flatMap((ref, index) => {
      const text = texts[index];
      return text === undefined ? [] : [[ref, text]];
    }),
  );
}

async function readOwnFile(gitDir: string, ref: string): Promise<string | undefined> {
  return (await fs.readFile(path.join(gitDir, ref), "utf8").catch(unlessGone(gitDir, undefined)))?.trimEnd();
}

interface PackedRefs {
  /** Git puts another file in the place of the one there was, each time. */
  readonly version: string;
  readonly refs: ReadonlyMap<string, string>;
}

const packedRefs = new BoundedCache<PackedRefs>(PACKED_KEPT);
const NONE: ReadonlyMap<string, string> = new Map();

async function readPackedRefs(gitDir: string): Promise<ReadonlyMap<string, string>> {
  const file = path.join(gitDir, "packed-refs");
  const known = packedRefs.get(gitDir);
  const stat = await fs.stat(file, { bigint: true }).catch(unlessGone(gitDir, undefined));
  if (stat === undefined) return NONE;
  if (known?.version === versionOf(stat)) return known.refs;
  const handle = await fs.open(file).catch(unlessGone(gitDir, undefined));
  if (handle === undefined) return NONE;
  try {
    const version = versionOf(await handle.stat({ bigint: true }));
    const refs = parsePackedRefs(await handle.readFile());
    packedRefs.set(gitDir, { version, refs });
    return refs;
  } finally {
    await handle.close();
  }
}

function versionOf({ ino, size, mtimeNs, ctimeNs }: { readonly ino: bigint; readonly size: bigint; readonly mtimeNs: bigint; readonly ctimeNs: bigint }) {
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/** Throws for a file that was cut off, or is none of Git's: the refs that are not in it may be there all the same. */
function parsePackedRefs(content: Buffer): ReadonlyMap<string, string> {
  const refs = new Map<string, string>();
  const lines = content.toString("latin1").split("\n");
  if (lines.pop() !== "") throw new Error("packed-refs of the repository ends in the middle of a line; put it back from a backup");
  for (const line of lines) {
    if (line.startsWith("#") || line.startsWith("^")) continue;
    if (!COMMIT.test(line)) throw new Error(`packed-refs of the repository has a line that is no ref: ${line.slice(0, 100)}`);
    const name = Buffer.from(line.slice(41), "latin1");
    if (isUtf8(name)) refs.set(name.toString("utf8"), line.slice(0, 40));
  }
  return refs;
}

/** A file or folder that is gone is nothing, as long as it is a repository that it is gone from. */
function unlessGone<T>(gitDir: string, nothing: T): (error: NodeJS.ErrnoException) => Promise<T> {
  return async (error) => {
    if (error.code !== "ENOENT" && error.code !== "EISDIR" && error.code !== "ENOTDIR") throw error;
    const heads = await fs.stat(path.join(gitDir, "refs", "heads")).catch(() => undefined);
    if (heads?.isDirectory() === true) return nothing;
    throw new Error(
      heads === undefined
        ? `there is no repository in ${gitDir}: it has no refs/heads`
        : `the repository in ${gitDir} keeps its refs in another format than files, which is not read here: git refs migrate --ref-format=files`,
      { cause: error },
    );
  };
}
