import { setImmediate } from "node:timers/promises";
import type { TreeEntry } from "../git/git-source.ts";

/**
 * More than a repository of manifests has. Folders that stand in each other ten times over are a few objects in Git, and without end to
 * whoever follows them.
 */
const ENTRIES_MAX = 500_000;
/** After so many, whatever else the server has to do comes first. */
const ENTRIES_PER_TURN = 10_000;

/** What is wrong with the trees of a commit, for the person who made it. */
export class TreeFault extends Error {}

/** Reads trees for one walk through a commit's folders. Rejects with a TreeFault once it has been through more of them than any repository is meant to have. */
export function boundedWalk(tree: (id: string) => Promise<readonly TreeEntry[]>): (id: string) => Promise<readonly TreeEntry[]> {
  let [seen, turn] = [0, 0];
  return async (id) => {
    const entries = await tree(id);
    seen += entries.length + 1; // a folder without entries is one as well
    if (seen > ENTRIES_MAX) throw new TreeFault(`the commit has more than ${ENTRIES_MAX} files and folders where manifests are looked for`);
    if (Math.floor(seen / ENTRIES_PER_TURN) > turn) {
      turn = Math.floor(seen / ENTRIES_PER_TURN);
      await setImmediate();
    }
    return entries;
  };
}

/** Whether a name stays in its folder where it is written to. Git's own programs make no other. */
export function isSafeName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name) && name.toLowerCase() !== ".git";
}
