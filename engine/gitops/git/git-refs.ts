import { promises as fs } from "node:fs";
import path from "node:path";

const COMMIT = /^[0-9a-f]{40}$/;
const SYMBOLIC = /^ref: +(\S+)$/;
/** As many refs as Git follows from one to the next. */
const SYMBOLIC_MAX = 5;

/** The commit a ref points to, by its whole name; undefined when there is no such ref. */
export async function readRef(gitDir: string, ref: string): Promise<string | undefined> {
  return resolve(gitDir, ref, () => readPackedRefs(gitDir));
}

/**
 * The refs below a folder with their commits, while others write: none is left out that is there all the while. What Git packs is in the one
 * file before it goes from its own, so each ref's own file is looked at first.
 */
export async function listRefs(gitDir: string, folder: string): Promise<ReadonlyMap<string, string>> {
  const own = new Map<string, string>();
  for await (const ref of ownRefs(gitDir, folder)) own.set(ref, await readOwnFile(gitDir, ref));
  const packed = await readPackedRefs(gitDir);
  const found = new Map<string, string>();
  for (const ref of [...new Set([...own.keys(), ...packed.keys()])].filter((name) => name.startsWith(`${folder}/`)).sort()) {
    const commit = await resolve(gitDir, ref, async () => packed, own.get(ref));
    if (commit !== undefined) found.set(ref, commit);
  }
  return found;
}

/** `first` is what the ref's own file says, where that is known. */
async function resolve(gitDir: string, ref: string, packed: () => Promise<ReadonlyMap<string, string>>, first?: string): Promise<string | undefined> {
  let name = ref;
  let text = first ?? (await readOwnFile(gitDir, ref));
  for (let hop = 0; hop < SYMBOLIC_MAX; hop++) {
    if (COMMIT.test(text)) return text;
    const target = SYMBOLIC.exec(text)?.[1];
    if (target === undefined) return (await packed()).get(name);
    name = target;
    text = await readOwnFile(gitDir, name);
  }
  return undefined;
}

/** Names of refs that have a file of their own. Folders and files come and go meanwhile: branches are deleted and packed, locks are let go. */
async function* ownRefs(gitDir: string, folder: string): AsyncIterable<string> {
  for (const entry of await fs.readdir(path.join(gitDir, folder), { withFileTypes: true }).catch(unlessGone([]))) {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* ownRefs(gitDir, name);
    else if (!name.endsWith(".lock")) yield name; // those are of a writer who is at it
  }
}

/** Empty where there is none. */
async function readOwnFile(gitDir: string, ref: string): Promise<string> {
  return (await textOf(path.join(gitDir, ref))).trim();
}

async function readPackedRefs(gitDir: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await textOf(path.join(gitDir, "packed-refs"))).matchAll(/^([0-9a-f]{40}) (\S+)$/gm);
  return new Map([...lines].map(([, commit = "", ref = ""]) => [ref, commit]));
}

const textOf = (file: string): Promise<string> => fs.readFile(file, "utf8").catch(unlessGone(""));

function unlessGone<T>(nothing: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT" || error.code === "EISDIR" || error.code === "ENOTDIR") return nothing;
    throw error;
  };
}
