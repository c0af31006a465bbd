import { promises as fs } from "node:fs";
import path from "node:path";
import git from "isomorphic-git";
import { formatTree } from "./format-tree.ts";
import { openGitObjects } from "./git-objects.ts";
import { listRefs, readRef } from "./git-refs.ts";
import type { GitStore, NewCommit, PushResult } from "./git-source.ts";
import { gitText } from "./native-git.ts";
import { openObjectFiles } from "./object-files.ts";
import { removeStaleLock } from "./stale-locks.ts";
import { removeLeftovers } from "./unfinished-packs.ts";

/** A bare repository on this machine. */
export function openGitStore(gitDir: string): GitStore {
  const files = openObjectFiles();
  const at = { fs: files.fs, gitdir: gitDir };
  const objects = openGitObjects(gitDir);
  return {
    objects,
    writeBlob: (content) => git.writeBlob({ ...at, blob: typeof content === "string" ? Buffer.from(content, "utf8") : content }),
    writeTree: (entries) => git.writeObject({ ...at, type: "tree", format: "content", object: formatTree(entries) }),
    writeCommit: (commit) => git.writeCommit({ ...at, commit: toGitCommit(commit) }),
    fetchRef: (ref) => readRef(gitDir, ref),
    async pushRef(ref, from, to) {
      await files.onDisk();
      return compareAndSwapRef(gitDir, ref, from, to);
    },
    listRefs: (prefix) => listRefs(gitDir, prefix.replace(/\/$/, "")),
    async tidy(signal) {
      await removeLeftovers(gitDir);
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

/**
 * Moves a loose ref by Git's own protocol: `<ref>.lock` made exclusively, then compared, written and renamed.
 * A running `git push` holds the same lock, so neither can overwrite the other; starting `git update-ref` for it would cost 8 ms.
 */
export async function compareAndSwapRef(gitDir: string, ref: string, from: string | undefined, to: string | undefined): Promise<PushResult> {
  const file = path.join(gitDir, ref);
  // Deleting has to edit packed-refs as well; it is rare enough to leave to Git.
  if (to === undefined) return deleteRef(gitDir, ref, from);
  await fs.mkdir(path.dirname(file), { recursive: true });
  const take = () =>
    fs.open(`${file}.lock`, "wx").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") return undefined;
      throw new Error(`lock ${ref}`, { cause: error });
    });
  const lock = (await take()) ?? ((await removeStaleLock(`${file}.lock`)) ? await take() : undefined);
  if (lock === undefined) return { is: "conflict", reason: `${ref} is locked by another writer` };
  let isRenamed = false;
  try {
    const current = await readRef(gitDir, ref);
    if (current !== from) return { is: "conflict", reason: `${ref} is at ${current ?? "nothing"}, not at ${from ?? "nothing"}` };
    await lock.writeFile(`${to}\n`);
    await lock.sync();
    await fs.rename(`${file}.lock`, file);
    isRenamed = true;
    return { is: "pushed" };
  } finally {
    await lock.close();
    if (!isRenamed) await fs.rm(`${file}.lock`, { force: true });
  }
}

async function deleteRef(gitDir: string, ref: string, from: string | undefined): Promise<PushResult> {
  try {
    await gitText({ gitDir, args: ["update-ref", "-d", ref, ...(from === undefined ? [] : [from])] });
    return { is: "pushed" };
  } catch (error) {
    return { is: "conflict", reason: error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error) };
  }
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
