import type { GitObjects, GitStore, TreeEntry } from "./git-source.ts";

/** Files by path; `undefined` removes one. A path ending in `/` with `undefined` removes the whole folder before anything else is done. */
export type FileChanges = ReadonlyMap<string, string | Buffer | undefined>;

/**
 * Writes a tree that is `base` with some files changed, and returns its id. Only folders on the way to a change are read and written.
 * Folders that become empty disappear, as they do in Git.
 */
export async function writeChangedTree(store: GitStore, base: string | undefined, changes: FileChanges): Promise<string> {
  const entries = new Map<string, TreeEntry>((base === undefined ? [] : await store.objects.tree(base)).map((entry) => [entry.name, entry]));
  const inFolders = new Map<string, Map<string, string | Buffer | undefined>>();
  for (const [path, content] of changes) {
    const slash = path.indexOf("/");
    if (slash === path.length - 1 && content === undefined) entries.delete(path.slice(0, -1));
    else if (slash >= 0) {
      const folder = path.slice(0, slash);
      inFolders.set(folder, (inFolders.get(folder) ?? new Map()).set(path.slice(slash + 1), content));
    } else if (content === undefined) entries.delete(path);
    else {
      const existing = entries.get(path);
      entries.set(path, { ...(existing?.is === "file" ? existing : { name: path, is: "file" }), id: await store.writeBlob(content) });
    }
  }
  for (const [folder, inner] of inFolders) {
    const existing = entries.get(folder);
    const id = await writeChangedTree(store, existing?.is === "directory" ? existing.id : undefined, inner);
    if ((await store.objects.tree(id)).length === 0) entries.delete(folder);
    else entries.set(folder, { ...(existing?.is === "directory" ? existing : { name: folder, is: "directory" }), id });
  }
  return store.writeTree([...entries.values()]);
}

/** What stands at a path of a tree, the tree itself where it has no parts; undefined when nothing does. */
export async function findEntry(objects: GitObjects, tree: string, path: readonly string[]): Promise<TreeEntry | undefined> {
  let entry: TreeEntry | undefined = { name: "", id: tree, is: "directory" };
  for (const part of path) {
    if (entry?.is !== "directory") return undefined;
    entry = (await objects.tree(entry.id)).find(({ name }) => name === part);
  }
  return entry;
}

/** The content of one file of a tree; undefined when there is none. */
export async function readFileOf(objects: GitObjects, tree: string, path: string): Promise<Buffer | undefined> {
  const entry = await findEntry(objects, tree, path.split("/"));
  return entry?.is === "file" ? objects.blob(entry.id) : undefined;
}

/** The paths of all files below a folder of a tree. */
export async function listFilesOf(objects: GitObjects, tree: string, folder: string): Promise<readonly string[]> {
  const parts = folder.split("/").filter((part) => part !== "");
  const entry = await findEntry(objects, tree, parts);
  if (entry?.is !== "directory") return [];
  const found: string[] = [];
  for (const { name, is } of await objects.tree(entry.id)) {
    const path = [...parts, name].join("/");
    if (is === "directory") found.push(...(await listFilesOf(objects, tree, path)));
    else found.push(path);
  }
  return found;
}
