import { promises as fs } from "node:fs";
import path from "node:path";
import type { BranchState, GitSource, GitStore, Signature } from "./git-source.ts";
import { readRef } from "./git-refs.ts";
import { openGitStore } from "./git-store.ts";
import { writeChangedTree } from "./git-tree.ts";
import { BOUNDED } from "./native-git.ts";

/** A push larger than this is cut off by Git: manifests are text. */
const PUSH_BYTES_MAX = 256 << 20;

/** The name of whoever pushes without saying who he is. */
export const ANONYMOUS = "local";

/**
 * What the hosted repository, and the mirror of a remote one, need of Git. Rewritten at every start, so an edit of the file cannot open a hole
 * that stays. A push is one pack: of single objects, `git prune` removes those that no ref leads to yet. What a pusher was told is on the disk by
 * then, as it is in the store: by itself Git leaves single objects and refs to the system.
 */
const REPOSITORY_CONFIG = `[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\tlogAllRefUpdates = true
\tfsync = objects,derived-metadata,reference
${BOUNDED.map(([key, value]) => `[${key.split(".")[0] ?? ""}]\n\t${key.split(".")[1] ?? ""} = ${value}\n`).join("")}[http]
\treceivepack = true
[receive]
\tadvertisePushOptions = true
\tfsckObjects = true
\tmaxInputSize = ${PUSH_BYTES_MAX}
\tunpackLimit = 1
\tdenyDeleteCurrent = ignore
[receive "fsck"]
\tmissingSpaceBeforeDate = ignore
\tzeroPaddedFilemode = ignore
[uploadpack]
\tallowFilter = true
[gc]
\tautoDetach = true
[remote "origin"]
\tfetch = +refs/heads/*:refs/remotes/origin/*
`;

/**
 * Creates the bare repository when it does not exist, or was not made to the end. Returns whether it was created just now. Rejects for one of
 * another format, whose objects or refs nobody here could read.
 */
export async function ensureHostedRepository(gitDir: string, branch: string): Promise<boolean> {
  const head = await textOf(path.join(gitDir, "HEAD"));
  if (head === undefined) {
    for (const folder of ["objects/info", "objects/pack", "refs/heads", "refs/tags", "info", "hooks"])
      await fs.mkdir(path.join(gitDir, folder), { recursive: true, mode: 0o700 });
  }
  const extension = /^\s*(objectformat|refstorage)\s*=\s*(?!sha1|files)(\S+)/im.exec((await textOf(path.join(gitDir, "config"))) ?? "");
  if (extension !== null)
    throw new Error(
      `the repository in ${gitDir} has another format than is read here (${extension[1]} = ${extension[2]}): push what is in it to one of Git's usual format`,
    );
  await fs.writeFile(path.join(gitDir, "config"), REPOSITORY_CONFIG);
  // Without it this is no repository: it comes last.
  if (head === undefined) await fs.writeFile(path.join(gitDir, "HEAD"), `ref: refs/heads/${branch}\n`);
  return head === undefined;
}

/** Undefined where there is no such file. */
async function textOf(file: string): Promise<string | undefined> {
  try {
    return await fs.readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Makes `files` the first commit of a branch. Does nothing when the branch exists; returns the commit, or undefined then. */
export async function seedRepository(
  gitDir: string,
  branch: string,
  files: ReadonlyMap<string, Buffer | string>,
  signature: Signature,
  message: string,
): Promise<string | undefined> {
  if ((await readRef(gitDir, `refs/heads/${branch}`)) !== undefined) return undefined;
  const store = openGitStore(gitDir);
  const tree = await writeChangedTree(store, undefined, files);
  const commit = await store.writeCommit({ tree, parents: [], message, signature });
  const result = await store.pushRef(`refs/heads/${branch}`, undefined, commit);
  if (result.is === "conflict") throw new Error(`create branch ${branch}`, { cause: new Error(result.reason) });
  return commit;
}

/** All files below a folder, by path; what `seedRepository` takes. Symbolic links are left out. */
export async function readSeedFiles(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const entry of await fs.readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    files.set(path.relative(folder, file).split(path.sep).join("/"), await fs.readFile(file));
  }
  return files;
}

/** Who moved a branch to a commit last, by Git's own log of refs; undefined when the log does not say, or when nobody had to log in. */
async function pusherOf(gitDir: string, branch: string, commit: string): Promise<string | undefined> {
  const log = await fs.readFile(path.join(gitDir, "logs/refs/heads", branch), "utf8").catch(() => "");
  const line = log.split("\n").findLast((entry) => entry.slice(41, 81) === commit);
  // `<old> <new> <name> <user@http.address> <time> <zone>\t<action>`: http-backend names the user it was given.
  const name = /^\S+ \S+ (.*) <[^>]*@http\.[^>]*> /.exec(line ?? "")?.[1];
  return name === undefined || name === ANONYMOUS ? undefined : name;
}

/** The repository that this cluster serves itself. Pushes announce themselves, so it is never polled. */
export function openHostedSource(gitDir: string, store: GitStore, branch: string, url: string): GitSource {
  let last: string | undefined;
  return {
    url,
    branch,
    store,
    pollIntervalMs: Infinity,
    pusherOf: (commit) => pusherOf(gitDir, branch, commit),
    async look(): Promise<BranchState> {
      const commit = await readRef(gitDir, `refs/heads/${branch}`);
      if (commit === undefined) return last === undefined ? { is: "empty" } : { is: "deleted", last };
      last = commit;
      return { is: "at", commit };
    },
  };
}
