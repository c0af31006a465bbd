import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import path from "node:path";
import type { GitObjects, TreeEntry } from "../gitops/git/git-source.ts";
import { runGit } from "../gitops/git/native-git.ts";
import { UsageError } from "../options/config.ts";

interface Folder {
  readonly id: string;
  readonly entries: Map<string, TreeEntry | Folder>;
}

/**
 * A folder on disk as if it were a commit, so that it can be planned before it is one. In a work tree, what Git would commit:
 * tracked and new files, without what is ignored. Elsewhere every file. Links are links, as in a commit.
 */
export async function openDirectory(directory: string): Promise<{ readonly objects: GitObjects; readonly tree: string }> {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) throw new UsageError(`there is no folder ${directory}`);
  const blobs = new Map<string, string>();
  const folders = new Map<string, Folder>();
  const root = newFolder("", folders);
  for (const file of await filesOf(directory)) {
    const full = path.join(directory, file);
    const stat = lstatSync(full, { throwIfNoEntry: false });
    // Deleted, but not yet from the index; or another repository that lies in this one.
    if (stat === undefined || file.endsWith("/")) continue;
    const parts = file.split("/");
    const name = parts.pop() ?? "";
    let folder = root;
    for (const part of parts) folder = childOf(folder, part, folders);
    if (stat.isDirectory()) {
      // Git lists no folders but those of submodules.
      if (!folder.entries.has(name)) folder.entries.set(name, { name, id: `submodule:${file}`, is: "submodule" });
      continue;
    }
    const id = stat.isSymbolicLink() ? `link:${file}` : createHash("sha1").update(readFileSync(full)).digest("hex");
    blobs.set(id, full);
    folder.entries.set(name, { name, id, is: stat.isSymbolicLink() ? "symlink" : "file" });
  }
  const blob = async (id: string) => {
    const file = blobs.get(id) ?? path.join(directory, id);
    return id.startsWith("link:") ? Buffer.from(readlinkSync(file)) : readFileSync(file);
  };
  return {
    tree: root.id,
    objects: {
      commit: async (id) => ({ id, tree: root.id, parents: [], message: "", author: "", time: 0 }),
      tree: async (id) => [...(folders.get(id)?.entries ?? [])].map(([name, entry]) => ("entries" in entry ? { name, id: entry.id, is: "directory" } : entry)),
      blob,
    },
  };
}

function newFolder(at: string, folders: Map<string, Folder>): Folder {
  const folder: Folder = { id: `folder:${at}`, entries: new Map() };
  folders.set(folder.id, folder);
  return folder;
}

function childOf(parent: Folder, name: string, folders: Map<string, Folder>): Folder {
  const known = parent.entries.get(name);
  if (known !== undefined && "entries" in known) return known;
  const made = newFolder(`${parent.id.slice("folder:".length)}/${name}`, folders);
  parent.entries.set(name, made);
  return made;
}

async function filesOf(directory: string): Promise<readonly string[]> {
  const listed = await runGit({ args: ["-C", directory, "ls-files", "-z", "--cached", "--others", "--exclude-standard"] });
  if (listed.code === 0)
    return [
      ...new Set(
        listed.stdout
          .toString("utf8")
          .split("\0")
          .filter((file) => file !== ""),
      ),
    ];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)).split(path.sep).join("/"))
    .filter((file) => !file.startsWith(".git/"));
}
