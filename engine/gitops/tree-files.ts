import type { TreeEntry } from "./git-source.ts";
import type { FileEntry, RepositoryFiles } from "./kustomize/repository-files.ts";

/** How trees and blobs are read; both are cached by whoever gives them. */
export interface TreeReader {
  tree(id: string): Promise<readonly TreeEntry[]>;
  blob(id: string): Promise<Buffer>;
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
    read: (id) => reader.blob(id),
  };
}
