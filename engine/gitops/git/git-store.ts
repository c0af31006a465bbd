import git from "isomorphic-git";
import { formatTree } from "./format-tree.ts";
import { openGitObjects } from "./git-objects.ts";
import { listRefs, readRef } from "./git-refs.ts";
import type { GitStore, NewCommit } from "./git-source.ts";
import { compareAndSwapRef } from "./move-ref.ts";
import { gitText } from "./native-git.ts";
import { openObjectFiles } from "./object-files.ts";
import { RecentObjects } from "./recent-objects.ts";
import { removeStaleRefLocks } from "./stale-locks.ts";
import { removeLeftovers } from "./unfinished-packs.ts";

/** A bare repository on this machine. */
export function openGitStore(gitDir: string): GitStore {
  const files = openObjectFiles();
  const at = { fs: files.fs, gitdir: gitDir };
  const objects = openGitObjects(gitDir);
  const recent = new RecentObjects();
  return {
    objects,
    writeBlob(content) {
      const blob = typeof content === "string" ? Buffer.from(content, "utf8") : content;
      return recent.write("blob", blob.length, () => git.writeBlob({ ...at, blob }));
    },
    writeTree(entries) {
      const object = formatTree(entries);
      return recent.write("tree", object.length, () => git.writeObject({ ...at, type: "tree", format: "content", object }));
    },
    writeCommit: (commit) => recent.write("commit", commit.message.length, () => git.writeCommit({ ...at, commit: toGitCommit(commit) })),
    fetchRef: (ref) => readRef(gitDir, ref),
    async pushRef(ref, from, to) {
      await files.onDisk();
      return compareAndSwapRef(gitDir, ref, from, to);
    },
    async listRefs(...prefixes) {
      const found: (readonly [string, string])[] = [];
      for (const prefix of prefixes) for (const ref of await listRefs(gitDir, prefix.replace(/\/$/, ""))) found.push(ref);
      return new Map(found);
    },
    restoreRecent: () => recent.restore(objects),
    async tidy(signal) {
      await removeLeftovers(gitDir);
      await removeStaleRefLocks(gitDir, []);
      // Git counts objects, not refs: a thousand branches would be a thousand files to be read with each look.
      await gitText({ gitDir, args: ["pack-refs", "--all"], signal });
      await gitText({ gitDir, args: ["-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"], signal });
      objects.forgetPacks();
    },
    async countCommits(id, max) {
      let count = 0;
      for (let next: string | undefined = id; next !== undefined && count < max; count++) next = (await objects.commit(next)).parents[0];
      return count;
    },
  };
}

function toGitCommit(commit: NewCommit): { tree: string; parent: string[]; message: string; author: GitPerson; committer: GitPerson } {
  const { name, email, time } = commit.signature;
  const person = { name, email, timestamp: Math.floor(time / 1000), timezoneOffset: 0 };
  return { tree: commit.tree, parent: [...commit.parents], message: commit.message, author: person, committer: person };
}

interface GitPerson {
  name: string;
  email: string;
  timestamp: number;
  timezoneOffset: number;
}
