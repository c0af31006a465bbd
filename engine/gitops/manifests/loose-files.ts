import { quoteControls } from "../../lib/without-controls.ts";
import type { TreeEntry } from "../git/git-source.ts";
import type { IgnoreRule } from "./ignore-patterns.ts";
import { isManifestName } from "./list-folder.ts";
import { DEFAULT_PARENTS, type Unit } from "./resolve-units.ts";

export interface LooseFilesRequest {
  readonly tree: (id: string) => Promise<readonly TreeEntry[]>;
  /** Of the folder of the repository that is used. */
  readonly entries: readonly TreeEntry[];
  readonly units: readonly Unit[];
  /** That folder with a trailing slash, unless it is the root. */
  readonly prefix: string;
  readonly isIgnored: IgnoreRule;
}

/** Manifests beside the application folders are easily taken for deployed ones, so they are named. */
export async function findLooseFiles({ tree, entries, units, prefix, isIgnored }: LooseFilesRequest): Promise<readonly string[]> {
  if (!hasDefaultLayout(units)) return [];
  const loose: string[] = [];
  for (const parent of DEFAULT_PARENTS) {
    const folder = entries.find((entry) => entry.name === parent && entry.is === "directory");
    for (const entry of folder === undefined ? [] : await tree(folder.id)) {
      const path = `${parent}/${entry.name}`;
      if (entry.is === "file" && isManifestName(entry.name) && !entry.name.startsWith(".") && !isIgnored(path, false))
        loose.push(`${quoteControls(`${prefix}${path}`)}: lies beside the application folders, left out; move it into a folder below ${parent}/`);
    }
  }
  return loose;
}

/** Whether a path is that of such a file. */
export function isBesideApplications(units: readonly Unit[]): (path: string) => boolean {
  return hasDefaultLayout(units) ? (path) => DEFAULT_PARENTS.includes(path.slice(0, path.lastIndexOf("/"))) : () => false;
}

function hasDefaultLayout(units: readonly Unit[]): boolean {
  return units.every((unit) => DEFAULT_PARENTS.some((parent) => unit.path.startsWith(`${parent}/`)));
}
