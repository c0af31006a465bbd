import path from "node:path";
import type { TreeEntry } from "../git/git-source.ts";
import { globExpression, type IgnoreRule } from "./ignore-patterns.ts";
import type { Problem } from "./problem.ts";

/** What stands where a unit's folder could be, and is neither folder nor file. */
export interface LinkedEntry {
  readonly path: string;
  readonly entry: TreeEntry;
}

export interface LinkedFoldersRequest {
  readonly tree: (id: string) => Promise<readonly TreeEntry[]>;
  readonly blob: (id: string) => Promise<Buffer>;
  readonly root: string;
  /** Path globs of units. */
  readonly patterns: readonly string[];
  readonly isIgnored: IgnoreRule;
  readonly prefix: string;
}

/**
 * Links to folders, and submodules, that a unit's pattern means. They are not followed, and a folder that becomes one must not pass for
 * one that left the repository: everything it has made would be deleted.
 */
export async function findLinkedFolders(links: readonly LinkedEntry[], request: LinkedFoldersRequest): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const { path: place, entry } of links) {
    if (request.isIgnored(place, true) || !request.patterns.some((pattern) => isMeant(pattern, place))) continue;
    const file = `${request.prefix}${place}`;
    if (entry.is === "submodule")
      problems.push({ file, line: 1, message: "submodules are not fetched; commit the files themselves, or list the folder in .mainstayignore" });
    else if (await leadsToFolder(place, entry, request))
      problems.push({ file, line: 1, message: "symbolic links are not followed; commit the folder itself, or list the link in .mainstayignore" });
  }
  return problems;
}

/** Whether a pattern could mean the folder, or one below it. */
function isMeant(pattern: string, place: string): boolean {
  const depth = place.split("/").length;
  // What lies inside of a unit is looked at with the unit.
  if (pattern === "" || pattern.includes("**")) return false;
  const parts = pattern.split("/");
  return parts.length >= depth && globExpression(parts.slice(0, depth).join("/")).test(place);
}

async function leadsToFolder(place: string, { id }: TreeEntry, { tree, blob, root }: LinkedFoldersRequest): Promise<boolean> {
  const target = path.posix.join(path.posix.dirname(place), (await blob(id)).toString("utf8"));
  let folder = root;
  for (const name of target.replace(/\/+$/, "").split("/")) {
    const next = (await tree(folder)).find((child) => child.name === name);
    if (next?.is !== "directory") return false;
    folder = next.id;
  }
  return true;
}
