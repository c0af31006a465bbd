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
  readonly walk: (id: string) => Promise<readonly TreeEntry[]>;
  readonly blob: (id: string) => Promise<Buffer>;
  readonly root: string;
  /** Path globs of units. */
  readonly patterns: readonly string[];
  /** What lies inside of one is looked at with it. */
  readonly units: readonly { readonly path: string }[];
  readonly isIgnored: IgnoreRule;
  readonly prefix: string;
}

/**
 * Links that may be folders, and submodules, where a unit's pattern means them. They are not followed, and a folder that becomes one must not pass for
 * one that left the repository: everything it has made would be deleted.
 */
export async function findLinkedFolders(links: readonly LinkedEntry[], request: LinkedFoldersRequest): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const { path: place, entry } of links) {
    if (request.isIgnored(place, true) || request.units.some((unit) => unit.path !== "" && place.startsWith(`${unit.path}/`))) continue;
    if (!request.patterns.some((pattern) => isMeant(pattern, place))) continue;
    const file = `${request.prefix}${place}`;
    if (entry.is === "submodule")
      problems.push({ file, line: 1, message: "submodules are not fetched; commit the files themselves, or list the folder in .mainstayignore" });
    else if (!(await leadsToFile(place, entry, request)))
      problems.push({ file, line: 1, message: "symbolic links are not followed; commit the folder itself, or list the link in .mainstayignore" });
  }
  return problems;
}

/** Whether a pattern means the folder, or could mean one below it; below, `**` means any, and only the folder itself counts. */
function isMeant(pattern: string, place: string): boolean {
  if (pattern.includes("**")) return globExpression(pattern).test(place);
  const depth = place.split("/").length;
  const parts = pattern.split("/");
  return parts.length >= depth && globExpression(parts.slice(0, depth).join("/")).test(place);
}

/** Of what else a link leads to (a folder, another link, out of the repository), nobody knows that it was no folder before. */
async function leadsToFile(place: string, { id }: TreeEntry, { walk, blob, root }: LinkedFoldersRequest): Promise<boolean> {
  const names = path.posix.join(path.posix.dirname(place), (await blob(id)).toString("utf8")).split("/");
  let folder = root;
  for (const [index, name] of names.entries()) {
    const next = (await walk(folder)).find((child) => child.name === name);
    if (index === names.length - 1) return next?.is === "file";
    if (next?.is !== "directory") return false;
    folder = next.id;
  }
  return false;
}
