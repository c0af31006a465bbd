import type { TreeEntry } from "../git/git-source.ts";
import { boundedWalk, isSafeName, TreeFault } from "./tree-walk.ts";
import type { FileEntry, RepositoryFiles } from "../kustomize/repository-files.ts";

/** How trees and blobs are read; both are cached by whoever gives them. */
export interface TreeReader {
  tree(id: string): Promise<readonly TreeEntry[]>;
  blob(id: string): Promise<Buffer>;
}

async function listTree(tree: string, prefix: string, walk: TreeReader["tree"]): Promise<readonly (readonly [path: string, id: string])[]> {
  const files: (readonly [string, string])[] = [];
  for (const entry of await walk(tree)) {
    // Charts are written to the disk.
    if (!isSafeName(entry.name))
      throw new TreeFault(`${prefix}${entry.name}: the tree holds a name that leaves its folder; the commit was made by a broken or hostile program`);
    if (entry.is === "directory") for (const file of await listTree(entry.id, `${prefix}${entry.name}/`, walk)) files.push(file);
    else if (entry.is === "file") files.push([`${prefix}${entry.name}`, entry.id]);
  }
  return files;
}

/** The files of one commit by path. Links and submodules do not count as files. */
export function treeFiles(root: string, reader: TreeReader): RepositoryFiles {
  return {
    async look(path): Promise<FileEntry | undefined> {
      let entry: TreeEntry | undefined = { name: "", id: root, is: "directory" };
      for (const name of path === "" ? [] : path.split("/")) {
        if (entry?.is !== "directory") return undefined;
        const entries: readonly TreeEntry[] = await reader.tree(entry.id);
        entry = entries.find((child) => child.name === name);
      }
      return entry?.is === "file" || entry?.is === "directory" ? { is: entry.is, id: entry.id } : undefined;
    },
    async whyAbsent(path) {
      let id = root;
      for (const [index, name] of path.split("/").entries()) {
        const entry = (await reader.tree(id)).find((child) => child.name === name);
        const place = path.split("/", index + 1).join("/");
        if (entry?.is === "symlink") return `${place} is a symbolic link, which is not followed; commit what it leads to`;
        if (entry?.is === "submodule") return `${place} is a submodule, which is not fetched; commit the files themselves`;
        if (entry?.is !== "directory") return undefined;
        id = entry.id;
      }
      return undefined;
    },
    read: (id) => reader.blob(id),
    async list(path) {
      const folder = await this.look(path);
      return folder?.is === "directory"
        ? listTree(
            folder.id,
            "",
            boundedWalk((id) => reader.tree(id)),
          )
        : [];
    },
  };
}
